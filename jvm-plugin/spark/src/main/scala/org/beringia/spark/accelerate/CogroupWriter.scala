// Writes one batch of cogroups: the key columns, one value for each group, then the columns of the left side's rows and those
// of the right one's, each a list. The lists of a side share their offsets; a side that has no rows of a group has an empty
// list there. The caller finds the groups.
package org.beringia.spark.accelerate

import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.executor.memory.{BatchLimits, BatchSize, SegmentSource, SharedBuffer}
import org.beringia.spark.columns.{BatchWriter, ColumnWriter, InputColumn}

final class CogroupWriter(
    keys: Seq[InputColumn],
    leftColumns: Seq[InputColumn],
    rightColumns: Seq[InputColumn],
    limits: BatchLimits,
    source: SegmentSource
) extends AutoCloseable {
  private[this] val size = new BatchSize(limits, source)
  private[this] val arena = size.arena
  private[this] val array =
    new ArrowArrayStruct(BatchWriter.schema(keys, leftColumns ++ rightColumns, grouped = true))

  private[this] val expectedRows = math.max(
    16L,
    limits.first / math.max(
      8L,
      (leftColumns ++ rightColumns).map(column => ColumnWriter.expectedBytes(column.dataType)).sum
    )
  )
  private[this] val expectedGroups = expectedRows / 16 + 1

  private[this] val key = new Columns(keys, expectedGroups)
  private[this] var groups = 0L

  val left = new Side(leftColumns)
  val right = new Side(rightColumns)

  def bytes: Long = arena.used
  def bytesMoved: Long = arena.bytesMoved

  /** Starts a batch. */
  def begin(): Unit = {
    size.begin()
    key.begin()
    left.begin()
    right.begin()
    groups = 0
    size.opened()
  }

  /** Starts a group, of which `row` has the keys. */
  def startGroup(row: UnsafeRow, describe: () => String): Unit = {
    size.startGroup(describe)
    key.append(row)
  }

  /** Ends the group; true when the batch is full. */
  def endGroup(): Boolean = {
    groups += 1
    left.endGroup()
    right.endGroup()
    size.endGroup()
  }

  /** The batch's array, to be submitted before the next one begins. */
  def finish(): ArrowArrayStruct = {
    val root = array.root
    root.setLength(groups, 0)
    root.setBuffer(0, 0)
    key.finish(i => root.child(i))
    left.finish(i => root.child(keys.length + i))
    right.finish(i => root.child(keys.length + leftColumns.length + i))
    array
  }

  /** Frees the structs; the segments belong to their source. */
  override def close(): Unit = array.close()

  /** The rows of a side. */
  final class Side(columns: Seq[InputColumn]) {
    private[this] val bounds = new SharedBuffer(arena, 8 * (expectedGroups + 1))
    private[this] val values = new Columns(columns, expectedRows)
    private[this] var rows = 0L

    /** Appends a row to the group. */
    def append(row: UnsafeRow): Unit = {
      size.addRows(1)
      rows += 1
      values.append(row)
    }

    private[CogroupWriter] def begin(): Unit = {
      bounds.appendLong(0)
      values.begin()
      rows = 0
    }

    private[CogroupWriter] def endGroup(): Unit = bounds.appendLong(rows)

    private[CogroupWriter] def finish(place: Int => ArrowArrayStruct.Node): Unit = values.finish { i =>
      val node = place(i)
      node.setLength(groups, 0)
      node.setBuffer(0, 0)
      node.setBuffer(1, bounds.address)
      node.child(0)
    }
  }

  private final class Columns(columns: Seq[InputColumn], expected: Long) {
    private[this] val writers = columns.map(c => ColumnWriter.of(c.dataType, arena, expected)).toArray
    private[this] val ordinals = columns.map(_.ordinal).toArray

    def begin(): Unit = writers.foreach(_.begin())

    def append(row: UnsafeRow): Unit = {
      var i = 0
      while (i < writers.length) {
        if (row.isNullAt(ordinals(i))) writers(i).appendNull() else writers(i).append(row, ordinals(i))
        i += 1
      }
    }

    def finish(place: Int => ArrowArrayStruct.Node): Unit =
      writers.indices.foreach(i => writers(i).finish(place(i)))
  }
}
