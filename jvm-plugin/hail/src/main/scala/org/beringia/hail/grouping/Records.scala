// Where sorted records come from: rows that lie in order already, or a sorter that may spill to disk.
package org.beringia.hail.grouping

import is.hail.rvd.RVDContext
import org.apache.spark.TaskContext
import org.apache.spark.sql.beringia.SparkInternals
import org.apache.spark.unsafe.Platform
import org.apache.spark.util.collection.unsafe.sort.{PrefixComparators, RecordComparator, UnsafeSorterIterator}

trait Records {

  /** Goes on to the next record; false if there is none. The last one may be gone then. */
  def advance(): Boolean

  /** Where the record lies: at `offset` of `base`, or at the address `offset` where `base` is null. */
  def base: AnyRef
  def offset: Long
}

/** Rows that are in the order of their keys, in a region of their own. */
final class RowRecords(layout: RecordLayout, rows: Iterator[Long], producer: RVDContext) extends Records {
  private[this] val key = new ByteSink(64)
  private[this] val sink = new ByteSink(1024)

  override def advance(): Boolean = rows.hasNext && {
    val row = rows.next()
    key.clear()
    sink.clear()
    layout.writeKey(row, key)
    layout.write(key, row, sink)
    producer.region.clear()
    true
  }

  override def base: AnyRef = sink.bytes
  override def offset: Long = Platform.BYTE_ARRAY_OFFSET.toLong
}

/** The records of many blocks, sorted by Spark's own sorter, in the task's share of memory. */
final class SortedRecords(layout: RecordLayout, blocks: Iterator[Array[Byte]], context: TaskContext)
    extends Records {
  private[this] val sorter = SparkInternals.sorter(
    context,
    () => SortedRecords.ByKey,
    PrefixComparators.BINARY,
    // Radix sort knows nothing but prefixes.
    radix = layout.prefixIsKey
  )
  private[this] lazy val sorted: UnsafeSorterIterator = {
    blocks.foreach { block =>
      val end = Platform.BYTE_ARRAY_OFFSET.toLong + block.length
      var at = Platform.BYTE_ARRAY_OFFSET.toLong
      while (at < end) {
        val length = Platform.getInt(block, at)
        at += 4
        val prefix = KeyBytes.prefix(block, at + 4, Platform.getInt(block, at))
        sorter.insertRecord(block, at, length, prefix, false)
        at += length
      }
    }
    sorter.getSortedIterator
  }

  override def advance(): Boolean = {
    val more = sorted.hasNext
    if (more) sorted.loadNext() else sorter.cleanupResources()
    more
  }

  override def base: AnyRef = sorted.getBaseObject
  override def offset: Long = sorted.getBaseOffset
}

object SortedRecords {
  private object ByKey extends RecordComparator {
    override def compare(
        left: AnyRef,
        leftOffset: Long,
        leftLength: Int,
        right: AnyRef,
        rightOffset: Long,
        rightLength: Int
    ): Int = KeyBytes.compare(
      left,
      leftOffset + 4,
      Platform.getInt(left, leftOffset),
      right,
      rightOffset + 4,
      Platform.getInt(right, rightOffset)
    )
  }
}
