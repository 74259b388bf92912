// The metrics of a node, as Spark's UI shows them.
package org.beringia.spark

import org.apache.spark.SparkContext
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.beringia.bridge.JobResult

/**
 * @param filling time in which rows were pulled from the child and written; the child's own time is in it
 * @param waiting time in which nothing was left to do but wait for a result
 */
final class JobMetrics(
    val groups: SQLMetric,
    val rows: SQLMetric,
    val batches: SQLMetric,
    val bytesIn: SQLMetric,
    val bytesOut: SQLMetric,
    val bytesCopied: SQLMetric,
    val bytesMoved: SQLMetric,
    val filling: SQLMetric,
    val waiting: SQLMetric,
    val worker: SQLMetric,
    val function: SQLMetric,
    val writing: SQLMetric,
    val slowest: SQLMetric
) extends Serializable {

  /** A batch of `bytes` was written, `moved` of them more than once. */
  def submitted(bytes: Long, moved: Long): Unit = {
    batches += 1
    bytesCopied += bytes
    bytesMoved += moved
  }

  def received(result: JobResult): Unit = {
    groups += result.groups
    rows += result.rows
    bytesIn += result.bytesIn
    bytesOut += result.bytesOut
    bytesCopied += result.bytesCopied
    bytesMoved += result.bytesMoved
    worker += result.workerNanos
    function += result.functionNanos
    writing += result.writeNanos
    slowest.set(math.max(slowest.value, result.slowestNanos))
  }
}

object JobMetrics {
  private val Groups = "numGroups"
  private val Rows = "numOutputRows"
  private val Batches = "numBatches"
  private val BytesIn = "bytesIn"
  private val BytesOut = "bytesOut"
  private val BytesCopied = "bytesCopied"
  private val BytesMoved = "bytesMoved"
  private val Filling = "fillTime"
  private val Waiting = "waitTime"
  private val Worker = "workerTime"
  private val Function = "functionTime"
  private val Writing = "writeTime"
  private val Slowest = "slowestGroup"

  def create(context: SparkContext): Map[String, SQLMetric] = Map(
    Groups -> SQLMetrics.createMetric(context, "number of groups"),
    Rows -> SQLMetrics.createMetric(context, "number of output rows"),
    Batches -> SQLMetrics.createMetric(context, "number of batches"),
    BytesIn -> SQLMetrics.createSizeMetric(context, "bytes in"),
    BytesOut -> SQLMetrics.createSizeMetric(context, "bytes out"),
    BytesCopied -> SQLMetrics.createSizeMetric(context, "bytes copied"),
    BytesMoved -> SQLMetrics.createSizeMetric(context, "bytes moved"),
    Filling -> SQLMetrics.createNanoTimingMetric(context, "time filling"),
    Waiting -> SQLMetrics.createNanoTimingMetric(context, "time waiting"),
    Worker -> SQLMetrics.createNanoTimingMetric(context, "time in Python worker"),
    Function -> SQLMetrics.createNanoTimingMetric(context, "time in function"),
    Writing -> SQLMetrics.createNanoTimingMetric(context, "time writing results"),
    Slowest -> SQLMetrics.createNanoTimingMetric(context, "slowest group of a task")
  )

  def of(metrics: Map[String, SQLMetric]): JobMetrics = new JobMetrics(
    metrics(Groups),
    metrics(Rows),
    metrics(Batches),
    metrics(BytesIn),
    metrics(BytesOut),
    metrics(BytesCopied),
    metrics(BytesMoved),
    metrics(Filling),
    metrics(Waiting),
    metrics(Worker),
    metrics(Function),
    metrics(Writing),
    metrics(Slowest)
  )
}
