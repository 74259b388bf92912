// Decimals: Spark's rows hold up to 18 digits as a long, more as the bytes of a big-endian number of any length.
package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.{SpecializedGetters, UnsafeArrayData, UnsafeRow}
import org.apache.spark.sql.types.Decimal
import org.apache.spark.unsafe.Platform
import org.beringia.executor.memory.Arena

final class DecimalWriter(arena: Arena, precision: Int, scale: Int, rows: Long)
    extends FixedWriter(arena, 16, rows) {
  private[this] val fitsLong = precision <= Decimal.MAX_LONG_DIGITS

  override def widthInArrays: Int = 8

  override def append(row: UnsafeRow, ordinal: Int): Unit =
    put(row.getBaseObject, row.getBaseOffset, row.getSizeInBytes, row.getLong(ordinal))

  override def appendAll(array: UnsafeArrayData): Unit = {
    var i = 0
    while (i < array.numElements) {
      if (array.isNullAt(i)) appendNull()
      else put(array.getBaseObject, array.getBaseOffset, array.getSizeInBytes, array.getLong(i))
      i += 1
    }
  }

  override protected def store(from: SpecializedGetters, ordinal: Int, at: Long): Unit = {
    val number = from.getDecimal(ordinal, precision, scale)
    if (fitsLong) putLong(number.toUnscaledLong, at)
    else {
      val bytes = number.toJavaBigDecimal.unscaledValue.toByteArray
      putBytes(bytes, Platform.BYTE_ARRAY_OFFSET.toLong, bytes.length, at)
    }
  }

  /** @param word the number, or where its bytes are (upper half) and how many (lower half) */
  private def put(base: AnyRef, baseOffset: Long, within: Int, word: Long): Unit =
    if (fitsLong) putLong(word, values.advance(16))
    else {
      ColumnWriter.checkPlace(word, within)
      if (word.toInt < 1 || word.toInt > 16) throw ColumnWriter.broken()
      putBytes(base, baseOffset + (word >>> 32), word.toInt, values.advance(16))
    }

  private def putLong(number: Long, at: Long): Unit = {
    Platform.putLong(null, at, number)
    Platform.putLong(null, at + 8, number >> 63)
  }

  /** A big-endian number of at most 16 bytes. */
  private def putBytes(base: AnyRef, from: Long, size: Int, at: Long): Unit = {
    val sign = Platform.getByte(base, from) >> 7
    Platform.putLong(null, at, sign.toLong)
    Platform.putLong(null, at + 8, sign.toLong)
    var i = 0
    while (i < size) {
      Platform.putByte(null, at + i, Platform.getByte(base, from + size - 1 - i))
      i += 1
    }
  }
}
