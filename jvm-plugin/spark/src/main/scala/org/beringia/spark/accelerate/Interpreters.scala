// Whether a Python can be a worker of ours for functions of PySpark: asked once of each, on the driver. Where the executors'
// differs from the driver's, the executor's error says what it lacks.
package org.beringia.spark.accelerate

import java.io.File
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Files
import java.util.concurrent.{ConcurrentHashMap, TimeUnit}

import scala.util.control.NonFatal

import org.apache.spark.sql.execution.python.beringia.PythonTask

object Interpreters {
  private val known = new ConcurrentHashMap[(String, String), Option[String]]
  private val Probe = "import sys, beringia.spark.udf.groups; print('%d.%d' % sys.version_info[:2])"
  private val Patience = 60L // seconds

  /** Why `interpreter` cannot run functions that Python `version` pickled; none where it can. */
  def refusal(interpreter: String, version: String): Option[String] =
    Option(known.get((interpreter, version))).getOrElse {
      probe(interpreter) match {
        case Left(reason) => Some(reason)
        case Right((exitCode, said)) =>
          val answer = refusal(interpreter, version, exitCode, said.split('\n').last.trim)
          known.put((interpreter, version), answer)
          answer
      }
    }

  private def refusal(interpreter: String, version: String, exitCode: Int, said: String): Option[String] =
    if (exitCode != 0) Some(s"$interpreter lacks a package: $said")
    else if (said != version) {
      Some(s"$interpreter is Python $said, and the function was pickled by $version")
    } else None

  /** How it ended, and what it said; or why it did not. */
  private def probe(interpreter: String): Either[String, (Int, String)] = {
    val said =
      Files.createTempFile("beringia-probe", ".log") // a process that it leaves behind may hold a pipe
    try {
      val builder = new ProcessBuilder(interpreter, "-c", Probe)
        .redirectErrorStream(true)
        .redirectOutput(said.toFile)
      val path = sys.env.get("PYTHONPATH").toSeq :+ PythonTask.sparkPath
      builder.environment().put("PYTHONPATH", path.mkString(File.pathSeparator))
      val process = builder.start()
      try {
        if (process.waitFor(Patience, TimeUnit.SECONDS)) {
          Right((process.exitValue(), new String(Files.readAllBytes(said), UTF_8).trim))
        } else Left(s"$interpreter does not end")
      } finally process.destroyForcibly(): Unit
    } catch {
      case NonFatal(e) => Left(s"$interpreter cannot be run: ${e.getMessage}")
    } finally Files.delete(said)
  }
}
