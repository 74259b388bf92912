// Writes one batch of groups: the key columns, one value per group, then the argument columns. With groups,
// an argument is a list whose offsets all arguments share; where a row is a group, an argument is its own
// column. The caller finds the group breaks.
package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.types.DataType
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.{ArrowArrayStruct, ArrowField}

/** A column of the input: its name in messages, its type, its place in the rows. */
final case class InputColumn(name: String, dataType: DataType, ordinal: Int)

final class BatchWriter(
    keys: Seq[InputColumn],
    arguments: Seq[InputColumn],
    grouped: Boolean,
    limits: BatchLimits,
    source: SegmentSource
) extends AutoCloseable {

  private[this] val arena = new Arena(bytes => allocate(bytes))
  private[this] val schema = BatchWriter.schema(keys, arguments, grouped)
  private[this] val array = new ArrowArrayStruct(schema)

  private[this] val expectedRows: Long = {
    val bytes = arguments.map(c => ColumnWriter.expectedBytes(c.dataType)).sum
    math.max(16L, limits.first / math.max(8L, bytes))
  }
  private[this] val expectedGroups: Long =
    if (grouped) expectedRows / BatchWriter.ExpectedGroupRows + 1 else expectedRows

  private[this] val groupEnds = new SharedBuffer(arena, 8 * (expectedGroups + 1))
  private[this] val keyWriters = keys.map(c => ColumnWriter.of(c.dataType, arena, expectedGroups)).toArray
  private[this] val keyOrdinals = keys.map(_.ordinal).toArray
  private[this] val argumentWriters =
    arguments.map(c => ColumnWriter.of(c.dataType, arena, expectedRows)).toArray
  private[this] val argumentOrdinals = arguments.map(_.ordinal).toArray

  private[this] var limit = 0L
  private[this] var groupCount = 0L
  private[this] var rowCount = 0L
  private[this] var groupRows = 0L
  private[this] var groupStart = 0L
  private[this] var describeGroup: () => String = () => ""

  arena.beforeGrowth = more => checkGroup(arena.used + more - groupStart)

  def groups: Long = groupCount
  def bytes: Long = arena.used
  def bytesMoved: Long = arena.bytesMoved

  /** Starts a batch. */
  def begin(): Unit = {
    val last = arena.used
    val scale =
      if (limit == 0) 1.0
      else {
        limit = math.min(2 * limit, limits.full)
        // After a batch with an oversized group: half of it, not all the way back, as such groups come in rows.
        math.max(limit.toDouble / math.max(1L, last), if (last > limit) 0.5 else 0.0)
      }
    if (limit == 0) limit = limits.first
    groupStart = 0
    groupRows = 0
    arena.begin(scale)
    groupEnds.appendLong(0)
    keyWriters.foreach(_.begin())
    argumentWriters.foreach(_.begin())
    groupCount = 0
    rowCount = 0
    groupStart = arena.used
  }

  /** Starts a group with the keys of its first row, which still has to be appended. */
  def startGroup(first: UnsafeRow, describe: () => String): Unit = {
    describeGroup = describe
    groupRows = 0
    write(first, keyWriters, keyOrdinals)
  }

  /** Appends a row to the group. */
  def append(row: UnsafeRow): Unit = {
    groupRows += 1
    write(row, argumentWriters, argumentOrdinals)
  }

  /** Ends the group; true when the batch is full. */
  def endGroup(): Boolean = {
    groupCount += 1
    rowCount += groupRows
    groupEnds.appendLong(rowCount)
    val used = arena.used
    checkGroup(used - groupStart)
    groupStart = used
    used >= limit
  }

  /** Whether the rows so far fill the batch, also in the middle of a group. */
  def isFull: Boolean = arena.used >= limit

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
        node.setBuffer(1, groupEnds.address)
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

  /** A segment; that there is none for a group names the group. */
  private def allocate(bytes: Long): Long =
    try source.allocate(bytes)
    catch {
      case e: BeringiaException if groupRows > 0 && e.getGroup == null && describeGroup().nonEmpty =>
        val key = describeGroup()
        val size = arena.used - groupStart
        val message = s"${e.getMessage}\nGroup: $key, with $size bytes after $groupRows rows"
        throw new BeringiaException(e.getCode, message, key, null, null)
    }

  private def checkGroup(size: Long): Unit = if (size > limits.group) {
    val key = describeGroup()
    val which = if (key.isEmpty) "a group" else s"group $key"
    throw new BeringiaException(
      ErrorCode.TOO_LARGE.number,
      s"$which takes $size bytes after $groupRows rows; ${BatchLimits.GroupSetting} allows ${limits.group}. " +
        "Raise it (memory of the executor outside the heap must suffice), or group more finely.",
      if (key.isEmpty) null else key,
      null,
      null
    )
  }
}

/**
 * How large batches and groups may be, in bytes: a batch is closed at the end of the group that reaches
 * its limit, which starts at `first` and doubles up to `full`; a group beyond `group` is refused.
 */
final case class BatchLimits(full: Long, group: Long) {
  def first: Long = math.max(1L, full / BatchLimits.FirstShare)
}

object BatchLimits {
  val GroupSetting = "spark.beringia.maxGroupBytes"
  private val FirstShare = 16
}

object BatchWriter {
  private val ExpectedGroupRows = 16

  /** The schema of the batches: the job's input schema. */
  def schema(keys: Seq[InputColumn], arguments: Seq[InputColumn], grouped: Boolean): ArrowField = {
    val keyFields = keys.map(c => ArrowTypes.field(c.name, c.dataType))
    val argumentFields = arguments.map { c =>
      val field = ArrowTypes.field(c.name, c.dataType)
      if (grouped) ArrowField.list(c.name, field) else field
    }
    ArrowField.struct("", keyFields ++ argumentFields: _*)
  }
}
