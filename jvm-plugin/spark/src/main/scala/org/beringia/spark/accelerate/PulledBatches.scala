// The rows of a partition for a function that pulls them, as many in a portion as Spark would give it at a time.
//
// A portion is a group of the batch; as many are in one as come within a few milliseconds, so that the function and we take
// turns less often. A batch of one portion without rows asks for more results; two such at its end say that there is no
// more input; and where the function takes groups of rows, one before others says that there a group begins. The function
// may give any results for any batch. Their first column says how the function stands, in a row that is no result where
// there are none; so no more is asked of one that has ended, and one that has more results is given no rows meanwhile.
package org.beringia.spark.accelerate

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, UnsafeRow}
import org.apache.spark.sql.types.{ByteType, DataType}
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.executor.ShippedFunction
import org.beringia.spark.{GroupRows, Groups, Input, Portion, TaskBatches, TaskTerms}
import org.beringia.spark.columns.{BatchWriter, InputColumn, ResultVector}

/** @param grouping the keys, where the function takes the rows of one after the other */
final class PullingTask(
    grouping: Option[Seq[InputColumn]],
    columns: Seq[InputColumn],
    results: Seq[(String, DataType)],
    batchRows: Int,
    rowSchema: Seq[Attribute],
    function: ShippedFunction,
    terms: TaskTerms
) extends PortionedTask(
      grouping.getOrElse(Nil),
      columns,
      ("", ByteType) +: results,
      Portion.Rows(batchRows),
      rowSchema,
      function,
      terms
    ) {
  override def source(input: Input, context: TaskContext): TaskBatches = (grouping, input) match {
    case (Some(_), Input.Rows(rows)) =>
      val groups = new KeyedPortions(this, rows, batchRows)
      new PulledBatches(this, groups, input, called = false, () => groups.key, context)
    case _ =>
      val portions = Groups.of(this, input, portion)
      new PulledBatches(this, portions, input, called = true, () => PulledBatches.NoRow, context)
  }

  override def shown(batch: ColumnarBatch): Int =
    if (PulledBatches.isAlone(batch.column(keys.length).getByte(0))) 0 else batch.numRows
}

/**
 * @param called whether the function is called where there are no rows
 * @param key of a portion without rows
 */
final class PulledBatches(
    task: PullingTask,
    groups: Groups,
    input: Input,
    called: Boolean,
    key: () => UnsafeRow,
    context: TaskContext
) extends PortionedBatches(task, groups, input, context) {
  import PulledBatches._

  private[this] var hasRows = false // for the next batch
  private[this] var calls = called

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
      calls ||= hasRows
      calls
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
    val row = key()
    writer.startGroup(row, () => GroupRows.describe(task.keys, row))
    writer.endGroup(): Unit
  }

  override def received(result: JobResult, nanos: Long): Unit = {
    super.received(result, nanos)
    val array = result.array
    if (ArrowArrayStruct.length(array) == 0) {
      throw new BeringiaException(ErrorCode.PROTOCOL, "a result does not say how its function stands")
    }
    val mark = ArrowArrayStruct.child(array, task.keys.length)
    stands = of(ResultVector.of(ByteType, mark, ArrowArrayStruct.offset(array)).getByte(0))
  }
}

/** The rows of each key in portions; before the first of a key one without rows. */
private final class KeyedPortions(task: PullingTask, rows: Iterator[InternalRow], most: Int) extends Groups {
  private[this] val groups = new GroupRows(rows, task.keys, grouped = true, task.rowSchema)
  private[this] val describeGroup = () => groups.describe
  private[this] var first: UnsafeRow = _ // of the next portion
  private[this] var begins = true // with it, another key

  /** That of the last portion. */
  def key: UnsafeRow = if (task.keys.isEmpty) PulledBatches.NoRow else groups.key

  override def start(): Boolean = {
    first = groups.startGroup()
    first != null
  }

  override def write(writer: BatchWriter): Boolean = {
    if (begins) {
      writer.startGroup(first, describeGroup)
      writer.endGroup(): Unit
    }
    writer.startGroup(first, describeGroup)
    var row = first
    var count = 0
    while (row != null && count < most) {
      writer.append(row)
      count += 1
      row = groups.nextOfGroup()
    }
    begins = row == null
    writer.endGroup()
  }
}

object PulledBatches {

  /** How a function stands: it waits for input, it has more results, or it has ended (beringia.spark.udf.pulling). */
  private val Wants: Byte = 0
  private val More: Byte = 1
  private val Alone = 4 // beside how it stands: the row is no result

  private[accelerate] def of(mark: Byte): Byte = (mark & ~Alone).toByte

  private[accelerate] def isAlone(mark: Byte): Boolean = (mark & Alone) != 0

  private val Patience = 5000000L // nanoseconds

  /** Of a portion without rows and keys. */
  val NoRow = new UnsafeRow(0)
}
