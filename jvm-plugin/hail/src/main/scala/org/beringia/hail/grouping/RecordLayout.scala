// A row as one record of bytes, `[length of the key][length of the sort key][sort key][values]`, and a group of rows as
// one row with arrays. The sort key is the group's key, then what orders the rows of a group.
package org.beringia.hail.grouping

import is.hail.annotations.Region
import is.hail.backend.HailStateManager
import is.hail.types.physical.{PCanonicalArray, PCanonicalStruct, PStruct, PType}
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.sql.Row
import org.apache.spark.unsafe.Platform

/**
 * @param row the rows
 * @param plan which of its fields are what
 * @param genomes those of the fields by which rows are sorted (see [[Genomes]])
 */
final class RecordLayout(row: PStruct, plan: GroupPlan, genomes: Broadcast[HailStateManager])
    extends Serializable {
  private def state: HailStateManager = genomes.value
  @transient private[this] lazy val keyFields = plan.keys.map { case (field, _) =>
    new KeyField(field)
  }.toArray
  @transient private[this] lazy val orderFields = plan.order.map { case (field, _) =>
    new KeyField(field)
  }.toArray
  private[this] val descending = plan.order.map(_._2).toArray
  private[this] val valueFields = plan.columns.map(row.fieldIdx).toArray
  private[this] val valueCodecs = valueFields.map(i => ValueCodec.of(row.types(i)))
  private[this] val arrays = valueFields.map(i => PCanonicalArray(row.types(i), true))

  /** A group's row: its key, then an array for each column. */
  val group: PCanonicalStruct = PCanonicalStruct(
    true,
    plan.keys.map { case (field, name) => name -> PType.canonical(row.fieldType(field).virtualType) } ++
      plan.columns.zip(arrays): _*
  )

  /** Whether rows of a group have an order. */
  def isOrdered: Boolean = plan.order.nonEmpty

  /** Whether a sort key's prefix says all of it. */
  def prefixIsKey: Boolean = {
    val widths = (keyFields ++ orderFields).map(_.codec.width)
    widths.forall(_.isDefined) && widths.flatten.sum <= KeyBytes.PrefixBytes
  }

  def newKey(): SortKey = new SortKey

  /** Writes the sort key of the row at `address`. */
  def writeKey(address: Long, key: SortKey): Unit = {
    val out = key.sink
    out.clear()
    var i = 0
    while (i < keyFields.length) {
      keyFields(i).write(address, out)
      i += 1
    }
    key.groupLength = out.length
    i = 0
    while (i < orderFields.length) {
      val start = out.length
      orderFields(i).write(address, out)
      if (descending(i)) KeyCodec.reverse(out, start)
      i += 1
    }
  }

  /** Appends the record of the row at `address`, which has this key. */
  def write(key: SortKey, address: Long, out: ByteSink): Unit = {
    out.putInt(key.groupLength)
    out.putInt(key.sink.length)
    out.put(key.sink.bytes, Platform.BYTE_ARRAY_OFFSET.toLong, key.sink.length)
    var i = 0
    while (i < valueFields.length) {
      val field = valueFields(i)
      if (row.isFieldDefined(address, field)) {
        out.putByte(1)
        valueCodecs(i).write(row.loadField(address, field), out)
      } else out.putByte(0)
      i += 1
    }
  }

  /** Appends the values of the row at `address` to a group's columns. */
  def append(address: Long, columns: Array[ValueColumn], region: Region): Unit = {
    var i = 0
    while (i < columns.length) {
      val field = valueFields(i)
      if (row.isFieldDefined(address, field)) columns(i).append(row.loadField(address, field), region)
      else columns(i).appendMissing(region)
      i += 1
    }
  }

  /** A group's key as Hail has it on the JVM's heap. */
  def key(bytes: Array[Byte]): Row = {
    val in = new ByteSource().reset(bytes, Platform.BYTE_ARRAY_OFFSET.toLong)
    Row.fromSeq(keyFields.map(_.codec.get(in)))
  }

  /** Arrays in the making, one for each column. */
  def newColumns(): Array[ValueColumn] =
    arrays.indices.map(i => new ValueColumn(arrays(i), valueCodecs(i))).toArray

  /** Puts a group's row into `region`; returns its address. */
  def writeGroup(keyBytes: Array[Byte], columns: Array[ValueColumn], region: Region): Long = {
    val address = group.allocate(region)
    group.initialize(address)
    val values = key(keyBytes)
    var i = 0
    while (i < keyFields.length) {
      if (values.isNullAt(i)) group.setFieldMissing(address, i)
      else
        group
          .types(i)
          .unstagedStoreJavaObjectAtAddress(state, group.fieldOffset(address, i), values.get(i), region)
      i += 1
    }
    columns.foreach { column =>
      Region.storeAddress(group.fieldOffset(address, i), column.finish(region))
      i += 1
    }
    address
  }

  final private class KeyField(name: String) {
    private[this] val index = row.fieldIdx(name)
    private[this] val physical = row.types(index)
    val codec: KeyCodec = KeyCodec.of(physical.virtualType, state).get

    def write(address: Long, out: ByteSink): Unit =
      if (row.isFieldDefined(address, index)) codec.putAt(physical, row.loadField(address, index), out)
      else codec.putMissing(out)
  }
}
