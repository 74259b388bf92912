// What the driver sends to a node's tasks: all that they need, resolved.
package org.beringia.spark

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.types.DataType
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.BeringiaException
import org.beringia.bridge.ArrowField
import org.beringia.executor.{Asides, BatchJob, NativeJob, ShippedFunction}
import org.beringia.executor.memory.{BatchLimits, SegmentSource}
import org.beringia.spark.columns.{ArrowTypes, BatchWriter, InputColumn}
import org.beringia.spark.windows.WindowColumns

class NumpyMapTask(
    val keys: Seq[InputColumn],
    val arguments: Seq[InputColumn],
    val fields: Seq[(String, DataType)],
    val per: Per,
    val rowSchema: Seq[Attribute],
    function: ShippedFunction,
    terms: TaskTerms,
    val window: Option[WindowColumns] = None
) extends Serializable {
  val limits: BatchLimits = terms.limits
  val metrics: JobMetrics = terms.metrics

  /** The keys that calls get, at their places in what is written for a group: its first row, or the window's key. */
  def calledKeys: Seq[InputColumn] = window.fold(keys) { columns =>
    val names = keys.map(key => (key.name, key.dataType)) :+ ((columns.key.name, columns.key.dataType))
    names.zipWithIndex.map { case ((name, dataType), i) => InputColumn(name, dataType, i) }
  }

  /** Types of the result's columns. */
  def outputTypes: Seq[DataType] = keys.map(_.dataType) ++ fields.map(_._2)

  /** Opens the job in this executor's runtime. */
  def open(context: TaskContext): BatchJob = {
    val output = keys.map(c => ArrowTypes.field(c.name, c.dataType)) ++
      fields.map { case (name, dataType) => ArrowTypes.field(name, dataType) }
    val input = BatchWriter.schema(calledKeys, arguments, per.lists, per.overlap)
    NativeJob.open(terms.settings, function, context, input, ArrowField.struct("", output: _*))
  }

  /** What takes what is said beside the results. */
  def asides: Option[Asides] = function.asides

  /** The batches of what the child gives. */
  def source(input: Input, context: TaskContext): TaskBatches = TaskBatches.of(this, input, context)

  def writer(segments: SegmentSource): BatchWriter =
    new BatchWriter(calledKeys, arguments, per.lists, limits, segments, per.overlap)

  /** @param thrown as [[BatchIterator]]'s */
  def run(
      input: Input,
      thrown: BeringiaException => Throwable = new NumpyMapException(_)
  ): Iterator[ColumnarBatch] = {
    val context = TaskContext.get()
    new BatchIterator(this, source(input, context), context, thrown)
  }
}
