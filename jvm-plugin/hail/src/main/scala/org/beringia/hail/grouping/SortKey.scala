// The sort key of a row, written again for each: the group's key, then what orders the rows of a group. The start of the
// group's key is a number, too: nearly all comparisons end there.
package org.beringia.hail.grouping

import java.util.Arrays

import org.apache.spark.unsafe.Platform

final class SortKey {
  val sink = new ByteSink(64)
  private var groupEnd = 0
  private var prefix = 0L

  /** How many of the first bytes are the group's key. */
  def groupLength: Int = groupEnd

  /** All that was written so far is the group's key. */
  def endGroup(): Unit = {
    groupEnd = sink.length
    // The array has room for a whole prefix: what lies behind a shorter key is cut off.
    val start = java.lang.Long.reverseBytes(Platform.getLong(sink.bytes, Platform.BYTE_ARRAY_OFFSET.toLong))
    prefix = if (groupEnd >= KeyBytes.PrefixBytes) start else start & ~(-1L >>> (8 * groupEnd))
  }

  /** The group's key. */
  def group: Array[Byte] = Arrays.copyOf(sink.bytes, groupEnd)

  /** Becomes the same group's key. */
  def copyGroup(other: SortKey): Unit = {
    sink.clear()
    sink.put(other.sink.bytes, Platform.BYTE_ARRAY_OFFSET.toLong, other.groupLength)
    endGroup()
  }

  def compare(other: SortKey): Int =
    KeyBytes.compare(sink.bytes, sink.length, other.sink.bytes, other.sink.length)

  /** Compares the groups' keys. */
  def compareGroup(other: SortKey): Int =
    if (prefix != other.prefix) java.lang.Long.compareUnsigned(prefix, other.prefix)
    else KeyBytes.compare(sink.bytes, groupEnd, other.sink.bytes, other.groupEnd)
}

object SortKey {

  /** A group's key of these bytes. */
  def of(group: Array[Byte]): SortKey = {
    val key = new SortKey
    key.sink.put(group, Platform.BYTE_ARRAY_OFFSET.toLong, group.length)
    key.endGroup()
    key
  }
}
