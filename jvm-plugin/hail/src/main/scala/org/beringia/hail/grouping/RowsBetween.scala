// The rows of several partitions, in the order of their keys, whose keys are in a range. Partitions may share a key:
// the one that starts with it leaves it to the one before.
package org.beringia.hail.grouping

import is.hail.rvd.RVDContext

/**
 * @param parts the rows of the partitions, one after the other
 * @param producer whose region the rows are in; those that are left out are cleared from it
 * @param blocks the ranges of all tasks
 * @param index which of them is this task's
 * @param isSorted whether they are in the order of their sort keys, too
 */
final class RowsBetween(
    layout: RecordLayout,
    parts: Iterator[Iterator[Long]],
    producer: RVDContext,
    blocks: BlockKeys,
    index: Int,
    isSorted: Boolean
) extends Iterator[Long] {
  private[this] val after = if (index == 0) None else Some(SortKey.of(blocks.ends(index - 1)))
  private[this] val upTo = SortKey.of(blocks.ends(index))
  private[this] var rows: Iterator[Long] = Iterator.empty
  private[this] var part = blocks.from(index) - 1
  private[this] var least, greatest = upTo // of this part
  private[this] var key, previous = new SortKey
  private[this] var row = 0L
  private[this] var ready = false
  private[this] var begun = after.isEmpty
  private[this] var ended = false

  override def hasNext: Boolean = {
    while (!ready && !ended) {
      if (rows.hasNext) {
        row = rows.next()
        layout.writeKey(row, key)
        check()
        begun ||= after.forall(key.compareGroup(_) > 0)
        ended = key.compareGroup(upTo) > 0
        ready = begun && !ended
        if (!ready) producer.region.clear()
        val last = previous
        previous = key
        key = last
      } else if (parts.hasNext) {
        rows = parts.next()
        part += 1
        least = SortKey.of(blocks.least(part))
        greatest = SortKey.of(blocks.greatest(part))
      } else ended = true
    }
    ready
  }

  override def next(): Long = {
    if (!hasNext) throw new NoSuchElementException("no row is left")
    ready = false
    row
  }

  // Rows beyond the range are left to another task: where they are not what they were, they would be lost.
  private def check(): Unit = {
    val step = if (isSorted) previous.compare(key) else previous.compareGroup(key)
    if (step > 0 || key.compareGroup(least) < 0 || key.compareGroup(greatest) > 0) throw KeyRanges.changed
  }
}
