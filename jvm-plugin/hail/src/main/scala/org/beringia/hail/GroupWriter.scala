// Writes a batch of groups in shared memory: one row per group. The first child is the group's number within its task:
// results come back with it, and messages are given the key it stands for. The others are columns that get one value for
// a group, whole, then lists, to which each row of the group adds an item.
package org.beringia.hail

import is.hail.types.physical.{PCanonicalArray, PType}
import is.hail.types.virtual.{TArray, Type}
import org.beringia.bridge.{ArrowArrayStruct, ArrowField}
import org.beringia.executor.memory.{BatchLimits, BatchSize, SegmentSource, SharedBuffer}

/**
 * What is written of a group: columns, by name, and the types of what they hold.
 *
 * @param entries those of which a row's value is an array of entries, one for each column of a matrix
 */
final case class GroupColumns(
    whole: Seq[(String, PType)],
    lists: Seq[(String, PType)],
    entries: Set[String]
) {

  /** The schema of the batches. */
  def schema: ArrowField = {
    val wholeFields = whole.map { case (name, of) =>
      of.virtualType match {
        case TArray(row) if entries(name) => ArrowField.list(name, item(name, row))
        case other => ArrowForms.field(name, other)
      }
    }
    val listFields = lists.map { case (name, of) => ArrowField.list(name, item(name, of.virtualType)) }
    ArrowField.struct("", ArrowField.of(GroupWriter.Number, "l") +: (wholeFields ++ listFields): _*)
  }

  private def item(name: String, of: Type): ArrowField =
    if (entries(name)) ArrowForms.entries("item", of) else ArrowForms.field("item", of)
}

final class GroupWriter(columns: GroupColumns, limits: BatchLimits, source: SegmentSource)
    extends AutoCloseable {

  private[this] val size = new BatchSize(limits, source)
  private[this] val array = new ArrowArrayStruct(columns.schema)
  private[this] val numbers = new SharedBuffer(size.arena, 256)

  /** Where the values of a group go: each is to get one. */
  val whole: Array[ValueWriter] = columns.whole.map { case (_, of) =>
    ValueWriter.of(of, size.arena)
  }.toArray

  private[this] val lists = columns.lists.map { case (_, of) =>
    new ListWriter(size.arena, PCanonicalArray(of, true))
  }.toArray

  private[this] val items = lists.map(_.items)
  private[this] val itemsAndWhole = items ++ whole
  private[this] val writers = whole ++ lists
  private[this] var count = 0L

  /** Starts a batch. */
  def begin(): Unit = {
    size.begin()
    writers.foreach(_.begin())
    count = 0
    size.opened()
  }

  /** Starts a group; `key` says which it is. */
  def startGroup(number: Long, key: () => String): Unit = {
    size.startGroup(key)
    numbers.appendLong(number)
  }

  /** Where the values of a row go, if groups are made of rows: those of the lists, with the first row the others, too. */
  def ofRow(isFirst: Boolean): Array[ValueWriter] = if (isFirst) itemsAndWhole else items

  /** The group has got a row. */
  def endRow(): Unit = size.addRow()

  /** Ends the group; true when the batch is full. */
  def endGroup(): Boolean = {
    var i = 0
    while (i < lists.length) {
      lists(i).end()
      i += 1
    }
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
    writers.indices.foreach(i => writers(i).finish(root.child(i + 1)))
    array
  }

  /** Frees the structs; the segments belong to their source. */
  override def close(): Unit = array.close()
}

object GroupWriter {

  /** Name of the first child. */
  val Number = "group"
}
