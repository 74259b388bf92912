// The metrics of a node, as Spark's UI shows them: those that Spark's own Python nodes have are named as theirs.
package org.beringia.spark

import org.apache.spark.SparkContext
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.beringia.bridge.JobResult

/** @param created what [[JobMetrics.created]] gave */
final class JobMetrics(created: Map[String, SQLMetric]) extends Serializable {
  val groups: SQLMetric = created("numGroups")
  val rows: SQLMetric = created("numOutputRows")
  val batches: SQLMetric = created("numBatches")
  val bytesIn: SQLMetric = created("bytesIn")
  val bytesOut: SQLMetric = created("bytesOut")
  val bytesCopied: SQLMetric = created("bytesCopied")
  val bytesMoved: SQLMetric = created("bytesMoved")

  /** Time in which rows were pulled from the child and written; the child's own time is in it. */
  val filling: SQLMetric = created("fillTime")

  /** Time in which nothing was left to do but wait for a result. */
  val waiting: SQLMetric = created("waitTime")
  val worker: SQLMetric = created("workerTime")
  val function: SQLMetric = created("functionTime")
  val writing: SQLMetric = created("writeTime")
  val slowest: SQLMetric = created("slowestGroup")

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
  def created(context: SparkContext): Map[String, SQLMetric] = Map(
    "numGroups" -> SQLMetrics.createMetric(context, "number of groups"),
    "numOutputRows" -> SQLMetrics.createMetric(context, "number of output rows"),
    "numBatches" -> SQLMetrics.createMetric(context, "number of batches"),
    "bytesIn" -> SQLMetrics.createSizeMetric(context, "data sent to Python workers"),
    "bytesOut" -> SQLMetrics.createSizeMetric(context, "data returned from Python workers"),
    "bytesCopied" -> SQLMetrics.createSizeMetric(context, "bytes copied"),
    "bytesMoved" -> SQLMetrics.createSizeMetric(context, "bytes moved"),
    "fillTime" -> SQLMetrics.createNanoTimingMetric(context, "time filling"),
    "waitTime" -> SQLMetrics.createNanoTimingMetric(context, "time waiting"),
    "workerTime" -> SQLMetrics.createNanoTimingMetric(context, "time in Python worker"),
    "functionTime" -> SQLMetrics.createNanoTimingMetric(context, "time in function"),
    "writeTime" -> SQLMetrics.createNanoTimingMetric(context, "time writing results"),
    "slowestGroup" -> SQLMetrics.createNanoTimingMetric(context, "slowest group of a task")
  )
}
