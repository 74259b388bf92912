// The rows of several partitions, in the order of their keys, whose keys are in a range. Partitions may share a key:
// the one that starts with it leaves it to the one before.
package org.beringia.hail.grouping

/** @param after,upTo the range; all up to `upTo` where `after` is null */
final class RowsBetween(layout: RecordLayout, rows: Iterator[Long], after: Array[Byte], upTo: Array[Byte])
    extends Iterator[Long] {
  private[this] val key = layout.newKey()
  private[this] var row = 0L
  private[this] var ready = false
  private[this] var begun = after == null
  private[this] var ended = false

  override def hasNext: Boolean = {
    while (!ready && !ended) {
      if (rows.hasNext) {
        row = rows.next()
        layout.writeKey(row, key)
        begun ||= compare(after) > 0
        ended = compare(upTo) > 0
        ready = begun && !ended
      } else ended = true
    }
    ready
  }

  override def next(): Long = {
    if (!hasNext) throw new NoSuchElementException("no row is left")
    ready = false
    row
  }

  private def compare(bound: Array[Byte]): Int =
    KeyBytes.compare(key.sink.bytes, key.groupLength, bound, bound.length)
}
