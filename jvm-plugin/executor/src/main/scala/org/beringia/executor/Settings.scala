// The settings that the plugin itself reads. All others under the same prefix belong to the native side, which
// gets the whole lot and refuses what it does not know. Resolved on the driver: tasks have no session.
package org.beringia.executor

import java.util.concurrent.TimeUnit

import org.apache.spark.SparkConf
import org.apache.spark.network.util.JavaUtils
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.memory.BatchLimits

object Settings {
  val Prefix = "spark.beringia."

  /** Bytes of a batch that is handed over at once. */
  val BatchBytes: String = Prefix + "batchBytes"
  private val DefaultBatchBytes = "8m"

  /** Largest group, in bytes. */
  val MaxGroupBytes: String = BatchLimits.GroupSetting
  private val DefaultMaxGroupBytes = "1g"

  /** Whether functions that were given to PySpark run on our workers. */
  val Accelerate: String = Prefix + "accelerate"

  /** The longest that one call of such a function may take. */
  private val GroupTimeout = Prefix + "groupTimeout"

  /** Whether rows go to their groups as blocks of columns where they can. */
  val ExchangeColumns: String = Prefix + "exchange.columns"

  /** The native side knows nothing of these. */
  private val OfEngines = Set(Accelerate, GroupTimeout, ExchangeColumns)

  private val Backend = Prefix + "segment.backend"
  private val Busy = Prefix + "worker.busy"
  private val Encryption = "spark.io.encryption.enabled"

  /** Those among `all` that the native side knows. */
  def ours(all: Iterable[(String, String)]): Map[String, String] =
    all.filter { case (name, _) => name.startsWith(Prefix) && !OfEngines(name) }.toMap

  def limits(settings: Map[String, String]): BatchLimits = BatchLimits(
    bytes(settings, BatchBytes, DefaultBatchBytes),
    bytes(settings, MaxGroupBytes, DefaultMaxGroupBytes)
  )

  /** What the setting [[Accelerate]] says. */
  def accelerates(setting: Option[String]): Boolean = isTrue(Accelerate, setting.getOrElse("false"))

  /** What the setting [[ExchangeColumns]] says. */
  def exchangesColumns(setting: Option[String]): Boolean = isTrue(ExchangeColumns, setting.getOrElse("true"))

  private def isTrue(name: String, text: String): Boolean = text match {
    case "true" => true
    case "false" => false
    case _ => throw new BeringiaException(ErrorCode.CONFIG, s"$name is '$text': it wants true or false")
  }

  /** In seconds. */
  def groupTimeout(settings: Map[String, String]): Option[Double] = settings.get(GroupTimeout).map { text =>
    val millis =
      try JavaUtils.timeStringAs(if (text.forall(_.isDigit)) text + "s" else text, TimeUnit.MILLISECONDS)
      catch { case _: IllegalArgumentException => 0L }
    if (millis <= 0) {
      throw new BeringiaException(ErrorCode.CONFIG, s"$GroupTimeout is '$text': it wants a time, such as 90s")
    }
    millis / 1000.0
  }

  /** `settings` with as many busy workers as tasks may run at a time, where that is known and nothing else is said. */
  def withCores(settings: Map[String, String], conf: SparkConf): Map[String, String] =
    if (settings.get(Busy).exists(_.trim != "0")) settings
    else {
      val cores = conf.get("spark.master", "") match {
        case "local" => Some(1)
        case Local("*") => Some(Runtime.getRuntime.availableProcessors)
        case Local(threads) => Some(threads.toInt)
        case _ => conf.getOption("spark.executor.cores").map(_.toInt)
      }
      val tasks = cores.map(_ / conf.getInt("spark.task.cpus", 1))
      settings ++ tasks.map(tasks => Busy -> tasks.toString)
    }

  private val Local = """local\[([0-9]+|\*)(?:,.*)?\]""".r

  /**
   * Refuses named shared memory where Spark must encrypt what it writes to files: it is files, if in memory.
   * Anonymous memory is none; and nothing of ours crosses a network.
   */
  def checkEncryption(settings: Map[String, String], conf: SparkConf): Unit =
    if (conf.getBoolean(Encryption, false) && settings.get(Backend).contains("posix")) {
      throw new BeringiaException(
        ErrorCode.CONFIG,
        s"$Backend is posix, which keeps data in files under /dev/shm, and $Encryption is true: set $Backend to memfd"
      )
    }

  private def bytes(settings: Map[String, String], name: String, default: String): Long = {
    val text = settings.getOrElse(name, default)
    val value =
      try JavaUtils.byteStringAsBytes(text)
      catch {
        case e: IllegalArgumentException => throw wrong(name, text, e)
      }
    if (value <= 0) throw wrong(name, text, null)
    value
  }

  private def wrong(name: String, text: String, cause: Throwable) = new BeringiaException(
    ErrorCode.CONFIG,
    s"$name is '$text': it wants a number of bytes above zero, such as 8m",
    cause
  )
}
