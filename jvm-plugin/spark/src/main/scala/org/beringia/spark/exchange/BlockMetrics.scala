// The metrics of the nodes below and above an exchange of blocks, as Spark's UI shows them.
package org.beringia.spark.exchange

import org.apache.spark.SparkContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}

/** What goes into the exchange, or comes out of it. */
final class BlockMetrics(rows: SQLMetric, blocks: SQLMetric, bytes: SQLMetric) extends Serializable {

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
  private val Rows = "numRows"
  private val Blocks = "numBlocks"
  private val Bytes = "blockBytes"

  def created(context: SparkContext): Map[String, SQLMetric] = Map(
    Rows -> SQLMetrics.createMetric(context, "number of rows"),
    Blocks -> SQLMetrics.createMetric(context, "number of blocks"),
    Bytes -> SQLMetrics.createSizeMetric(context, "bytes of blocks")
  )

  def of(metrics: Map[String, SQLMetric]): BlockMetrics =
    new BlockMetrics(metrics(Rows), metrics(Blocks), metrics(Bytes))
}

/**
 * How partitions are sorted.
 *
 * @param time       in which orders of columns were found
 * @param memory     that the columns took
 * @param partitions that there was no memory for as columns, and that were sorted as rows
 * @param spilled    bytes that these spilled
 */
final class SortMetrics(
    val time: SQLMetric,
    val memory: SQLMetric,
    val partitions: SQLMetric,
    val spilled: SQLMetric
) extends Serializable

object SortMetrics {
  private val Time = "sortTime"
  private val Memory = "columnBytes"
  private val Partitions = "partitionsSortedAsRows"
  private val Spilled = "spillSize"

  def created(context: SparkContext): Map[String, SQLMetric] = Map(
    Time -> SQLMetrics.createNanoTimingMetric(context, "time sorting columns"),
    Memory -> SQLMetrics.createSizeMetric(context, "bytes of columns in memory"),
    Partitions -> SQLMetrics.createMetric(context, "number of partitions sorted as rows"),
    Spilled -> SQLMetrics.createSizeMetric(context, "spill size")
  )

  def of(metrics: Map[String, SQLMetric]): SortMetrics =
    new SortMetrics(metrics(Time), metrics(Memory), metrics(Partitions), metrics(Spilled))
}
