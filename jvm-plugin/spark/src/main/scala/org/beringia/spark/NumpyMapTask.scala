// What the driver sends to a node's tasks: all that they need, resolved.
package org.beringia.spark

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.types.DataType
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.bridge.ArrowField
import org.beringia.executor.{BatchJob, BatchSource, NativeJob, ShippedFunction}
import org.beringia.executor.memory.BatchLimits
import org.beringia.spark.columns.{ArrowTypes, BatchWriter, InputColumn}

class NumpyMapTask(
    val keys: Seq[InputColumn],
    val arguments: Seq[InputColumn],
    val fields: Seq[(String, DataType)],
    val per: Per,
    val rowSchema: Seq[Attribute],
    function: ShippedFunction,
    settings: Map[String, String],
    val limits: BatchLimits,
    val metrics: JobMetrics
) extends Serializable {

  /** Types of the result's columns. */
  def outputTypes: Seq[DataType] = keys.map(_.dataType) ++ fields.map(_._2)

  /** Opens the job in this executor's runtime. */
  def open(context: TaskContext): BatchJob = {
    val output = keys.map(c => ArrowTypes.field(c.name, c.dataType)) ++
      fields.map { case (name, dataType) => ArrowTypes.field(name, dataType) }
    val input = BatchWriter.schema(keys, arguments, per.lists)
    NativeJob.open(settings, function, context, input, ArrowField.struct("", output: _*))
  }

  /** The batches of some rows. */
  def source(rows: Iterator[InternalRow], context: TaskContext): BatchSource =
    new RowBatches(this, rows, context)

  def run(rows: Iterator[InternalRow]): Iterator[ColumnarBatch] =
    new BatchIterator(this, rows, TaskContext.get())
}
