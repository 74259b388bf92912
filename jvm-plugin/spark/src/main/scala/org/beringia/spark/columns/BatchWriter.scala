// Writes one batch of groups: the key columns, one value per group, then the argument columns. With groups,
// an argument is a list whose offsets all arguments share; where groups have rows in common, as windows do, these are
// written once, and the lists are views; where a row is a group, an argument is its own column. The caller finds the groups.
package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.types.DataType
import org.apache.spark.sql.vectorized.ColumnVector
import org.beringia.bridge.{ArrowArrayStruct, ArrowField}
import org.beringia.executor.memory.{BatchLimits, BatchSize, SegmentSource, SharedBuffer}
import org.beringia.executor.windows.WindowBatch

/** A column of the input: its name in messages, its type, its place in the rows. */
final case class InputColumn(name: String, dataType: DataType, ordinal: Int)

final class BatchWriter(
    keys: Seq[InputColumn],
    arguments: Seq[InputColumn],
    grouped: Boolean,
    limits: BatchLimits,
    source: SegmentSource,
    overlap: Boolean = false
) extends WindowBatch
    with AutoCloseable {

  private[this] val size = new BatchSize(limits, source)
  private[this] val arena = size.arena
  private[this] val schema = BatchWriter.schema(keys, arguments, grouped, overlap)
  private[this] val array = new ArrowArrayStruct(schema)

  private[this] val expectedRows: Long = {
    val bytes = arguments.map(c => ColumnWriter.expectedBytes(c.dataType)).sum
    math.max(16L, limits.first / math.max(8L, bytes))
  }
  private[this] val expectedGroups: Long =
    if (grouped) expectedRows / BatchWriter.ExpectedGroupRows + 1 else expectedRows

  // Where each list begins, and its length, if they overlap; else where each begins, and the last one ends.
  private[this] val bounds = new SharedBuffer(arena, 8 * (expectedGroups + 1))
  private[this] val lengths = if (overlap) new SharedBuffer(arena, 8 * expectedGroups) else null
  private[this] val keyWriters = keys.map(c => ColumnWriter.of(c.dataType, arena, expectedGroups)).toArray
  private[this] val keyOrdinals = keys.map(_.ordinal).toArray
  private[this] val argumentWriters =
    arguments.map(c => ColumnWriter.of(c.dataType, arena, expectedRows)).toArray
  private[this] val argumentOrdinals = arguments.map(_.ordinal).toArray

  private[this] var groupCount = 0L
  private[this] var rowCount = 0L

  override def bytes: Long = arena.used
  override def rows: Long = rowCount
  def bytesMoved: Long = arena.bytesMoved

  /** Starts a batch. */
  def begin(): Unit = {
    size.begin()
    if (!overlap) bounds.appendLong(0)
    keyWriters.foreach(_.begin())
    argumentWriters.foreach(_.begin())
    groupCount = 0
    rowCount = 0
    size.opened()
  }

  /** Starts a group with the keys of its first row, which still has to be appended. */
  def startGroup(first: UnsafeRow, describe: () => String): Unit = {
    size.startGroup(describe)
    write(first, keyWriters, keyOrdinals)
  }

  /** The same with the keys in a row of vectors. */
  def startGroup(columns: Array[ColumnVector], first: Int, describe: () => String): Unit = {
    size.startGroup(describe)
    write(columns, first, 1, keyWriters, keyOrdinals)
  }

  /** Appends a row to the group. */
  def append(row: UnsafeRow): Unit = {
    size.addRows(1)
    rowCount += 1
    write(row, argumentWriters, argumentOrdinals)
  }

  /** Appends rows of vectors to the group. */
  def append(columns: Array[ColumnVector], start: Int, count: Int): Unit = {
    size.addRows(count)
    rowCount += count
    write(columns, start, count, argumentWriters, argumentOrdinals)
  }

  /** Appends rows of vectors, each a group, where a row is one; true when the batch is full. */
  def appendGroups(columns: Array[ColumnVector], start: Int, count: Int): Boolean = {
    size.startGroups(count)
    write(columns, start, count, keyWriters, keyOrdinals)
    append(columns, start, count)
    groupCount += count
    size.endGroup()
  }

  /**
   * How many of `rows` go into the batch until it is full, to judge by those in it. As these may be few and small, at
   * most twice as many; one at least.
   */
  def fitting(rows: Int): Int = {
    val room = math.min(size.room * rowCount / math.max(1, bytes), 2 * rowCount)
    math.max(1, math.min(rows.toLong, room)).toInt
  }

  override def awaitGroup(bytes: Long, key: () => String): Unit = size.startGroup(key, bytes)

  /** Says which rows of the batch the group has, if groups overlap. */
  def window(start: Long, length: Long): Unit = {
    bounds.appendLong(start)
    lengths.appendLong(length)
  }

  /** Ends the group; true when the batch is full. */
  def endGroup(): Boolean = {
    groupCount += 1
    if (!overlap) bounds.appendLong(rowCount)
    size.endGroup()
  }

  /** Whether the rows so far fill the batch, also in the middle of a group. */
  override def isFull: Boolean = size.isFull

  /** The batch's array, to be submitted before the next one begins. */
  def finish(): ArrowArrayStruct = {
    val root = array.root
    root.setLength(groupCount, 0)
    root.setBuffer(0, 0)
    var i = 0
    while (i < keyWriters.length) {
      keyWriters(i).finish(root.child(i))
      i += 1
    }
    var j = 0
    while (j < argumentWriters.length) {
      val node = root.child(keyWriters.length + j)
      if (grouped) {
        node.setLength(groupCount, 0)
        node.setBuffer(0, 0)
        node.setBuffer(1, bounds.address)
        if (overlap) node.setBuffer(2, lengths.address)
        argumentWriters(j).finish(node.child(0))
      } else {
        argumentWriters(j).finish(node)
      }
      j += 1
    }
    array
  }

  /** Frees the structs; the segments belong to their source. */
  override def close(): Unit = array.close()

  private def write(
      columns: Array[ColumnVector],
      start: Int,
      count: Int,
      writers: Array[ColumnWriter],
      ordinals: Array[Int]
  ): Unit = {
    var i = 0
    while (i < writers.length) {
      writers(i).appendAll(columns(ordinals(i)), start, count)
      i += 1
    }
  }

  private def write(row: UnsafeRow, writers: Array[ColumnWriter], ordinals: Array[Int]): Unit = {
    var i = 0
    if (row.anyNull) {
      while (i < writers.length) {
        if (row.isNullAt(ordinals(i))) writers(i).appendNull() else writers(i).append(row, ordinals(i))
        i += 1
      }
    } else {
      while (i < writers.length) {
        writers(i).append(row, ordinals(i))
        i += 1
      }
    }
  }
}

object BatchWriter {
  private val ExpectedGroupRows = 16

  /** The schema of the batches: the job's input schema. */
  def schema(
      keys: Seq[InputColumn],
      arguments: Seq[InputColumn],
      grouped: Boolean,
      overlap: Boolean = false
  ): ArrowField = {
    val keyFields = keys.map(c => ArrowTypes.field(c.name, c.dataType))
    val argumentFields = arguments.map { c =>
      val field = ArrowTypes.field(c.name, c.dataType)
      if (overlap) ArrowField.listView(c.name, field)
      else if (grouped) ArrowField.list(c.name, field)
      else field
    }
    ArrowField.struct("", keyFields ++ argumentFields: _*)
  }
}
