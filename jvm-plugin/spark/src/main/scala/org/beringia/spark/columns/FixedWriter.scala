// Writers of columns whose values all have one width. Spark's rows and arrays hold these values in the very
// bytes that Arrow wants, whatever their type; under a null they hold zeros.
package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.{SpecializedGetters, UnsafeArrayData, UnsafeRow}
import org.apache.spark.sql.vectorized.{ColumnarArray, ColumnVector}
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.executor.memory.{Arena, SharedBuffer}

/** A vector that stores values by itself, none of them missing, at an address. */
trait StoringVector {

  /** Bytes of a value: what Arrow has where it is as wide. Decimals are narrower, or elsewhere. */
  def width: Int

  def store(start: Int, count: Int, to: Long): Unit
}

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

  // What a vector gives for a missing value may be anything, or an error.
  override def appendAll(from: ColumnarArray): Unit =
    if (ColumnWriter.hasNulls(from)) super.appendAll(from)
    else storeAll(from, values.advance(from.numElements.toLong * width))

  override def appendAll(from: ColumnVector, start: Int, count: Int): Unit =
    if (from.hasNull) super.appendAll(from, start, count)
    else {
      val at = values.advance(count.toLong * width)
      from match {
        case from: StoringVector if from.width == width => from.store(start, count, at)
        case _ => storeAll(from, start, count, at)
      }
    }

  /** Stores values of a vector, none of them missing, at an address. */
  protected def storeAll(from: ColumnVector, start: Int, count: Int, at: Long): Unit =
    storeAll(new ColumnarArray(from, start, count), at)

  /** Stores values, none of them missing, at an address. */
  protected def storeAll(from: ColumnarArray, at: Long): Unit = {
    val count = from.numElements
    var i = 0
    while (i < count) {
      store(from, i, at + i.toLong * width)
      i += 1
    }
  }

  override def appendOf(from: SpecializedGetters, ordinal: Int): Unit =
    store(from, ordinal, values.advance(width.toLong))

  /** Stores a value at an address. */
  protected def store(from: SpecializedGetters, ordinal: Int, at: Long): Unit

  override def finish(node: ArrowArrayStruct.Node): Unit = {
    super.finish(node)
    node.setBuffer(1, values.address)
  }
}

final class ByteWriter(arena: Arena, rows: Long) extends FixedWriter(arena, 1, rows) {
  override def append(row: UnsafeRow, ordinal: Int): Unit = appendOf(row, ordinal)

  override protected def store(from: SpecializedGetters, ordinal: Int, at: Long): Unit =
    Platform.putByte(null, at, from.getByte(ordinal))
}

final class ShortWriter(arena: Arena, rows: Long) extends FixedWriter(arena, 2, rows) {
  override def append(row: UnsafeRow, ordinal: Int): Unit = appendOf(row, ordinal)

  override protected def store(from: SpecializedGetters, ordinal: Int, at: Long): Unit =
    Platform.putShort(null, at, from.getShort(ordinal))
}

/**
 * Of int, float and date: the same bytes in a row, but not the same call of a vector.
 *
 * @param floating whether it is float
 */
final class IntWriter(arena: Arena, floating: Boolean, rows: Long) extends FixedWriter(arena, 4, rows) {
  override def append(row: UnsafeRow, ordinal: Int): Unit =
    Platform.putInt(null, values.advance(4), row.getInt(ordinal))

  override protected def store(from: SpecializedGetters, ordinal: Int, at: Long): Unit =
    if (floating) Platform.putFloat(null, at, from.getFloat(ordinal))
    else Platform.putInt(null, at, from.getInt(ordinal))

  override protected def storeAll(from: ColumnarArray, at: Long): Unit = {
    val count = from.numElements
    var i = 0
    if (floating) {
      while (i < count) {
        Platform.putFloat(null, at + 4L * i, from.getFloat(i))
        i += 1
      }
    } else {
      while (i < count) {
        Platform.putInt(null, at + 4L * i, from.getInt(i))
        i += 1
      }
    }
  }
}

/**
 * Of bigint, double, timestamps and day-time intervals.
 *
 * @param floating whether it is double
 */
final class LongWriter(arena: Arena, floating: Boolean, rows: Long) extends FixedWriter(arena, 8, rows) {
  override def append(row: UnsafeRow, ordinal: Int): Unit =
    Platform.putLong(null, values.advance(8), row.getLong(ordinal))

  override protected def store(from: SpecializedGetters, ordinal: Int, at: Long): Unit =
    if (floating) Platform.putDouble(null, at, from.getDouble(ordinal))
    else Platform.putLong(null, at, from.getLong(ordinal))

  override protected def storeAll(from: ColumnarArray, at: Long): Unit = {
    val count = from.numElements
    var i = 0
    if (floating) {
      while (i < count) {
        Platform.putDouble(null, at + 8L * i, from.getDouble(i))
        i += 1
      }
    } else {
      while (i < count) {
        Platform.putLong(null, at + 8L * i, from.getLong(i))
        i += 1
      }
    }
  }

  // Most vectors hold an array, whose values are copied together.
  override protected def storeAll(from: ColumnVector, start: Int, count: Int, at: Long): Unit =
    if (floating) copy(from.getDoubles(start, count), Platform.DOUBLE_ARRAY_OFFSET, count, at)
    else copy(from.getLongs(start, count), Platform.LONG_ARRAY_OFFSET, count, at)

  private def copy(values: AnyRef, from: Int, count: Int, at: Long): Unit =
    Platform.copyMemory(values, from.toLong, null, at, 8L * count)
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

  override def appendOf(from: SpecializedGetters, ordinal: Int): Unit = put(from.getBoolean(ordinal))

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
