// Which Python runs the functions of Scala and Java programs, and where it finds modules. (A driver that is
// Python decides for itself: python/beringia/spark/interpreter.py.)
package org.beringia.spark

import java.nio.file.{Path, Paths}

import org.apache.spark.{SparkContext, SparkFiles}
import org.apache.spark.sql.SparkSession
import org.beringia.executor.Settings

object Interpreter {

  /** The setting by which a session names it. */
  val Setting: String = Settings.Prefix + "python"

  /** A path, or a name to be found on the `PATH`, of the driver and of the executors. */
  def resolve(session: SparkSession): String =
    session.conf.getOption(Setting)
      .orElse(session.conf.getOption("spark.pyspark.python"))
      .orElse(sys.env.get("PYSPARK_PYTHON"))
      .filter(_.nonEmpty)
      .getOrElse("python3")

  /** Where [[paths]] that are relative begin on the driver. */
  def directory(context: SparkContext): Path = Paths.get(SparkFiles.getRootDirectory())

  /**
   * What workers add to their `sys.path`: Spark's directory of files (`SparkContext.addFile`), which is an
   * executor's working directory, and the archives in it; in local mode the driver's working directory too.
   */
  def paths(context: SparkContext): Seq[String] = {
    val found = ("." +: archives(context.listFiles())).map(path(context, _))
    if (context.isLocal) Paths.get("").toAbsolutePath.toString +: found else found
  }

  /** A place in Spark's directory of files as a worker finds it: in local mode it has the driver's working directory. */
  def path(context: SparkContext, inFiles: String): String =
    if (context.isLocal) directory(context).resolve(inFiles).normalize.toString else inFiles

  /** The names of those among files that Python imports modules from. */
  def archives(files: Seq[String]): Seq[String] =
    files.map(_.split('/').last).filter(name => Archives.exists(name.endsWith))

  private val Archives = Seq(".zip", ".egg", ".whl")
}
