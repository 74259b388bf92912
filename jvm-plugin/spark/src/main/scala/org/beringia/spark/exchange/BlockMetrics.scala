// The metrics of the nodes below and above an exchange of blocks, as Spark's UI shows them.
package org.beringia.spark.exchange

import org.apache.spark.SparkContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}

/** What goes into the exchange, or comes out of it. */
final class BlockMetrics(created: Map[String, SQLMetric]) extends Serializable {
  private[this] val rows = created("numRows")
  private[this] val blocks = created("numBlocks")
  private[this] val bytes = created("blockBytes")

  /** Counts the blocks as they are taken. */
  def counting(moved: Iterator[InternalRow]): Iterator[InternalRow] = moved.map {
    case block: UnsafeRow =>
      rows += Blocks.rowsOf(block)
      blocks += 1
      bytes += block.getSizeInBytes
      block
    case other => other
  }
}

object BlockMetrics {
  def created(context: SparkContext): Map[String, SQLMetric] = Map(
    "numRows" -> SQLMetrics.createMetric(context, "number of rows"),
    "numBlocks" -> SQLMetrics.createMetric(context, "number of blocks"),
    "blockBytes" -> SQLMetrics.createSizeMetric(context, "bytes of blocks")
  )
}

/** How partitions are sorted. */
final class SortMetrics(created: Map[String, SQLMetric]) extends Serializable {

  /** Time in which orders of columns were found. */
  val time: SQLMetric = created("sortTime")

  /** Memory that the columns took. */
  val memory: SQLMetric = created("columnBytes")

  /** Partitions that there was no memory for as columns, and that were sorted as rows. */
  val partitions: SQLMetric = created("partitionsSortedAsRows")

  /** Bytes that these spilled. */
  val spilled: SQLMetric = created("spillSize")
}

object SortMetrics {
  def created(context: SparkContext): Map[String, SQLMetric] = Map(
    "sortTime" -> SQLMetrics.createNanoTimingMetric(context, "time sorting columns"),
    "columnBytes" -> SQLMetrics.createSizeMetric(context, "bytes of columns in memory"),
    "partitionsSortedAsRows" -> SQLMetrics.createMetric(context, "number of partitions sorted as rows"),
    "spillSize" -> SQLMetrics.createSizeMetric(context, "spill size")
  )
}
