// Writers of columns with 64-bit offsets: strings and binaries into bytes, arrays into another writer.
package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.{SpecializedGetters, UnsafeArrayData, UnsafeRow}
import org.apache.spark.sql.vectorized.ColumnarArray
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.executor.memory.{Arena, SharedBuffer}

sealed abstract class OffsetWriter(arena: Arena, rows: Long) extends ColumnWriter(arena) {
  protected val offsets = new SharedBuffer(arena, 8 * (rows + 1))

  /** Where the next value starts. */
  protected def end: Long

  override def length: Long = offsets.used / 8 - 1

  override def begin(): Unit = {
    super.begin()
    offsets.appendLong(0)
  }

  override def appendNull(): Unit = {
    validity.setNull(length)
    offsets.appendLong(end)
  }

  override def append(row: UnsafeRow, ordinal: Int): Unit =
    append(row.getBaseObject, row.getBaseOffset, row.getSizeInBytes, row.getLong(ordinal))

  override def appendAll(array: UnsafeArrayData): Unit = {
    var i = 0
    while (i < array.numElements) {
      if (array.isNullAt(i)) {
        appendNull()
      } else {
        append(array.getBaseObject, array.getBaseOffset, array.getSizeInBytes, array.getLong(i))
      }
      i += 1
    }
  }

  /** A value of variable length, as rows and arrays hold it: its offset in the upper half, its size below. */
  private def append(base: AnyRef, baseOffset: Long, size: Int, offsetAndSize: Long): Unit = {
    ColumnWriter.checkPlace(offsetAndSize, size)
    appendBytes(base, baseOffset + (offsetAndSize >>> 32), offsetAndSize.toInt)
    offsets.appendLong(end)
  }

  protected def appendBytes(base: AnyRef, from: Long, bytes: Int): Unit

  override def finish(node: ArrowArrayStruct.Node): Unit = {
    super.finish(node)
    node.setBuffer(1, offsets.address)
  }
}

/**
 * Of string (which Spark holds in UTF-8 too) and binary: the same bytes in a row, but not the same call of a vector.
 *
 * @param text whether it is string
 */
final class BytesWriter(arena: Arena, text: Boolean, rows: Long) extends OffsetWriter(arena, rows) {
  private[this] val data = new SharedBuffer(arena, ColumnWriter.ExpectedBytes * rows)

  override protected def end: Long = data.used

  override def appendOf(from: SpecializedGetters, ordinal: Int): Unit = {
    if (text) {
      val value = from.getUTF8String(ordinal)
      appendBytes(value.getBaseObject, value.getBaseOffset, value.numBytes)
    } else {
      val value = from.getBinary(ordinal)
      appendBytes(value, Platform.BYTE_ARRAY_OFFSET.toLong, value.length)
    }
    offsets.appendLong(end)
  }

  override protected def appendBytes(base: AnyRef, from: Long, bytes: Int): Unit =
    ColumnWriter.copy(base, from, data.advance(bytes.toLong), bytes)

  override def finish(node: ArrowArrayStruct.Node): Unit = {
    super.finish(node)
    node.setBuffer(2, data.address)
  }
}

/** Of arrays, nested as deep as they are. */
final class ListWriter(arena: Arena, items: ColumnWriter, rows: Long) extends OffsetWriter(arena, rows) {
  private[this] val view = new UnsafeArrayData

  override protected def end: Long = items.length

  override def begin(): Unit = {
    super.begin()
    items.begin()
  }

  override def appendOf(from: SpecializedGetters, ordinal: Int): Unit = {
    from.getArray(ordinal) match {
      case vector: ColumnarArray => items.appendAll(vector)
      case array: UnsafeArrayData => items.appendAll(array) // a constant of a file's partition
      case array => throw new IllegalStateException(s"an array of a vector is a ${array.getClass.getName}")
    }
    offsets.appendLong(end)
  }

  override protected def appendBytes(base: AnyRef, from: Long, bytes: Int): Unit = {
    ColumnWriter.checkArray(base, from, bytes, items.widthInArrays)
    view.pointTo(base, from, bytes)
    items.appendAll(view)
  }

  override def finish(node: ArrowArrayStruct.Node): Unit = {
    super.finish(node)
    items.finish(node.child(0))
  }
}
