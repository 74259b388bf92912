// Which Python runs the functions of Scala and Java programs, of SQL and of Spark Connect, and where it finds modules. (A
// driver that is Python decides for itself: python/beringia/spark/interpreter.py. It says which Python it is, for its SQL.)
package org.beringia.spark

import java.nio.file.{Path, Paths}

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.node.{ObjectNode, TextNode}
import org.apache.spark.{SparkContext, SparkFiles}
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.beringia.SparkInternals
import org.beringia.executor.{JobSpec, Settings}

object Interpreter {

  /** The setting by which a session names it. */
  val Setting: String = Settings.Prefix + "python"

  /** The setting that has the driver's own, if the driver is Python (python/beringia/spark/setup.py). */
  val DriverSetting = "spark.pyspark.driver.python"

  /** A path, or a name to be found on the `PATH`, of the driver and of the executors. */
  def resolve(session: SparkSession): String = {
    val driver = session.conf.getOption(DriverSetting)
    session.conf.getOption(Setting)
      .orElse(driver.filter(_ => session.sparkContext.isLocal))
      .orElse(session.conf.getOption("spark.pyspark.python"))
      .orElse(sys.env.get("PYSPARK_PYTHON"))
      .orElse(driver)
      .filter(_.nonEmpty)
      .getOrElse("python3")
  }

  /** Says in a job's spec which Python runs it, and where that finds modules. */
  def locate(spec: ObjectNode, session: SparkSession): Unit = {
    val program = JobSpec.part(spec, "program").put("interpreter", resolve(session))
    program.putArray("paths").addAll(paths(session).map(TextNode.valueOf).asJava)
    // A worker that has imported modules of one session serves that session alone.
    SparkInternals.artifacts(session).foreach(brought => program.put("environment", brought.directory))
  }

  /** Where [[paths]] that are relative begin on the driver. */
  def directory(context: SparkContext): Path = Paths.get(SparkFiles.getRootDirectory())

  /**
   * What workers add to their `sys.path`: what a client of Spark Connect has brought to the session; Spark's directory of
   * files (`SparkContext.addFile`), which is an executor's working directory, and the archives in it; in local mode the
   * driver's working directory too.
   */
  def paths(session: SparkSession): Seq[String] = {
    val context = session.sparkContext
    def inFiles(path: String) =
      if (context.isLocal) directory(context).resolve(path).normalize.toString else path
    val brought = SparkInternals.artifacts(session).toSeq.flatMap(of => modules(of.directory, of.files))
    val working = if (context.isLocal) Seq(Paths.get("").toAbsolutePath.toString) else Nil
    brought.map(inFiles) ++ working ++ ("." +: archives(context.listFiles())).map(inFiles)
  }

  /** The same for a Python that the driver runs: what was brought may not be in the directory of files yet. */
  def pathsOnDriver(session: SparkSession): Seq[String] =
    SparkInternals.artifacts(session).toSeq.flatMap(of => modules(of.onDriver.toString, of.files)) ++ paths(
      session
    )

  /** A directory and the archives in it. */
  private def modules(directory: String, files: Seq[String]): Seq[String] =
    directory +: archives(files).map(name => s"$directory/$name")

  /** The names of those among files that Python imports modules from. */
  private def archives(files: Seq[String]): Seq[String] =
    files.map(_.split('/').last).filter(name => Archives.exists(name.endsWith))

  private val Archives = Seq(".zip", ".egg", ".whl")
}
