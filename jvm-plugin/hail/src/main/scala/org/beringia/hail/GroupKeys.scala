// The keys of groups: copied out of the row they come in, kept for as long as a batch is on its way, copied
// into the rows of the result, and printed for messages as Hail prints them.
package org.beringia.hail

import is.hail.annotations.{Region, UnsafeRow}
import is.hail.backend.HailStateManager
import is.hail.types.physical.{PCanonicalStruct, PStruct, PType}
import org.apache.spark.broadcast.Broadcast

/**
 * @param row the rows that groups come in
 * @param names the key's fields, which are fields of `row`
 * @param genomes those of the key's types (see [[Genomes]])
 */
final class GroupKeys(row: PStruct, names: IndexedSeq[String], genomes: Broadcast[HailStateManager])
    extends Serializable {
  private def state: HailStateManager = genomes.value
  private[this] val indices = names.map(row.fieldIdx).toArray

  /** How keys are kept. */
  private[this] val kept =
    PCanonicalStruct(true, names.map(name => name -> PType.canonical(row.fieldType(name).virtualType)): _*)

  /** The types of the key's fields in the result. */
  def types: IndexedSeq[PType] = kept.types

  /** Copies the key of the row at `address`; returns where it is, in `region`. */
  def keep(address: Long, region: Region): Long = {
    val key = kept.allocate(region)
    kept.initialize(key)
    var i = 0
    while (i < indices.length) {
      val field = indices(i)
      if (row.isFieldDefined(address, field)) {
        kept.types(i).unstagedStoreAtAddress(
          state,
          kept.fieldOffset(key, i),
          region,
          row.types(field),
          row.loadField(address, field),
          true
        )
      } else kept.setFieldMissing(key, i)
      i += 1
    }
    key
  }

  /** Writes the key into the first fields of the row of type `result` at `address`, which is in `region`. */
  def write(key: Long, result: PCanonicalStruct, address: Long, region: Region): Unit = {
    var i = 0
    while (i < indices.length) {
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
  def show(key: Long): String = names.indices.map { i =>
    val value =
      if (kept.isFieldDefined(key, i)) UnsafeRow.readAnyRef(kept.types(i), null, kept.loadField(key, i))
      else null
    s"${names(i)}=${kept.types(i).virtualType.str(value)}"
  }.mkString(", ")
}
