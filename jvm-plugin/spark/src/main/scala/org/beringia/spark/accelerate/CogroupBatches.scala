// The rows of two children as batches of cogroups: the groups of both that have one key, of which one may be empty. Both come
// sorted by their keys, so that they are merged as they pass.
package org.beringia.spark.accelerate

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.codegen.GenerateOrdering
import org.apache.spark.sql.types.DataType
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.executor.ShippedFunction
import org.beringia.executor.memory.SegmentSource
import org.beringia.spark.{BatchIterator, GroupRows, JobBatches, NumpyMapTask, Per, TaskTerms}
import org.beringia.spark.columns.InputColumn

/**
 * One of two children.
 *
 * @param keys as places in its rows, as `columns`
 * @param columns what a function gets of them
 */
final case class CogroupSide(keys: Seq[InputColumn], columns: Seq[InputColumn], rowSchema: Seq[Attribute])

/** What the driver sends to a node's tasks. */
final class CogroupTask(
    val left: CogroupSide,
    val right: CogroupSide,
    results: Seq[(String, DataType)],
    function: ShippedFunction,
    terms: TaskTerms
) extends NumpyMapTask(
      left.keys.zipWithIndex.map { case (key, i) => key.copy(ordinal = i) },
      left.columns ++ right.columns,
      results,
      Per.Group,
      left.rowSchema,
      function,
      terms
    ) {

  def run(leftRows: Iterator[InternalRow], rightRows: Iterator[InternalRow]): Iterator[ColumnarBatch] = {
    val context = TaskContext.get()
    val batches = new CogroupBatches(this, leftRows, rightRows, context)
    new BatchIterator(this, batches, context, AcceleratedBatches.thrown)
  }
}

final class CogroupBatches(
    task: CogroupTask,
    leftRows: Iterator[InternalRow],
    rightRows: Iterator[InternalRow],
    context: TaskContext
) extends JobBatches(task, context) {
  import CogroupBatches._

  private[this] val left = new SideGroups(task.left, leftRows)
  private[this] val right = new SideGroups(task.right, rightRows)
  private[this] val ordering = GenerateOrdering.generate(task.keys.map { key =>
    SortOrder(BoundReference(key.ordinal, key.dataType, nullable = true), Ascending)
  })
  private[this] var writer: CogroupWriter = _

  override def attach(segments: SegmentSource): Unit =
    writer = new CogroupWriter(task.keys, task.left.columns, task.right.columns, task.limits, segments)

  override def begin(): Unit = writer.begin()

  override def hasGroup: Boolean = {
    left.look()
    right.look()
    left.isThere || right.isThere
  }

  override def writeGroup(): Boolean = {
    val order =
      if (!right.isThere) -1
      else if (!left.isThere) 1
      else ordering.compare(left.key, right.key)
    val key = if (order <= 0) left.key else right.key
    writer.startGroup(key, () => GroupRows.describe(task.keys, key))
    if (order <= 0) left.write(writer.left)
    if (order >= 0) right.write(writer.right)
    writer.endGroup()
  }

  override def finish(): ArrowArrayStruct = writer.finish()

  override protected def bytes: Long = writer.bytes

  override protected def bytesMoved: Long = writer.bytesMoved

  override def close(): Unit = if (writer != null) writer.close()
}

object CogroupBatches {

  /** The groups of one child. */
  private final class SideGroups(side: CogroupSide, rows: Iterator[InternalRow]) {
    private[this] val groups = new GroupRows(rows, side.keys, grouped = true, side.rowSchema)
    private[this] val toKey =
      UnsafeProjection.create(side.keys.map(key => side.rowSchema(key.ordinal)), side.rowSchema)
    private[this] var first: UnsafeRow = _ // of the next group
    private[this] var nextKey: UnsafeRow = _
    private[this] var looked = false

    /** Looks for the next group, if the last one was written. */
    def look(): Unit = if (!looked) {
      looked = true
      first = groups.startGroup()
      if (first != null) nextKey = toKey(first)
    }

    def isThere: Boolean = first != null

    /** The key of the next group. */
    def key: UnsafeRow = nextKey

    /** Writes the rows of the next group. */
    def write(to: CogroupWriter#Side): Unit = {
      var row = first
      while (row != null) {
        to.append(row)
        row = groups.nextOfGroup()
      }
      looked = false
    }
  }
}
