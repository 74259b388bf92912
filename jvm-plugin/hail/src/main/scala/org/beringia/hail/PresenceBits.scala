// Arrow's validity of one column, from Hail's missing bits: their inverse, in the same order. None is written
// until something is missing.
package org.beringia.hail

import org.apache.spark.unsafe.Platform
import org.beringia.executor.memory.{Arena, SharedBuffer}

final class PresenceBits(arena: Arena) {
  private[this] val bits = new SharedBuffer(arena, 0)
  private[this] var count = 0L
  private[this] var written = false
  private[this] var nulls = 0L

  /** Values so far. */
  def length: Long = count

  def nullCount: Long = nulls

  def begin(): Unit = {
    count = 0
    written = false
    nulls = 0
  }

  def appendPresent(n: Long): Unit = {
    if (written) ones(n)
    count += n
  }

  def appendMissing(): Unit = {
    start()
    room(1)
    count += 1
    nulls += 1
  }

  /**
   * Appends `n` values with Hail's missing bits at `missing` of `base`, or at that address where `base` is null; bits
   * after the last may be anything.
   */
  def appendInverted(base: AnyRef, missing: Long, n: Int): Unit = {
    if (!anyMissing(base, missing, n)) {
      appendPresent(n.toLong)
    } else {
      start()
      val at = room(n.toLong)
      val shift = (count & 7).toInt
      val last = (n - 1) >> 3
      var i = 0
      while (i <= last) {
        val mask = if (i < last || (n & 7) == 0) 0xff else (1 << (n & 7)) - 1
        val present = ~Platform.getByte(base, missing + i) & mask
        nulls += Integer.bitCount(mask) - Integer.bitCount(present)
        or(at + i, present << shift)
        if ((present << shift) > 0xff) or(at + i + 1, present >> (8 - shift))
        i += 1
      }
      count += n
    }
  }

  /** Address of the bits, or 0 where nothing is missing. */
  def finish(): Long = if (written) bits.address else 0

  private def anyMissing(base: AnyRef, missing: Long, n: Int): Boolean = {
    val bytes = n >> 3
    var i = 0
    while (i + 8 <= bytes) {
      if (Platform.getLong(base, missing + i) != 0) return true
      i += 8
    }
    while (i < bytes) {
      if (Platform.getByte(base, missing + i) != 0) return true
      i += 1
    }
    val rest = n & 7
    rest != 0 && (Platform.getByte(base, missing + bytes) & ((1 << rest) - 1)) != 0
  }

  private def start(): Unit = if (!written) {
    written = true
    val values = count
    count = 0
    ones(values)
    count = values
  }

  /** Zeroed room for `n` bits: the address of the byte in which the first of them is. */
  private def room(n: Long): Long = {
    val bytes = ((count + n + 7) >> 3) - bits.used
    if (bytes > 0) Platform.setMemory(bits.advance(bytes), 0, bytes)
    bits.address + (count >> 3)
  }

  private def ones(n: Long): Unit = if (n > 0) {
    val at = room(n)
    val from = (count & 7).toInt
    val to = from + n
    val rest = (1 << (to & 7).toInt) - 1
    // The bits of the first byte, then whole bytes, then those of the last one.
    if (to <= 8) {
      or(at, (if (to == 8) 0xff else rest) & ~((1 << from) - 1))
    } else {
      or(at, 0xff & ~((1 << from) - 1))
      val whole = (to >> 3) - 1
      if (whole > 0) Platform.setMemory(at + 1, 0xff.toByte, whole)
      if (rest != 0) or(at + (to >> 3), rest)
    }
  }

  private def or(at: Long, value: Int): Unit =
    Platform.putByte(null, at, (Platform.getByte(null, at) | value).toByte)
}
