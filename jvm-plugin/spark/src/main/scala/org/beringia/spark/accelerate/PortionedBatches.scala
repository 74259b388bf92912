// The rows of a partition in portions, of as many rows as Spark would give a function at a time: each is a group.
package org.beringia.spark.accelerate

import scala.collection.mutable

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.execution.python.beringia.KeptRows
import org.apache.spark.sql.types.DataType
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.executor.ShippedFunction
import org.beringia.spark.{Groups, Input, NumpyMapTask, Per, Portion, TaskBatches, TaskTerms}
import org.beringia.spark.columns.InputColumn

/** @param portion how many rows the function gets at a time */
class PortionedTask(
    keys: Seq[InputColumn],
    columns: Seq[InputColumn],
    results: Seq[(String, DataType)],
    val portion: Portion,
    rowSchema: Seq[Attribute],
    function: ShippedFunction,
    terms: TaskTerms
) extends NumpyMapTask(
      keys,
      columns,
      results,
      Per.Partition,
      rowSchema,
      function,
      terms
    ) {
  override def source(input: Input, context: TaskContext): TaskBatches =
    new PortionedBatches(this, Groups.of(this, input, portion), input, context)

  /** How many rows of a batch of results are results. */
  def shown(batch: ColumnarBatch): Int = batch.numRows
}

class PortionedBatches(task: PortionedTask, groups: Groups, input: Input, context: TaskContext)
    extends TaskBatches(task, context) {
  private[this] val kept = Some(input).collect { case Input.Rows(kept: KeptRows) => kept }
  private[this] var keptBefore = 0L // when the batch began
  // Of each batch without a result, how many rows its portions have, where these are the child's batches: what takes results
  // as they come gets the batches that it would get of Spark's node.
  private[this] val portions = mutable.Queue.empty[mutable.ArrayBuffer[Int]]

  override def begin(): Unit = {
    super.begin()
    keptBefore = keptBytes
    if (task.portion == Portion.AsTheyCome) portions.enqueue(mutable.ArrayBuffer.empty): Unit
  }

  override def hasGroup: Boolean = groups.start()

  override def writeGroup(): Boolean = {
    val before = writer.rows
    val full = groups.write(writer)
    portions.lastOption.foreach(_ += (writer.rows - before).toInt)
    full || keptBytes - keptBefore > task.limits.full
  }

  override def lengths(rows: Int): Iterator[Int] =
    if (portions.isEmpty) super.lengths(rows) else portions.dequeue().iterator

  private def keptBytes: Long = kept.fold(0L)(_.bytes)
}
