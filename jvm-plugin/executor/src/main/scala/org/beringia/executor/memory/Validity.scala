// The validity bits of one column: none until the first null, then ones up to the capacity with the nulls
// cleared, so that present values never touch them.
package org.beringia.executor.memory

import org.apache.spark.unsafe.Platform

final class Validity(arena: Arena) {
  private[this] var start = 0L
  private[this] var capacity = 0L // bytes
  private[this] var nulls = 0L

  def nullCount: Long = nulls

  def begin(): Unit = {
    start = 0
    capacity = 0
    nulls = 0
  }

  /** Marks value `index` as missing. */
  def setNull(index: Long): Unit = {
    cover(index + 1)
    val at = start + (index >> 3)
    Platform.putByte(null, at, (Platform.getByte(null, at) & ~(1 << (index & 7).toInt)).toByte)
    nulls += 1
  }

  /** Address of the bits of `length` values, or 0 where all are present. */
  def finish(length: Long): Long = {
    if (nulls > 0) {
      cover(length)
    }
    start
  }

  private def cover(length: Long): Unit = {
    val needed = (length + 7) >> 3
    if (needed > capacity) {
      val size = Arena.aligned(math.max(needed, 2 * capacity))
      start = if (capacity == 0) arena.region(size) else arena.move(start, capacity, size, more = 0)
      Platform.setMemory(start + capacity, 0xff.toByte, size - capacity)
      capacity = size
    }
  }
}
