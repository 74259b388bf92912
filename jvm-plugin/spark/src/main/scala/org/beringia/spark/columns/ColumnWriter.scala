// Spark's values to columns: one writer per column, straight from binary rows, or from the vectors of a child that has columns,
// into shared memory. A writer holds one batch at a time; the arena opens its buffers.
package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.{SpecializedGetters, UnsafeArrayData, UnsafeRow}
import org.apache.spark.sql.types.{DataType, DoubleType, FloatType, StringType, UserDefinedType}
import org.apache.spark.sql.vectorized.{ColumnarArray, ColumnVector}
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.memory.{Arena, Validity}

abstract class ColumnWriter(arena: Arena) {
  protected val validity = new Validity(arena)

  /** Number of values in this batch. */
  def length: Long

  /** Bytes that a value takes within one of Spark's arrays: itself, or where it is. */
  def widthInArrays: Int = 8

  /** Appends a field that is not null. */
  def append(row: UnsafeRow, ordinal: Int): Unit

  /** Appends every element of an array, nulls included. */
  def appendAll(array: UnsafeArrayData): Unit

  /** Appends every value of a vector or of a part of it, nulls included. */
  def appendAll(values: ColumnarArray): Unit = {
    val count = values.numElements
    var i = 0
    while (i < count) {
      if (values.isNullAt(i)) appendNull() else appendOf(values, i)
      i += 1
    }
  }

  /** Appends the values of a part of a vector, nulls included. */
  def appendAll(from: ColumnVector, start: Int, count: Int): Unit =
    appendAll(new ColumnarArray(from, start, count))

  /** Appends a value that is not null, of a vector or of a row of vectors. */
  def appendOf(from: SpecializedGetters, ordinal: Int): Unit

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
    case Some(_) if dataType.isInstanceOf[UserDefinedType[_]] =>
      of(dataType.asInstanceOf[UserDefinedType[_]].sqlType, arena, rows)
    case Some(Layout.Bits) => new BitWriter(arena, rows)
    case Some(Layout.Fixed(1)) => new ByteWriter(arena, rows)
    case Some(Layout.Fixed(2)) => new ShortWriter(arena, rows)
    case Some(Layout.Fixed(4)) => new IntWriter(arena, dataType == FloatType, rows)
    case Some(Layout.Fixed(_)) => new LongWriter(arena, dataType == DoubleType, rows)
    case Some(Layout.Decimals(precision, scale)) => new DecimalWriter(arena, precision, scale, rows)
    case Some(Layout.Bytes) => new BytesWriter(arena, dataType == StringType, rows)
    case Some(Layout.Items(element)) => new ListWriter(arena, of(element, arena, rows * ExpectedItems), rows)
    case Some(Layout.Fields(fields)) =>
      new StructWriter(arena, fields.map(field => of(field.dataType, arena, rows)).toArray)
    case None => throw new IllegalArgumentException(s"no writer for ${dataType.catalogString}")
  }

  /** Bytes that a value is expected to take, before there is a batch to learn from. */
  def expectedBytes(dataType: DataType): Long = ArrowTypes.layout(dataType) match {
    case Some(Layout.Bits) => 1
    case Some(Layout.Fixed(width)) => width.toLong
    case Some(Layout.Decimals(_, _)) => 16
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

  /**
   * Refuses a value of variable length (its offset in the upper half of `place`, its size below) that is not
   * within the `size` bytes of its row or array. Rows can be broken: Hail's `from_spark` reads those of its own
   * `to_spark` with several threads that write into one buffer. To follow them would end the JVM.
   */
  private[columns] def checkPlace(place: Long, size: Int): Unit =
    if (place.toInt < 0 || (place >>> 32) + place.toInt > size) throw broken()

  /** Refuses an array whose values do not fit into its bytes. */
  private[columns] def checkArray(base: AnyRef, from: Long, size: Int, width: Int): Unit = {
    val count = if (size < 8) -1L else Platform.getLong(base, from)
    val fits = count >= 0 && count <= size &&
      UnsafeArrayData.calculateHeaderPortionInBytes(count) + count * width <= size
    if (!fits) throw broken()
  }

  private[columns] def broken() = new BeringiaException(
    ErrorCode.INTERNAL,
    "a row that Spark handed over is broken: a value lies outside of it. If the rows come from Hail's to_spark and " +
      "go back by from_spark, put a repartition between them"
  )

  private[columns] def hasNulls(values: ColumnarArray): Boolean = {
    val count = values.numElements
    var i = 0
    while (i < count && !values.isNullAt(i)) i += 1
    i < count
  }

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
