// Rows in the order of their keys to groups: one row for each key, with arrays of what its rows hold. It is written
// whole into the consumer's region within next(), as the consumer clears that region before each.
package org.beringia.hail.grouping

import is.hail.rvd.RVDContext
import org.apache.spark.unsafe.Platform

final class GroupIterator(layout: RecordLayout, records: Records, consumer: RVDContext)
    extends Iterator[Long] {
  private[this] val columns = layout.newColumns()
  private[this] val key = new ByteSink(64)
  private[this] var started = false
  private[this] var more = false // a row is there that is not in a group yet

  override def hasNext: Boolean = {
    if (!started) {
      started = true
      more = records.advance()
    }
    more
  }

  override def next(): Long = {
    if (!hasNext) throw new NoSuchElementException("no group is left")
    key.clear()
    key.put(records.keyBase, records.keyOffset, records.keyLength)
    do {
      records.appendTo(columns, consumer.region)
      more = records.advance()
    } while (more && isOfGroup)
    layout.writeGroup(key.bytes, columns, consumer.region)
  }

  private def isOfGroup: Boolean = KeyBytes.compare(
    key.bytes,
    Platform.BYTE_ARRAY_OFFSET.toLong,
    key.length,
    records.keyBase,
    records.keyOffset,
    records.keyLength
  ) == 0
}
