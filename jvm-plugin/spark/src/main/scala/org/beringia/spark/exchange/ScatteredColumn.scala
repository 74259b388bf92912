// Values of one column on their way to the partitions that they go to: for each partition a buffer of what has one
// width (of texts and bytes: where each ends), one of bytes, and a byte a row where values are missing.
// BlockVector reads them.
package org.beringia.spark.exchange

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters
import org.apache.spark.sql.types._
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarArray}
import org.apache.spark.unsafe.Platform
import org.beringia.spark.columns.{ArrowTypes, Layout}

sealed abstract class ScatteredColumn(width: Int, partitions: Int) {
  private[this] val anyMissing = new Array[Boolean](partitions)
  protected val fixed: Array[GrowingBytes] = Array.fill(partitions)(new GrowingBytes)
  private[this] val missing = Array.fill(partitions)(new GrowingBytes)
  protected val data: Array[GrowingBytes] = Array.fill(partitions)(new GrowingBytes)

  /** Writes a value, which is not missing, or of text and bytes where it ends, to `width` bytes. */
  protected def put(to: Array[Byte], at: Long, partition: Int, from: SpecializedGetters, ordinal: Int): Unit

  /** The same of one that is missing; the bytes are zeros. */
  protected def putMissing(to: Array[Byte], at: Long, partition: Int): Unit = ()

  final def append(partition: Int, from: SpecializedGetters, ordinal: Int): Unit = {
    val buffer = fixed(partition)
    val start = buffer.grow(width)
    val at = Platform.BYTE_ARRAY_OFFSET.toLong + start
    if (from.isNullAt(ordinal)) {
      markMissing(partition, start / width)
      java.util.Arrays.fill(buffer.bytes, start, start + width, 0.toByte)
      putMissing(buffer.bytes, at, partition)
    } else {
      put(buffer.bytes, at, partition, from, ordinal)
    }
  }

  /** Appends values of a vector, each to a partition of its own. */
  def appendAll(partitionOf: Array[Int], from: ColumnVector, start: Int, count: Int): Unit = {
    val values = new ColumnarArray(from, start, count)
    var i = 0
    while (i < count) {
      append(partitionOf(i), values, i)
      i += 1
    }
  }

  /** Bytes so far of values of no fixed width, of all blocks. */
  def wide: Long = 0

  /** Bytes that the buffers could hold. */
  def capacity: Long = (fixed ++ missing ++ data).map(_.bytes.length.toLong).sum

  /** Gives up the buffers, which are empty. */
  def release(): Unit = (fixed ++ missing ++ data).foreach(_.release())

  def rowsOf(partition: Int): Int = fixed(partition).used / width

  /** Bytes of the partition's part of a block, without the column's two numbers of the head. */
  def bytesOf(partition: Int): Int =
    fixed(partition).used + data(partition).used + (if (anyMissing(partition)) rowsOf(partition) else 0)

  /** Writes the column's part of a block, its two numbers to `head`, and forgets it; returns where the part ends. */
  def take(partition: Int, block: Array[Byte], head: Int, at: Int): Int = {
    val origin = Platform.BYTE_ARRAY_OFFSET.toLong
    Platform.putInt(block, origin + head, if (anyMissing(partition)) 1 else 0)
    Platform.putInt(block, origin + head + 4, data(partition).used)
    var end = at
    if (anyMissing(partition)) {
      missing(partition).pad(rowsOf(partition))
      end = missing(partition).take(block, end)
    }
    end = fixed(partition).take(block, end)
    end = data(partition).take(block, end)
    anyMissing(partition) = false
    end
  }

  private def markMissing(partition: Int, row: Int): Unit = {
    val flags = missing(partition)
    flags.pad(row)
    val at = flags.grow(1) // which may give it other bytes
    flags.bytes(at) = 1
    anyMissing(partition) = true
  }
}

object ScatteredColumn {

  /** Whether columns of this type can go in blocks. */
  def takes(dataType: DataType): Boolean = !dataType.isInstanceOf[UserDefinedType[_]] &&
    ArrowTypes.layout(dataType).exists {
      case _: Layout.Items | _: Layout.Fields => false
      case _ => true
    }

  /** Bytes of the part of a value that has one width. */
  def width(dataType: DataType): Int = ArrowTypes.layout(dataType) match {
    case Some(Layout.Bits) => 1
    case Some(Layout.Fixed(width)) => width
    case Some(Layout.Decimals(precision, _)) if precision <= Decimal.MAX_LONG_DIGITS => 8
    case _ => 4
  }

  /** Whether values have a part of no fixed width. */
  def isVariable(dataType: DataType): Boolean = ArrowTypes.layout(dataType) match {
    case Some(Layout.Decimals(precision, _)) => precision > Decimal.MAX_LONG_DIGITS
    case layout => layout.contains(Layout.Bytes)
  }

  def of(dataType: DataType, partitions: Int): ScatteredColumn = dataType match {
    case StringType => new ScatteredBytes(
        partitions,
        (bytes, from, ordinal) => {
          val text = from.getUTF8String(ordinal)
          bytes.append(text.getBaseObject, text.getBaseOffset, text.numBytes)
        }
      )
    case BinaryType =>
      new ScatteredBytes(partitions, (bytes, from, ordinal) => bytes.append(from.getBinary(ordinal)))
    case decimal: DecimalType if decimal.precision > Decimal.MAX_LONG_DIGITS =>
      new ScatteredBytes(
        partitions,
        (bytes, from, ordinal) => {
          val number = from.getDecimal(ordinal, decimal.precision, decimal.scale)
          bytes.append(number.toJavaBigDecimal.unscaledValue.toByteArray)
        }
      )
    case _: DecimalType => new ScatteredFixed(8, partitions, putOf(dataType))
    case other if width(other) == 8 => new ScatteredLongs(partitions, putOf(other), other == DoubleType)
    case other => new ScatteredFixed(width(other), partitions, putOf(other))
  }

