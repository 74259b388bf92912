// Whether a Python can be a worker of ours for functions of PySpark: asked once of each, on the driver. Where the executors'
// differs from the driver's, the executor's error says what it lacks.
package org.beringia.spark.accelerate

import java.io.File
import java.util.concurrent.{ConcurrentHashMap, TimeUnit}

import scala.io.Source
import scala.util.control.NonFatal

import org.apache.spark.sql.execution.python.beringia.PythonTask

object Interpreters {
  private val known = new ConcurrentHashMap[(String, String), Option[String]]
  private val Probe = "import sys, beringia.spark.udf.groups; print('%d.%d' % sys.version_info[:2])"
  private val Patience = 60L // seconds

  /** Why `interpreter` cannot run functions that Python `version` pickled; none where it can. */
  def refusal(interpreter: String, version: String): Option[String] =
    known.computeIfAbsent((interpreter, version), _ => probe(interpreter, version))

  private def probe(interpreter: String, version: String): Option[String] =
    try {
      val builder = new ProcessBuilder(interpreter, "-c", Probe).redirectErrorStream(true)
      val path = sys.env.get("PYTHONPATH").toSeq :+ PythonTask.sparkPath
      builder.environment().put("PYTHONPATH", path.mkString(File.pathSeparator))
      val process = builder.start()
      val output = Source.fromInputStream(process.getInputStream, "UTF-8").getLines().toList
      if (!process.waitFor(Patience, TimeUnit.SECONDS)) Some(s"$interpreter does not end")
      else if (process.exitValue() != 0)
        Some(s"$interpreter lacks a package: ${output.lastOption.getOrElse("")}")
      else if (!output.lastOption.contains(version)) {
        Some(s"$interpreter is Python ${output.mkString}, and the function was pickled by $version")
      } else None
    } catch {
      case NonFatal(e) => Some(s"$interpreter cannot be run: ${e.getMessage}")
    }
}
