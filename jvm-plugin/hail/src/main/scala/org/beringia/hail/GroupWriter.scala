// Writes a batch of groups in shared memory: one row per group. The first child is the group's number within its task:
// results come back with it, and messages are given the key it stands for. The others are columns that get one value for
// a group, whole, then lists, to which each row of the group adds an item. Lists of windows overlap: a row is written once,
// and each window says where in the batch its rows are.
package org.beringia.hail

import is.hail.types.physical.PType
import is.hail.types.virtual.{TArray, Type}
import org.beringia.bridge.{ArrowArrayStruct, ArrowField}
import org.beringia.executor.memory.{BatchLimits, BatchSize, SegmentSource, SharedBuffer}
import org.beringia.executor.windows.WindowBatch

/**
 * What is written of a group: columns, by name, and the types of what they hold.
 *
 * @param entries those of which a row's value is an array of entries, one for each column of a matrix
 * @param overlap whether groups may have rows in common, as windows do
 */
final case class GroupColumns(
    whole: Seq[(String, PType)],
    lists: Seq[(String, PType)],
    entries: Set[String],
    overlap: Boolean = false
) {

  /** The schema of the batches. */
  def schema: ArrowField = {
    val wholeFields = whole.map { case (name, of) =>
      of.virtualType match {
        case TArray(row) if entries(name) => ArrowField.list(name, item(name, row))
        case other => ArrowForms.field(name, other)
      }
    }
    val listFields = lists.map { case (name, of) =>
      val items = item(name, of.virtualType)
      if (overlap) ArrowField.listView(name, items) else ArrowField.list(name, items)
    }
    ArrowField.struct("", ArrowField.of(GroupWriter.Number, "l") +: (wholeFields ++ listFields): _*)
  }

  private def item(name: String, of: Type): ArrowField =
    if (entries(name)) ArrowForms.entries("item", of) else ArrowForms.field("item", of)
}

final class GroupWriter(columns: GroupColumns, limits: BatchLimits, source: SegmentSource)
    extends WindowBatch
    with AutoCloseable {

  private[this] val size = new BatchSize(limits, source)
  private[this] val array = new ArrowArrayStruct(columns.schema)
  private[this] val numbers = new SharedBuffer(size.arena, 256)

  /** Where the values of a group go: each is to get one. */
  val whole: Array[ValueWriter] = columns.whole.map { case (_, of) =>
    ValueWriter.of(of, size.arena)
  }.toArray

  private[this] val items = columns.lists.map { case (_, of) => ValueWriter.of(of, size.arena) }.toArray
  private[this] val itemsAndWhole = items ++ whole
  // Where each list begins, and its length, if they overlap; else where each begins, and the last one ends.
  private[this] val bounds = new SharedBuffer(size.arena, 256)
  private[this] val lengths = if (columns.overlap) new SharedBuffer(size.arena, 256) else null
  private[this] var count = 0L
  private[this] var rowCount = 0L

  /** Starts a batch. */
  def begin(): Unit = {
    size.begin()
    itemsAndWhole.foreach(_.begin())
    if (!columns.overlap) bounds.appendLong(0)
    count = 0
    rowCount = 0
    size.opened()
  }

  override def rows: Long = rowCount

  override def bytes: Long = size.arena.used

  override def isFull: Boolean = size.isFull

  /** Starts a group; `key` says which it is. */
  def startGroup(number: Long, key: () => String): Unit = {
    size.startGroup(key)
    numbers.appendLong(number)
  }

  /** Where the values of a row go, if groups are made of rows: those of the lists, with the first row the others, too. */
  def ofRow(isFirst: Boolean): Array[ValueWriter] = if (isFirst) itemsAndWhole else items

  /** The group has got a row. */
  def endRow(): Unit = {
    rowCount += 1
    size.addRows(1)
  }

  override def awaitGroup(bytes: Long, key: () => String): Unit = size.startGroup(key, bytes)

  /** Says which rows of the batch the group has, if groups overlap. */
  def window(start: Long, length: Long): Unit = {
    bounds.appendLong(start)
    lengths.appendLong(length)
  }

  /** Ends the group; true when the batch is full. */
  def endGroup(): Boolean = {
    if (!columns.overlap) bounds.appendLong(rowCount)
    count += 1
    size.endGroup()
  }

  /** The batch's array, to be submitted before the next one begins. */
  def finish(): ArrowArrayStruct = {
    val root = array.root
    root.setLength(count, 0)
    root.setBuffer(0, 0)
    val first = root.child(0)
    first.setLength(count, 0)
    first.setBuffer(0, 0)
    first.setBuffer(1, numbers.address)
    whole.indices.foreach(i => whole(i).finish(root.child(1 + i)))
    items.indices.foreach { i =>
      val list = root.child(1 + whole.length + i)
      list.setLength(count, 0)
      list.setBuffer(0, 0)
      list.setBuffer(1, bounds.address)
      if (columns.overlap) list.setBuffer(2, lengths.address)
      items(i).finish(list.child(0))
    }
    array
  }

  /** Frees the structs; the segments belong to their source. */
  override def close(): Unit = array.close()
}

object GroupWriter {

  /** Name of the first child. */
  val Number = "group"
}
