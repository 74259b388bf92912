// Writers of columns whose values all have one width. Spark's rows and arrays hold these values in the very
// bytes that Arrow wants, whatever their type; under a null they hold zeros.
package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.{UnsafeArrayData, UnsafeRow}
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.executor.memory.{Arena, SharedBuffer}

/** @param width of a value in bytes */
abstract class FixedWriter(arena: Arena, width: Int, rows: Long) extends ColumnWriter(arena) {
  protected val values = new SharedBuffer(arena, width * rows)

  override def length: Long = values.used / width

  override def widthInArrays: Int = width

  override def appendNull(): Unit = {
    validity.setNull(length)
    Platform.setMemory(values.advance(width.toLong), 0, width.toLong)
  }

  override def appendAll(array: UnsafeArrayData): Unit = {
    val count = array.numElements
    val first = length
    val bytes = count.toLong * width
    Platform.copyMemory(
      array.getBaseObject,
      ColumnWriter.firstValue(array),
      null,
      values.advance(bytes),
      bytes
    )
    if (ColumnWriter.hasNulls(array)) {
      var i = 0
      while (i < count) {
        if (array.isNullAt(i)) {
          validity.setNull(first + i)
        }
        i += 1
      }
    }
  }

  override def finish(node: ArrowArrayStruct.Node): Unit = {
    super.finish(node)
    node.setBuffer(1, values.address)
  }
}

final class ByteWriter(arena: Arena, rows: Long) extends FixedWriter(arena, 1, rows) {
  override def append(row: UnsafeRow, ordinal: Int): Unit =
    Platform.putByte(null, values.advance(1), row.getByte(ordinal))
}

final class ShortWriter(arena: Arena, rows: Long) extends FixedWriter(arena, 2, rows) {
  override def append(row: UnsafeRow, ordinal: Int): Unit =
    Platform.putShort(null, values.advance(2), row.getShort(ordinal))
}

/** Of int, float and date. */
final class IntWriter(arena: Arena, rows: Long) extends FixedWriter(arena, 4, rows) {
  override def append(row: UnsafeRow, ordinal: Int): Unit =
    Platform.putInt(null, values.advance(4), row.getInt(ordinal))
}

/** Of bigint, double, timestamps and day-time intervals. */
final class LongWriter(arena: Arena, rows: Long) extends FixedWriter(arena, 8, rows) {
  override def append(row: UnsafeRow, ordinal: Int): Unit =
    Platform.putLong(null, values.advance(8), row.getLong(ordinal))
}

/** Of booleans: bytes in Spark, bits in Arrow. */
final class BitWriter(arena: Arena, rows: Long) extends ColumnWriter(arena) {
  private[this] val bits = new SharedBuffer(arena, rows / 8 + 1)
  private[this] var count = 0L

  override def length: Long = count

  override def widthInArrays: Int = 1

  override def begin(): Unit = {
    super.begin()
    count = 0
  }

  override def append(row: UnsafeRow, ordinal: Int): Unit = put(row.getBoolean(ordinal))

  override def appendNull(): Unit = {
    validity.setNull(count)
    put(false)
  }

  override def appendAll(array: UnsafeArrayData): Unit = {
    var i = 0
    while (i < array.numElements) {
      if (array.isNullAt(i)) appendNull() else put(array.getBoolean(i))
      i += 1
    }
  }

  override def finish(node: ArrowArrayStruct.Node): Unit = {
    super.finish(node)
    node.setBuffer(1, bits.address)
  }

  private def put(value: Boolean): Unit = {
    val bit = (count & 7).toInt
    val set = if (value) 1 << bit else 0
    if (bit == 0) {
      Platform.putByte(null, bits.advance(1), set.toByte)
    } else {
      val at = bits.address + bits.used - 1
      Platform.putByte(null, at, (Platform.getByte(null, at) | set).toByte)
    }
    count += 1
  }
}