  private def putOf(dataType: DataType): PutFixed = dataType match {
    case BooleanType => (to, at, from, ordinal) => Platform.putBoolean(to, at, from.getBoolean(ordinal))
    case FloatType => (to, at, from, ordinal) => Platform.putFloat(to, at, from.getFloat(ordinal))
    case DoubleType => (to, at, from, ordinal) => Platform.putDouble(to, at, from.getDouble(ordinal))
    case decimal: DecimalType => (to, at, from, ordinal) =>
        Platform.putLong(to, at, from.getDecimal(ordinal, decimal.precision, decimal.scale).toUnscaledLong)
    case other => width(other) match {
        case 1 => (to, at, from, ordinal) => Platform.putByte(to, at, from.getByte(ordinal))
        case 2 => (to, at, from, ordinal) => Platform.putShort(to, at, from.getShort(ordinal))
        case 4 => (to, at, from, ordinal) => Platform.putInt(to, at, from.getInt(ordinal))
        case _ => (to, at, from, ordinal) => Platform.putLong(to, at, from.getLong(ordinal))
      }
  }
}

trait PutFixed {
  def apply(to: Array[Byte], at: Long, from: SpecializedGetters, ordinal: Int): Unit
}

trait PutBytes {
  def apply(to: GrowingBytes, from: SpecializedGetters, ordinal: Int): Unit
}

sealed class ScatteredFixed(width: Int, partitions: Int, value: PutFixed)
    extends ScatteredColumn(width, partitions) {
  override protected def put(
      to: Array[Byte],
      at: Long,
      partition: Int,
      from: SpecializedGetters,
      ordinal: Int
  ): Unit = value(to, at, from, ordinal)
}

/**
 * Of bigint, double, timestamps and day-time intervals.
 *
 * @param floating whether it is double
 */
final class ScatteredLongs(partitions: Int, value: PutFixed, floating: Boolean)
    extends ScatteredFixed(8, partitions, value) {

  // Most vectors hold an array, whose values are copied together.
  override def appendAll(partitionOf: Array[Int], from: ColumnVector, start: Int, count: Int): Unit =
    if (from.hasNull) super.appendAll(partitionOf, from, start, count)
    else if (floating)
      scatter(partitionOf, from.getDoubles(start, count), Platform.DOUBLE_ARRAY_OFFSET, count)
    else scatter(partitionOf, from.getLongs(start, count), Platform.LONG_ARRAY_OFFSET, count)

  private def scatter(partitionOf: Array[Int], values: AnyRef, from: Int, count: Int): Unit =
    if (partitions == 1) fixed(0).append(values, from.toLong, 8 * count)
    else scatterEach(partitionOf, values, from, count)

  private def scatterEach(partitionOf: Array[Int], values: AnyRef, from: Int, count: Int): Unit = {
    var i = 0
    while (i < count) {
      val buffer = fixed(partitionOf(i))
      val at = Platform.BYTE_ARRAY_OFFSET.toLong + buffer.grow(8)
      Platform.putLong(buffer.bytes, at, Platform.getLong(values, from + 8L * i))
      i += 1
    }
  }
}

/** Of what has no width of its own: the ends of the values, and their bytes. */
final class ScatteredBytes(partitions: Int, value: PutBytes) extends ScatteredColumn(4, partitions) {
  private[this] var written = 0L

  override def wide: Long = written

  override protected def put(
      to: Array[Byte],
      at: Long,
      partition: Int,
      from: SpecializedGetters,
      ordinal: Int
  ): Unit = {
    val before = data(partition).used
    value(data(partition), from, ordinal)
    written += data(partition).used - before
    putMissing(to, at, partition)
  }

  override protected def putMissing(to: Array[Byte], at: Long, partition: Int): Unit =
    Platform.putInt(to, at, data(partition).used)
}

/** Bytes of which there are more and more. */
final class GrowingBytes {
  var bytes: Array[Byte] = GrowingBytes.None
  var used = 0

  /** Adds `count` bytes, of any content; returns where they begin. */
  def grow(count: Int): Int = {
    val at = used
    val end = Math.addExact(at, count)
    if (end > bytes.length) {
      bytes = java.util.Arrays.copyOf(
        bytes,
        Math.max(Math.max(64L, end), Math.min(2L * end, GrowingBytes.Most)).toInt
      )
    }
    used = end
    at
  }

  def append(bytes: Array[Byte]): Unit =
    append(bytes, Platform.BYTE_ARRAY_OFFSET.toLong, bytes.length)

  def append(base: AnyRef, offset: Long, length: Int): Unit = {
    val at = grow(length)
    Platform.copyMemory(base, offset, bytes, Platform.BYTE_ARRAY_OFFSET.toLong + at, length.toLong)
  }

  /** Adds zeros until there are `count` bytes. */
  def pad(count: Int): Unit = if (count > used) {
    val at = grow(count - used)
    java.util.Arrays.fill(bytes, at, count, 0.toByte)
  }

  /** Moves all bytes to `to`; returns where they end there. */
  def take(to: Array[Byte], at: Int): Int = {
    System.arraycopy(bytes, 0, to, at, used)
    val end = at + used
    used = 0
    end
  }

  /** Gives up its memory. */
  def release(): Unit = {
    bytes = GrowingBytes.None
    used = 0
  }
}

object GrowingBytes {
  private val None = Array.emptyByteArray
  private val Most = Int.MaxValue - 16L // what an array of the JVM can have
}
