// The rows of a partition for a function that pulls them, as many in a batch as Spark would give it at a time.
//
// A group is what the function gets at a time; as many are in a batch as come within a few milliseconds, so that it and
// we take turns less often. A batch of one group without rows asks for more results; two such groups at its end say that
// there is no more input. The function may give any results for any batch. The last row of a result says how the
// function stands, in its first column; so no more is asked of one that has ended, and one that has more results is
// given no rows meanwhile.
package org.beringia.spark.accelerate

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.expressions.{Attribute, UnsafeRow}
import org.apache.spark.sql.types.{ByteType, DataType}
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.executor.ShippedFunction
import org.beringia.executor.memory.BatchLimits
import org.beringia.spark.{Input, JobMetrics, TaskBatches}
import org.beringia.spark.columns.{InputColumn, ResultVector}

final class PullingTask(
    columns: Seq[InputColumn],
    results: Seq[(String, DataType)],
    batchRows: Int,
    rowSchema: Seq[Attribute],
    function: ShippedFunction,
    settings: Map[String, String],
    limits: BatchLimits,
    metrics: JobMetrics
) extends PortionedTask(
      columns,
      ("", ByteType) +: results,
      batchRows,
      rowSchema,
      function,
      settings,
      limits,
      metrics
    ) {
  override def source(input: Input, context: TaskContext): TaskBatches =
    new PulledBatches(this, input, context)
}

final class PulledBatches(task: PullingTask, input: Input, context: TaskContext)
    extends PortionedBatches(task, input, context) {
  import PulledBatches._

  private[this] var hasRows = false // for the next batch

  private[this] var stands = Wants
  private[this] var saidEnd = false
  private[this] var begun = 0L // when the batch was

  override def begin(): Unit = {
    super.begin()
    begun = System.nanoTime
  }

  override def hasGroup: Boolean = stands match {
    case Wants if !saidEnd =>
      hasRows = super.hasGroup
      true
    case More => true
    case _ => false
  }

  /** What there is to do is known when the function has answered. */
  override def goesOn: Boolean = true

  override def writeGroup(): Boolean =
    if (stands == More) {
      writeNothing()
      true
    } else if (hasRows) super.writeGroup() || System.nanoTime - begun > Patience
    else {
      saidEnd = true
      writeNothing()
      writeNothing()
      true
    }

  private def writeNothing(): Unit = {
    writer.startGroup(NoRow, () => "")
    writer.endGroup(): Unit
  }

  override def received(result: JobResult, nanos: Long): Unit = {
    super.received(result, nanos)
    val array = result.array
    val marks = ResultVector.of(ByteType, ArrowArrayStruct.child(array, 0), ArrowArrayStruct.offset(array))
    stands = marks.getByte(Math.toIntExact(ArrowArrayStruct.length(array)) - 1)
  }
}

object PulledBatches {

  /** How a function stands: it waits for input, it has more results, or it has ended (beringia.spark.udf.pulling). */
  private val Wants: Byte = 0
  private val More: Byte = 1

  private val Patience = 5000000L // nanoseconds

  private val NoRow = new UnsafeRow(0)
}
