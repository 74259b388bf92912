// Rows to columns: one writer per column, straight from Spark's binary rows into shared memory, without an
// object per value. A writer holds one batch at a time; the arena opens its buffers.
package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.{UnsafeArrayData, UnsafeRow}
import org.apache.spark.sql.types.DataType
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.ArrowArrayStruct

abstract class ColumnWriter(arena: Arena) {
  protected val validity = new Validity(arena)

  /** Number of values in this batch. */
  def length: Long

  /** Appends a field that is not null. */
  def append(row: UnsafeRow, ordinal: Int): Unit

  /** Appends every element of an array, nulls included. */
  def appendAll(array: UnsafeArrayData): Unit

  def appendNull(): Unit

  /** Forgets the last batch; the arena has opened the buffers. */
  def begin(): Unit = validity.begin()

  /** Describes what was written. */
  def finish(node: ArrowArrayStruct.Node): Unit = {
    val count = length
    val bits = validity.finish(count)
    node.setLength(count, validity.nullCount)
    node.setBuffer(0, bits)
  }
}

object ColumnWriter {

  /** The writer of a type that [[ArrowTypes]] accepts, opened for about `rows` values in the first batch. */
  def of(dataType: DataType, arena: Arena, rows: Long): ColumnWriter = ArrowTypes.layout(dataType) match {
    case Some(Layout.Bits) => new BitWriter(arena, rows)
    case Some(Layout.Fixed(1)) => new ByteWriter(arena, rows)
    case Some(Layout.Fixed(2)) => new ShortWriter(arena, rows)
    case Some(Layout.Fixed(4)) => new IntWriter(arena, rows)
    case Some(Layout.Fixed(_)) => new LongWriter(arena, rows)
    case Some(Layout.Decimals(precision)) => new DecimalWriter(arena, precision, rows)
    case Some(Layout.Bytes) => new BytesWriter(arena, rows)
    case Some(Layout.Items(element)) => new ListWriter(arena, of(element, arena, rows * ExpectedItems), rows)
    case Some(Layout.Fields(fields)) =>
      new StructWriter(arena, fields.map(field => of(field.dataType, arena, rows)).toArray)
    case None => throw new IllegalArgumentException(s"no writer for ${dataType.catalogString}")
  }

  /** Bytes that a value is expected to take, before there is a batch to learn from. */
  def expectedBytes(dataType: DataType): Long = ArrowTypes.layout(dataType) match {
    case Some(Layout.Bits) => 1
    case Some(Layout.Fixed(width)) => width.toLong
    case Some(Layout.Decimals(_)) => 16
    case Some(Layout.Bytes) => 8 + ExpectedBytes
    case Some(Layout.Items(element)) => 8 + ExpectedItems * expectedBytes(element)
    case Some(Layout.Fields(fields)) => fields.map(field => expectedBytes(field.dataType)).sum
    case None => 8
  }

  private[columns] val ExpectedBytes = 16L
  private val ExpectedItems = 8L

  /** Address, in the array's base object, of its first value. */
  private[columns] def firstValue(array: UnsafeArrayData): Long =
    array.getBaseOffset + UnsafeArrayData.calculateHeaderPortionInBytes(array.numElements)

  private[columns] def hasNulls(array: UnsafeArrayData): Boolean = {
    val base = array.getBaseObject
    // After the number of elements: one bit for each, set where null, in words of eight bytes.
    var word = array.getBaseOffset + 8
    val end = firstValue(array)
    while (word < end) {
      if (Platform.getLong(base, word) != 0) {
        return true
      }
      word += 8
    }
    false
  }

  /** Copies bytes off-heap; short ones by hand, which beats the call. */
  private[columns] def copy(base: AnyRef, from: Long, to: Long, bytes: Int): Unit =
    if (bytes > 64) {
      Platform.copyMemory(base, from, null, to, bytes.toLong)
    } else {
      var i = 0
      while (i + 8 <= bytes) {
        Platform.putLong(null, to + i, Platform.getLong(base, from + i))
        i += 8
      }
      while (i < bytes) {
        Platform.putByte(null, to + i, Platform.getByte(base, from + i))
        i += 1
      }
    }
}
