// Rows in the order of their keys as groups: the values of each go straight to where its group is written.
package org.beringia.hail.grouping

import is.hail.annotations.Region
import org.apache.spark.unsafe.Platform
import org.beringia.hail.{GroupKeys, GroupWriter, Groups}

final class CollectedGroups(layout: RecordLayout, keys: GroupKeys, records: Records) extends Groups {
  private[this] val group = new ByteSink(64)
  private[this] var started = false
  private[this] var more = false // a row is there that is not in a group yet

  override def hasNext: Boolean = {
    if (!started) {
      started = true
      more = records.advance()
    }
    more
  }

  override def next(writer: GroupWriter, number: Long, region: Region): Long = {
    if (!hasNext) throw new NoSuchElementException("no group is left")
    group.clear()
    group.put(records.keyBase, records.keyOffset, records.keyLength)
    val key = keys.keep(layout.key(group.bytes), region)
    writer.startGroup(number, () => keys.show(key))
    var isFirst = true
    do {
      records.append(writer, isFirst)
      isFirst = false
      more = records.advance()
    } while (more && isOfGroup)
    key
  }

  private def isOfGroup: Boolean = KeyBytes.compare(
    group.bytes,
    Platform.BYTE_ARRAY_OFFSET.toLong,
    group.length,
    records.keyBase,
    records.keyOffset,
    records.keyLength
  ) == 0
}
