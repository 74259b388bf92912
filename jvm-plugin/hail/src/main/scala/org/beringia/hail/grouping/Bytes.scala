// Bytes on their way: a sink that grows as it is written to, and a cursor that reads them wherever they lie.
package org.beringia.hail.grouping

import java.util.Arrays

import org.apache.spark.unsafe.Platform
import org.beringia.{BeringiaException, ErrorCode}

final class ByteSink(initial: Int) {
  private[this] var array = new Array[Byte](initial)
  private[this] var used = 0

  def length: Int = used

  /** What was written is the first `length` of these, until more is written. */
  def bytes: Array[Byte] = array

  def copy: Array[Byte] = Arrays.copyOf(array, used)

  def clear(): Unit = used = 0

  // Room is made first: it may take another array.
  def putByte(value: Int): Unit = {
    val at = room(1)
    Platform.putByte(array, at, value.toByte)
  }

  def putInt(value: Int): Unit = {
    val at = room(4)
    Platform.putInt(array, at, value)
  }

  def putLong(value: Long): Unit = {
    val at = room(8)
    Platform.putLong(array, at, value)
  }

  /** Overwrites the number at `position`. */
  def setInt(position: Int, value: Int): Unit =
    Platform.putInt(array, Platform.BYTE_ARRAY_OFFSET + position, value)

  /** Appends `n` bytes from `offset` of `base`, or from the address `offset` where `base` is null. */
  def put(base: AnyRef, offset: Long, n: Int): Unit = {
    val at = room(n)
    Platform.copyMemory(base, offset, array, at, n.toLong)
  }

  private def room(n: Int): Long = {
    val needed = used.toLong + n
    if (needed > array.length) {
      if (needed > ByteSink.Most) {
        throw new BeringiaException(
          ErrorCode.TOO_LARGE.number,
          s"numpy_map: a row takes more than ${ByteSink.Most} bytes. Make its arrays shorter.",
          null,
          null,
          null
        )
      }
      array = Arrays.copyOf(array, math.min(ByteSink.Most, math.max(needed, 2L * array.length)).toInt)
    }
    val at = Platform.BYTE_ARRAY_OFFSET.toLong + used
    used = needed.toInt
    at
  }
}

object ByteSink {
  private val Most = Int.MaxValue - 15L // the longest array that every JVM can make
}

/** What is next is at `offset` of `base`, or at that address where `base` is null. */
final class ByteSource {
  private[this] var from: AnyRef = _
  private[this] var at = 0L

  def base: AnyRef = from
  def offset: Long = at

  def reset(base: AnyRef, offset: Long): this.type = {
    from = base
    at = offset
    this
  }

  def skip(n: Long): Unit = at += n

  def byte(): Int = {
    at += 1
    Platform.getByte(from, at - 1) & 0xff
  }

  def int(): Int = {
    at += 4
    Platform.getInt(from, at - 4)
  }

  def long(): Long = {
    at += 8
    Platform.getLong(from, at - 8)
  }

  /** Copies the next `n` bytes to `address`. */
  def copyTo(address: Long, n: Long): Unit = {
    Platform.copyMemory(from, at, null, address, n)
    at += n
  }
}
