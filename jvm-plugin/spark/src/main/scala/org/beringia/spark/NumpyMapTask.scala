// What the driver sends to a node's tasks: all that they need, resolved.
package org.beringia.spark

import org.apache.spark.TaskContext
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.Attribute
import org.apache.spark.sql.types.DataType
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.bridge.ArrowField
import org.beringia.spark.columns.{ArrowTypes, BatchLimits, BatchWriter, InputColumn}

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
    val runtime = ExecutorRuntime.get(settings)
    val output = keys.map(c => ArrowTypes.field(c.name, c.dataType)) ++
      fields.map { case (name, dataType) => ArrowTypes.field(name, dataType) }
    val job = runtime.openJob(
      JobSpec.ofTask(function.spec, context),
      function.bytes,
      BatchWriter.schema(keys, arguments, per.lists),
      ArrowField.struct("", output: _*)
    )
    MeteredJob(new NativeJob(job), SparkInternals.memory(context))
  }

  def run(rows: Iterator[InternalRow]): Iterator[ColumnarBatch] =
    new BatchIterator(this, rows, TaskContext.get())
}
