// The order of keys that were written by their codecs, and the start of one as a number.
package org.beringia.hail.grouping

import org.apache.spark.unsafe.Platform

object KeyBytes {

  /** The most bytes of a key that its prefix holds, and so its place in the order. */
  val PrefixBytes = 8

  /** Negative, zero or positive, as the first key comes before, is, or comes after the second. */
  def compare(
      left: AnyRef,
      leftOffset: Long,
      leftLength: Int,
      right: AnyRef,
      rightOffset: Long,
      rightLength: Int
  ): Int = {
    val common = math.min(leftLength, rightLength)
    var i = 0
    while (i + 8 <= common) {
      val a = Platform.getLong(left, leftOffset + i)
      val b = Platform.getLong(right, rightOffset + i)
      if (a != b) {
        return java.lang.Long.compareUnsigned(
          java.lang.Long.reverseBytes(a),
          java.lang.Long.reverseBytes(b)
        )
      }
      i += 8
    }
    while (i < common) {
      val difference =
        (Platform.getByte(left, leftOffset + i) & 0xff) - (Platform.getByte(right, rightOffset + i) & 0xff)
      if (difference != 0) return difference
      i += 1
    }
    leftLength - rightLength
  }

  def compare(left: Array[Byte], leftLength: Int, right: Array[Byte], rightLength: Int): Int =
    compare(
      left,
      Platform.BYTE_ARRAY_OFFSET.toLong,
      leftLength,
      right,
      Platform.BYTE_ARRAY_OFFSET.toLong,
      rightLength
    )

  val ordering: Ordering[Array[Byte]] = new Ordering[Array[Byte]] {
    override def compare(left: Array[Byte], right: Array[Byte]): Int =
      KeyBytes.compare(left, left.length, right, right.length)
  }

  /** The first bytes as a number without a sign, with zeros where there are no more. */
  def prefix(base: AnyRef, offset: Long, length: Int): Long =
    if (length >= PrefixBytes) java.lang.Long.reverseBytes(Platform.getLong(base, offset))
    else {
      var result = 0L
      var i = 0
      while (i < length) {
        result |= (Platform.getByte(base, offset + i) & 0xffL) << (56 - 8 * i)
        i += 1
      }
      result
    }
}
