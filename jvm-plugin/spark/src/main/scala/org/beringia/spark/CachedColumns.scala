// The columns of a cached table, freed as they are read. Spark makes new ones of each of its batches and keeps all of them
// until the task ends, which is a partition's worth of memory for the garbage collector to copy.
package org.beringia.spark

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.adaptive.QueryStageExec
import org.apache.spark.sql.execution.columnar.{DefaultCachedBatchSerializer, InMemoryTableScanExec}
import org.apache.spark.sql.vectorized.ColumnarBatch

/** A batch may be read until the next one is asked for. */
final class CachedColumns(batches: Iterator[ColumnarBatch]) extends Iterator[ColumnarBatch] {
  private[this] var last: ColumnarBatch = _

  override def hasNext: Boolean = batches.hasNext

  override def next(): ColumnarBatch = {
    val batch = batches.next()
    if (last != null) last.close() // Spark closes it once more, which does nothing
    last = batch
    batch
  }
}

object CachedColumns {

  /** A plan's batches, which are freed if they are such. */
  def freed(plan: SparkPlan): RDD[ColumnarBatch] = {
    val batches = plan.executeColumnar()
    if (has(plan)) batches.mapPartitions(new CachedColumns(_)) else batches
  }

  /**
   * Whether a plan's batches are such. Those of others may be filled again, as those of files are, and another serializer's
   * may be anyone's.
   */
  def has(plan: SparkPlan): Boolean = plan match {
    case stage: QueryStageExec => has(stage.plan)
    case scan: InMemoryTableScanExec =>
      scan.relation.cacheBuilder.serializer.isInstanceOf[DefaultCachedBatchSerializer]
    case _ => false
  }
}
