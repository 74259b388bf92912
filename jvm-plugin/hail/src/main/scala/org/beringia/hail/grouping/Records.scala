// Where rows come from in the order of their keys: from a table that has that order already, or from a sorter that may
// spill to disk.
package org.beringia.hail.grouping

import is.hail.rvd.RVDContext
import org.apache.spark.TaskContext
import org.apache.spark.beringia.RecordSorter
import org.apache.spark.unsafe.Platform
import org.apache.spark.util.collection.unsafe.sort.{
  PrefixComparators,
  RecordComparator,
  UnsafeSorterIterator
}
import org.beringia.hail.GroupWriter

trait Records {

  /** Goes on to the next row; false if there is none. The last one may be gone then. */
  def advance(): Boolean

  /** The group's key: `keyLength` bytes at `keyOffset` of `keyBase`, or at that address if `keyBase` is null. */
  def keyBase: AnyRef
  def keyOffset: Long
  def keyLength: Int

  /** Writes the row's values to the group that is open; the first row of one has what there is once, too. */
  def append(writer: GroupWriter, isFirst: Boolean): Unit
}

/**
 * Rows that have the order of their keys. As with [[org.beringia.hail.RegionIterator]], they come in a region of their
 * own, which is cleared before the next one is asked for.
 */
final class RowRecords(layout: RecordLayout, rows: Iterator[Long], producer: RVDContext) extends Records {
  private[this] val key = new SortKey
  private[this] var row = 0L

  override def advance(): Boolean = {
    producer.region.clear()
    val more = rows.hasNext
    if (more) {
      row = rows.next()
      layout.writeKey(row, key)
    }
    more
  }

  override def keyBase: AnyRef = key.sink.bytes
  override def keyOffset: Long = Platform.BYTE_ARRAY_OFFSET.toLong
  override def keyLength: Int = key.groupLength

  override def append(writer: GroupWriter, isFirst: Boolean): Unit =
    layout.values.append(row, writer, isFirst)
}

/** The records of many blocks, sorted by Spark's own sorter, in the task's share of memory. */
final class SortedRecords(layout: RecordLayout, blocks: Iterator[Array[Byte]], context: TaskContext)
    extends Records {
  import SortedRecords._

  private[this] val sorter = RecordSorter(
    context,
    BySortKey,
    PrefixComparators.BINARY,
    // Radix sort knows nothing but prefixes.
    radix = layout.prefixIsKey
  )
  private[this] lazy val sorted: UnsafeSorterIterator = {
    blocks.foreach(insert)
    sorter.getSortedIterator
  }
  private[this] val source = new ByteSource

  private def insert(block: Array[Byte]): Unit = {
    val end = Platform.BYTE_ARRAY_OFFSET.toLong + block.length
    var at = Platform.BYTE_ARRAY_OFFSET.toLong
    while (at < end) {
      val length = Platform.getInt(block, at)
      val record = at + 4
      val prefix = KeyBytes.prefix(block, record + Header, sortKeyLength(block, record))
      sorter.insertRecord(block, record, length, prefix, false)
      at = record + length
    }
  }

  override def advance(): Boolean = {
    val more = sorted.hasNext
    if (more) sorted.loadNext() else sorter.cleanupResources()
    more
  }

  override def keyBase: AnyRef = sorted.getBaseObject
  override def keyOffset: Long = sorted.getBaseOffset + Header
  override def keyLength: Int = Platform.getInt(sorted.getBaseObject, sorted.getBaseOffset)

  override def append(writer: GroupWriter, isFirst: Boolean): Unit = {
    val base = sorted.getBaseObject
    val offset = sorted.getBaseOffset
    val values = source.reset(base, offset + Header + sortKeyLength(base, offset))
    layout.values.read(values, writer, isFirst)
  }
}

object SortedRecords {
  private val Header = 8 // the two lengths

  private def sortKeyLength(base: AnyRef, record: Long): Int = Platform.getInt(base, record + 4)

  private object BySortKey extends RecordComparator {
    override def compare(
        left: AnyRef,
        leftOffset: Long,
        leftLength: Int,
        right: AnyRef,
        rightOffset: Long,
        rightLength: Int
    ): Int = KeyBytes.compare(
      left,
      leftOffset + Header,
      sortKeyLength(left, leftOffset),
      right,
      rightOffset + Header,
      sortKeyLength(right, rightOffset)
    )
  }
}
