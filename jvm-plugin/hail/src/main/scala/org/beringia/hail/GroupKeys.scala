// The keys of groups: kept for as long as a batch is on its way, copied into the rows of the result, and printed for
// messages as Hail prints them.
package org.beringia.hail

import is.hail.annotations.{Region, UnsafeRow}
import is.hail.backend.HailStateManager
import is.hail.types.physical.{PCanonicalStruct, PType}
import org.apache.spark.broadcast.Broadcast
import org.apache.spark.sql.Row

/**
 * @param fields the key's, with the types that they have in the rows. What must be there stays so in the result: in joins
 *   Hail takes intervals on both sides to be laid out alike.
 * @param genomes those of the key's types (see [[Genomes]])
 */
final class GroupKeys(fields: IndexedSeq[(String, PType)], genomes: Broadcast[HailStateManager])
    extends Serializable {
  private def state: HailStateManager = genomes.value

  /** How keys are kept. */
  private[this] val kept =
    PCanonicalStruct(true, fields.map { case (name, keyType) => name -> PType.canonical(keyType) }: _*)

  def names: IndexedSeq[String] = kept.fieldNames

  /** The types of the key's fields in the result. */
  def types: IndexedSeq[PType] = kept.types

  /** One of the key's fields, of keys that are kept. */
  def field(name: String): RowField = new RowField(kept, name)

  /** Copies the key that a row has in `from`; returns where it is, in `region`. */
  def keep(row: Long, from: Array[RowField], region: Region): Long =
    made(region, i => from(i).isDefined(row)) { (i, to) =>
      kept.types(i).unstagedStoreAtAddress(state, to, region, from(i).physical, from(i).load(row), true)
    }

  /** Keeps a key that Hail has on the JVM's heap; returns where it is, in `region`. */
  def keep(values: Row, region: Region): Long =
    made(region, i => !values.isNullAt(i)) { (i, to) =>
      kept.types(i).unstagedStoreJavaObjectAtAddress(state, to, values.get(i), region)
    }

  private def made(region: Region, isDefined: Int => Boolean)(store: (Int, Long) => Unit): Long = {
    val key = kept.allocate(region)
    kept.initialize(key)
    var i = 0
    while (i < fields.length) {
      if (isDefined(i)) store(i, kept.fieldOffset(key, i)) else kept.setFieldMissing(key, i)
      i += 1
    }
    key
  }

  /** Writes the key into the first fields of the row of type `result` at `address`, which is in `region`. */
  def write(key: Long, result: PCanonicalStruct, address: Long, region: Region): Unit = {
    var i = 0
    while (i < fields.length) {
      if (kept.isFieldDefined(key, i)) {
        result.types(i).unstagedStoreAtAddress(
          state,
          result.fieldOffset(address, i),
          region,
          kept.types(i),
          kept.loadField(key, i),
          true
        )
      } else result.setFieldMissing(address, i)
      i += 1
    }
  }

  /** Prints the key. */
  def show(key: Long): String = fields.indices.map { i =>
    val value =
      if (kept.isFieldDefined(key, i)) UnsafeRow.readAnyRef(kept.types(i), null, kept.loadField(key, i))
      else null
    s"${names(i)}=${kept.types(i).virtualType.str(value)}"
  }.mkString(", ")
}
