// A row as one record of bytes, `[length of the key][key][values]`, and a group of such records as a row with arrays.
package org.beringia.hail.grouping

import is.hail.annotations.Region
import is.hail.backend.HailStateManager
import is.hail.types.physical.{PCanonicalArray, PCanonicalStruct, PStruct, PType}
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.sql.Row
import org.apache.spark.unsafe.Platform

/**
 * @param row the rows
 * @param keys fields of `row` by which rows are grouped, with the names that they get
 * @param columns fields of `row` that become arrays
 * @param shared Hail's reference genomes, too large to travel with each task
 */
final class RecordLayout(
    row: PStruct,
    keys: IndexedSeq[(String, String)],
    columns: IndexedSeq[String],
    shared: Broadcast[HailStateManager]
) extends Serializable {
  @transient private[this] lazy val state = shared.value
  private[this] val keyFields = keys.map { case (field, _) => row.fieldIdx(field) }.toArray
  private[this] val keyTypes = keyFields.map(row.types(_))
  @transient private[this] lazy val keyCodecs = keyTypes.map(physical => KeyCodec.of(physical.virtualType, state).get)
  private[this] val valueFields = columns.map(row.fieldIdx).toArray
  private[this] val valueCodecs = valueFields.map(i => ValueCodec.of(row.types(i)))
  private[this] val arrays = valueFields.map(i => PCanonicalArray(row.types(i), true))

  /** A group's row: its key, then an array for each column. */
  val group: PCanonicalStruct = PCanonicalStruct(
    true,
    keys.map { case (field, name) => name -> PType.canonical(row.fieldType(field).virtualType) } ++
      columns.zip(arrays): _*
  )

  /** Whether a key's prefix says all of it. */
  def prefixIsKey: Boolean = {
    val widths = keyCodecs.map(_.width)
    widths.forall(_.isDefined) && widths.flatten.sum <= KeyBytes.PrefixBytes
  }

  /** Appends the key of the row at `address`. */
  def writeKey(address: Long, out: ByteSink): Unit = {
    var i = 0
    while (i < keyFields.length) {
      val field = keyFields(i)
      if (row.isFieldDefined(address, field))
        keyCodecs(i).putAt(keyTypes(i), row.loadField(address, field), out)
      else keyCodecs(i).putMissing(out)
      i += 1
    }
  }

  /** Appends the record of the row at `address`, whose key was written to `key`. */
  def write(key: ByteSink, address: Long, out: ByteSink): Unit = {
    out.putInt(key.length)
    out.put(key.bytes, Platform.BYTE_ARRAY_OFFSET.toLong, key.length)
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

  /** A key as Hail has it on the JVM's heap. */
  def key(bytes: Array[Byte]): Row =
    key(new ByteSource().reset(bytes, Platform.BYTE_ARRAY_OFFSET.toLong))

  private def key(in: ByteSource): Row = Row.fromSeq(keyCodecs.map(_.get(in)))

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
}
