// Where a node's groups come from: rows that are groups already, or rows that are brought together (see `grouping`).
package org.beringia.hail

import is.hail.annotations.Region
import is.hail.rvd.RVDContext
import is.hail.types.physical.PStruct

trait Groups {
  def hasNext: Boolean

  /**
   * Writes the next group.
   *
   * @param number the group's within its task
   * @param region where its key is kept
   * @return the key's address
   */
  def next(writer: GroupWriter, number: Long, region: Region): Long

  /** Whether a batch may end here: no group to come has rows that are written already. */
  def mayPause: Boolean = true
}

/**
 * Rows that each are a group, with arrays of what its rows held.
 *
 * @param names the fields that are written
 * @param producer whose region the rows are in: cleared as soon as a row is written
 */
final class RowGroups(
    row: PStruct,
    keys: GroupKeys,
    names: Seq[String],
    rows: Iterator[Long],
    producer: RVDContext
) extends Groups {
  private[this] val keyFields = keys.names.map(new RowField(row, _)).toArray
  private[this] val fields = names.map(new RowField(row, _)).toArray

  override def hasNext: Boolean = rows.hasNext

  override def next(writer: GroupWriter, number: Long, region: Region): Long = {
    val address = rows.next()
    val key = keys.keep(address, keyFields, region)
    writer.startGroup(number, () => keys.show(key))
    var i = 0
    while (i < fields.length) {
      fields(i).append(address, writer.whole(i))
      i += 1
    }
    producer.region.clear()
    key
  }
}
