// Writes a batch of groups: rows of a Hail table with one row per group, in shared memory. The first child is
// the group's number within its task: results come back with it, and messages are given the key it stands for.
package org.beringia.hail

import is.hail.types.physical.PStruct
import org.beringia.bridge.{ArrowArrayStruct, ArrowField}
import org.beringia.spark.columns.{Arena, BatchLimits, SegmentSource, SharedBuffer}
import org.beringia.{BeringiaException, ErrorCode}

/** @param fields names of the row's fields that are written, in their order */
final class GroupWriter(row: PStruct, fields: Seq[String], limits: BatchLimits, source: SegmentSource)
    extends AutoCloseable {

  private[this] val arena = new Arena(source)
  private[this] val array = new ArrowArrayStruct(GroupWriter.schema(row, fields))
  private[this] val numbers = new SharedBuffer(arena, 256)
  private[this] val indices = fields.map(row.fieldIdx).toArray
  private[this] val writers = indices.map(i => ValueWriter.of(row.types(i), arena))

  private[this] var limit = 0L
  private[this] var count = 0L
  private[this] var groupStart = 0L
  private[this] var describe: () => String = () => ""

  arena.beforeGrowth = more => checkGroup(arena.used + more - groupStart)

  def groups: Long = count

  /** Starts a batch. */
  def begin(): Unit = {
    val last = arena.used
    val scale = if (limit == 0) 1.0 else math.min(2 * limit, limits.full).toDouble / math.max(1L, last)
    limit = if (limit == 0) limits.first else math.min(2 * limit, limits.full)
    groupStart = 0
    // After a batch with an oversized group: not all the way back, as such groups come in rows.
    arena.begin(if (last > limit) math.max(scale, 0.5) else scale)
    writers.foreach(_.begin())
    count = 0
    groupStart = arena.used
  }

  /** Appends the group in the row at `address`; true when the batch is full. `key` says which it is. */
  def append(address: Long, number: Long, key: () => String): Boolean = {
    describe = key
    numbers.appendLong(number)
    var i = 0
    while (i < writers.length) {
      val field = indices(i)
      if (row.isFieldDefined(address, field)) writers(i).append(row.loadField(address, field))
      else writers(i).appendMissing()
      i += 1
    }
    count += 1
    val used = arena.used
    checkGroup(used - groupStart)
    groupStart = used
    groupStart >= limit
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

  private def checkGroup(size: Long): Unit = if (size > limits.group) {
    val key = describe()
    throw new BeringiaException(
      ErrorCode.TOO_LARGE.number,
      s"group $key takes more than $size bytes; ${BatchLimits.GroupSetting} allows ${limits.group}. " +
        "Raise it (memory of the executor outside the heap must suffice), or group more finely.",
      key,
      null,
      null
    )
  }
}

object GroupWriter {

  /** Name of the first child. */
  val Number = "group"

  def schema(row: PStruct, fields: Seq[String]): ArrowField = {
    val children = fields.map(name => ValueWriter.field(name, row.fieldType(name).virtualType))
    ArrowField.struct("", ArrowField.of(Number, "l") +: children: _*)
  }
}
