// Where the fields of a struct are from its start, as plain numbers: Hail's own are an object for each, which is looked up
// for each field of each row.
package org.beringia.hail

import is.hail.types.physical.PBaseStruct

object FieldOffsets {
  def of(struct: PBaseStruct): Array[Long] = Array.tabulate(struct.size)(struct.fieldOffset(0L, _))
}
