// The rows of several partitions, in the order of their keys, whose keys are in a range. Partitions may share a key:
// the one that starts with it leaves it to the one before.
package org.beringia.hail.grouping

import is.hail.rvd.RVDContext
import org.beringia.{BeringiaException, ErrorCode}

/**
 * @param producer whose region the rows are in; those that are left out are cleared from it
 * @param after,upTo the range; all up to `upTo` where `after` is null
 */
final class RowsBetween(
    layout: RecordLayout,
    rows: Iterator[Long],
    producer: RVDContext,
    after: Array[Byte],
    upTo: Array[Byte]
) extends Iterator[Long] {
  private[this] val start = Option(after).map(SortKey.of)
  private[this] val end = SortKey.of(upTo)
  private[this] var key, previous = new SortKey
  private[this] var row = 0L
  private[this] var ready = false
  private[this] var begun = start.isEmpty
  private[this] var ended = false

  override def hasNext: Boolean = {
    while (!ready && !ended) {
      if (rows.hasNext) {
        row = rows.next()
        layout.writeKey(row, key)
        checkOrder()
        begun ||= start.forall(key.compareGroup(_) > 0)
        ended = key.compareGroup(end) > 0
        ready = begun && !ended
        if (!ready) producer.region.clear()
        val last = previous
        previous = key
        key = last
      } else ended = true
    }
    ready
  }

  override def next(): Long = {
    if (!hasNext) throw new NoSuchElementException("no row is left")
    ready = false
    row
  }

  // Rows beyond the range are left to the next partition: where the order is not what it was, they would be lost.
  private def checkOrder(): Unit =
    if (previous.compareGroup(key) > 0) {
      throw new BeringiaException(
        ErrorCode.ARGUMENT,
        "numpy_map: the rows came in another order than a moment ago, so the table is not the same each time that it is " +
          "computed. Write it once with checkpoint(…), and group what that returns."
      )
    }
}
