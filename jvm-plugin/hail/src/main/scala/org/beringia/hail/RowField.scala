// A field of a type of rows: where it is, found once for all rows.
package org.beringia.hail

import is.hail.annotations.Region
import is.hail.types.physical.{PStruct, PType}

final class RowField(row: PStruct, name: String) extends Serializable {
  private[this] val index = row.fieldIdx(name)
  private[this] val offset = row.fieldOffset(0L, index)
  val physical: PType = row.types(index)
  private[this] val missingBit = if (physical.required) 0L else row.missingIdx(index).toLong

  def isDefined(row: Long): Boolean = physical.required || !Region.loadBit(row, missingBit)

  /** The value's address, if it is there. */
  def load(row: Long): Long = physical.unstagedLoadFromNested(row + offset)

  /** Appends the value, or that it is missing. */
  def append(row: Long, writer: ValueWriter): Unit =
    if (isDefined(row)) writer.append(load(row)) else writer.appendMissing()
}
