// A row as one record of bytes, `[length of the key][length of the sort key][sort key][values]`. The sort key is the
// group's key, then what orders the rows of a group.
package org.beringia.hail.grouping

import is.hail.backend.HailStateManager
import is.hail.types.physical.PStruct
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.sql.Row
import org.apache.spark.unsafe.Platform
import org.beringia.hail.{GroupColumns, RowField}

/**
 * @param row the rows
 * @param plan which of its fields are the keys and the order
 * @param columns what is written of a group: fields of the row
 * @param genomes those of the fields by which rows are sorted (see [[org.beringia.hail.Genomes]])
 */
final class RecordLayout(
    row: PStruct,
    plan: GroupPlan,
    columns: GroupColumns,
    genomes: Broadcast[HailStateManager]
) extends Serializable {
  import RecordLayout._

  @transient private[this] lazy val keyFields = sortedBy(plan.keys)
  @transient private[this] lazy val orderFields = sortedBy(plan.order)
  private[this] val descending = plan.order.map(_._2).toArray

  /** What is behind the sort key. */
  val values = new RowValues(row, columns)

  private def sortedBy(fields: IndexedSeq[(String, Any)]): Array[KeyField] =
    fields.map { case (name, _) => new KeyField(row, name, genomes.value) }.toArray

  /** Whether rows of a group have an order. */
  def isOrdered: Boolean = plan.order.nonEmpty

  /** Whether a sort key's prefix says all of it. */
  def prefixIsKey: Boolean = {
    val widths = (keyFields ++ orderFields).map(_.codec.width)
    widths.forall(_.isDefined) && widths.flatten.sum <= KeyBytes.PrefixBytes
  }

  /** Writes the sort key of the row at `address`. */
  def writeKey(address: Long, key: SortKey): Unit = {
    val keys = keyFields
    val order = orderFields
    val out = key.sink
    out.clear()
    var i = 0
    while (i < keys.length) {
      keys(i).write(address, out)
      i += 1
    }
    key.endGroup()
    i = 0
    while (i < order.length) {
      val start = out.length
      order(i).write(address, out)
      if (descending(i)) KeyCodec.reverse(out, start)
      i += 1
    }
  }

  /** A group's key as Hail has it on the JVM's heap. */
  def key(bytes: Array[Byte]): Row = {
    val in = new ByteSource().reset(bytes, Platform.BYTE_ARRAY_OFFSET.toLong)
    Row.fromSeq(keyFields.map(_.codec.get(in)))
  }

  /** Appends the record of the row at `address`, which has this key. */
  def write(key: SortKey, address: Long, out: ByteSink): Unit = {
    out.putInt(key.groupLength)
    out.putInt(key.sink.length)
    out.put(key.sink.bytes, Platform.BYTE_ARRAY_OFFSET.toLong, key.sink.length)
    values.write(address, out)
  }
}

object RecordLayout {
  final private class KeyField(row: PStruct, name: String, state: HailStateManager) {
    private[this] val field = new RowField(row, name)
    val codec: KeyCodec = KeyCodec.of(field.physical.virtualType, state)

    def write(row: Long, out: ByteSink): Unit =
      if (field.isDefined(row)) codec.putAt(field.physical, field.load(row), out)
      else codec.putMissing(out)
  }
}
