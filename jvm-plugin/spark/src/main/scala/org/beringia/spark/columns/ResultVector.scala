// Result columns over the raw addresses of an Arrow array, as Spark's generated code reads them. A vector
// holds no memory: it must not be read after the array is released.
package org.beringia.spark.columns

import java.math.{BigDecimal, BigInteger}

import org.apache.spark.sql.types._
import org.apache.spark.sql.vectorized.{ColumnarArray, ColumnarMap, ColumnVector}
import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.types.UTF8String
import org.beringia.bridge.ArrowArrayStruct

/** @param offset of value 0 in the array's buffers, in values */
abstract class ResultVector(dataType: DataType, array: Long, offset: Long) extends ColumnVector(dataType) {
  private[this] val validity = ArrowArrayStruct.buffer(array, 0)
  private[this] val nulls = ArrowArrayStruct.nullCount(array)

  override def close(): Unit = ()

  override def hasNull: Boolean = validity != 0 && nulls != 0

  override def numNulls: Int =
    if (!hasNull) 0
    else if (nulls > 0) nulls.toInt
    else (0 until ArrowArrayStruct.length(array).toInt).count(isNullAt)

  override def isNullAt(row: Int): Boolean = validity != 0 && !ResultVector.bit(validity, offset + row)

  override def getBoolean(row: Int): Boolean = unsupported("boolean")
  override def getByte(row: Int): Byte = unsupported("byte")
  override def getShort(row: Int): Short = unsupported("short")
  override def getInt(row: Int): Int = unsupported("int")
  override def getLong(row: Int): Long = unsupported("long")
  override def getFloat(row: Int): Float = unsupported("float")
  override def getDouble(row: Int): Double = unsupported("double")
  override def getArray(row: Int): ColumnarArray = unsupported("array")
  override def getMap(row: Int): ColumnarMap = unsupported("map")
  override def getDecimal(row: Int, precision: Int, scale: Int): Decimal = unsupported("decimal")
  override def getUTF8String(row: Int): UTF8String = unsupported("string")
  override def getBinary(row: Int): Array[Byte] = unsupported("binary")
  override def getChild(ordinal: Int): ResultVector = unsupported("struct")

  /** The eight bytes that a value which is not null is as the field of one of Spark's rows, if it is that. */
  def field(row: Int): Long = unsupported("value of one width")

  /** Writes values, none of them null, as such: one every `width` bytes. */
  def fields(from: Int, count: Int, base: Array[Byte], start: Long, width: Int): Unit = {
    var to = start
    var i = 0
    while (i < count) {
      Platform.putLong(base, to, field(from + i))
      to += width
      i += 1
    }
  }

  private def unsupported(asked: String): Nothing =
    throw new UnsupportedOperationException(s"a column of ${dataType.catalogString} has no $asked")
}

object ResultVector {

  /** A vector over the `ArrowArray` at `array`; `outer` is the offset of the struct that it is a child of. */
  def of(dataType: DataType, array: Long, outer: Long = 0): ResultVector = {
    val offset = outer + ArrowArrayStruct.offset(array)
    if (ArrowArrayStruct.dictionary(array) != 0) {
      val values = of(dataType, ArrowArrayStruct.dictionary(array), outer = 0)
      new DictionaryVector(dataType, values, array, offset)
    } else {
      ArrowTypes.layout(dataType) match {
        case Some(Layout.Bits) => new BitVector(array, offset)
        case Some(Layout.Fixed(width)) => new FixedVector(dataType, array, offset, width)
        case Some(Layout.Decimals(_, _)) => new DecimalVector(dataType, array, offset)
        case Some(Layout.Bytes) => new BytesVector(dataType, array, offset)
        case Some(Layout.Items(element)) => new ListVector(dataType, element, array, offset)
        case Some(Layout.Fields(fields)) => new StructVector(dataType, fields, array, offset)
        case None => throw new IllegalArgumentException(s"no vector for ${dataType.catalogString}")
      }
    }
  }

  private[columns] def bit(address: Long, index: Long): Boolean =
    (Platform.getByte(null, address + (index >> 3)) >> (index & 7).toInt & 1) != 0
}

final class BitVector(array: Long, offset: Long) extends ResultVector(BooleanType, array, offset) {
  private[this] val bits = ArrowArrayStruct.buffer(array, 1)

  override def getBoolean(row: Int): Boolean = ResultVector.bit(bits, offset + row)

  override def field(row: Int): Long = if (getBoolean(row)) 1 else 0
}

/** Of every type with one width: the caller asks by the column's type, hence for the right width. */
final class FixedVector(dataType: DataType, array: Long, offset: Long, width: Int)
    extends ResultVector(dataType, array, offset) {
  private[this] val values = ArrowArrayStruct.buffer(array, 1) + offset * width

  override def getByte(row: Int): Byte = Platform.getByte(null, values + row)
  override def getShort(row: Int): Short = Platform.getShort(null, values + 2L * row)
  override def getInt(row: Int): Int = Platform.getInt(null, values + 4L * row)
  override def getLong(row: Int): Long = Platform.getLong(null, values + 8L * row)
  override def getFloat(row: Int): Float = Platform.getFloat(null, values + 4L * row)
  override def getDouble(row: Int): Double = Platform.getDouble(null, values + 8L * row)

  override def field(row: Int): Long = width match {
    case 1 => getByte(row) & 0xffL
    case 2 => getShort(row) & 0xffffL
    case 4 => getInt(row) & 0xffffffffL
    case _ => getLong(row)
  }

  override def fields(from: Int, count: Int, base: Array[Byte], start: Long, size: Int): Unit =
    if (width == 8) {
      var to = start
      var value = values + 8L * from
      val end = value + 8L * count
      while (value < end) {
        Platform.putLong(base, to, Platform.getLong(null, value))
        to += size
        value += 8
      }
    } else super.fields(from, count, base, start, size)

  override def getDoubles(row: Int, count: Int): Array[Double] = {
    val result = new Array[Double](count)
    Platform.copyMemory(null, values + 8L * row, result, Platform.DOUBLE_ARRAY_OFFSET.toLong, 8L * count)
    result
  }

  override def getLongs(row: Int, count: Int): Array[Long] = {
    val result = new Array[Long](count)
    Platform.copyMemory(null, values + 8L * row, result, Platform.LONG_ARRAY_OFFSET.toLong, 8L * count)
    result
  }
}

/** Of string and binary. */
final class BytesVector(dataType: DataType, array: Long, offset: Long)
    extends ResultVector(dataType, array, offset) {
  private[this] val offsets = ArrowArrayStruct.buffer(array, 1) + 8 * offset
  private[this] val data = ArrowArrayStruct.buffer(array, 2)

  // Spark asks for the value of a null too, and wants null.
  override def getUTF8String(row: Int): UTF8String =
    if (isNullAt(row)) null else UTF8String.fromAddress(null, data + start(row), size(row))

  override def getBinary(row: Int): Array[Byte] = if (isNullAt(row)) null
  else {
    val result = new Array[Byte](size(row))
    Platform.copyMemory(
      null,
      data + start(row),
      result,
      Platform.BYTE_ARRAY_OFFSET.toLong,
      result.length.toLong
    )
    result
  }

  private def start(row: Int): Long = Platform.getLong(null, offsets + 8L * row)
  private def size(row: Int): Int = Math.toIntExact(start(row + 1) - start(row))
}

final class ListVector(dataType: DataType, element: DataType, array: Long, offset: Long)
    extends ResultVector(dataType, array, offset) {
  private[this] val offsets = ArrowArrayStruct.buffer(array, 1) + 8 * offset
  private[this] val items = ResultVector.of(element, ArrowArrayStruct.child(array, 0))

  override def getArray(row: Int): ColumnarArray = if (isNullAt(row)) null
  else {
    val start = Platform.getLong(null, offsets + 8L * row)
    val end = Platform.getLong(null, offsets + 8L * (row + 1))
    new ColumnarArray(items, Math.toIntExact(start), Math.toIntExact(end - start))
  }

  override def getChild(ordinal: Int): ResultVector = items
}

/** Of decimals, of any precision. */
final class DecimalVector(dataType: DataType, array: Long, offset: Long)
    extends ResultVector(dataType, array, offset) {
  private[this] val values = ArrowArrayStruct.buffer(array, 1) + 16 * offset

  private[this] val ofSpark = dataType.asInstanceOf[DecimalType]
  private[this] val isLong = ofSpark.precision <= Decimal.MAX_LONG_DIGITS
  private[this] val most = if (isLong) BigInteger.TEN.pow(ofSpark.precision).longValue else 0L

  override def getDecimal(row: Int, precision: Int, scale: Int): Decimal = if (isNullAt(row)) null
  else if (isLong) Decimal.createUnsafe(field(row), precision, scale)
  else read(row)

  /** Reads one of any number of digits, and refuses it as Spark does if it has more than its type. */
  private def read(row: Int): Decimal = {
    val bytes = new Array[Byte](16)
    var i = 0
    while (i < 16) {
      bytes(i) = Platform.getByte(null, values + 16L * row + 15 - i)
      i += 1
    }
    Decimal(new BigDecimal(new BigInteger(bytes), ofSpark.scale), ofSpark.precision, ofSpark.scale)
  }

  // Of decimals of 18 digits at most; rows hold others in another form.
  override def field(row: Int): Long = {
    val at = values + 16L * row
    val low = Platform.getLong(null, at)
    val fits = low < most && low > -most && Platform.getLong(null, at + 8) == low >> 63
    if (fits) low else read(row).toUnscaledLong
  }
}

final class StructVector(dataType: DataType, fields: StructType, array: Long, offset: Long)
    extends ResultVector(dataType, array, offset) {
  private[this] val children = fields.zipWithIndex.map { case (field, i) =>
    ResultVector.of(field.dataType, ArrowArrayStruct.child(array, i), offset)
  }.toArray

  override def getChild(ordinal: Int): ResultVector = children(ordinal)
}

/** Any column that came as 32-bit indices into a dictionary, which is `values`. */
final class DictionaryVector(dataType: DataType, values: ResultVector, array: Long, offset: Long)
    extends ResultVector(dataType, array, offset) {
  private[this] val indices = ArrowArrayStruct.buffer(array, 1) + 4 * offset
  // The fields of structs, by the same indices.
  private[this] lazy val children = dataType match {
    case StructType(fields) => fields.zipWithIndex.map { case (field, i) =>
        new DictionaryVector(field.dataType, values.getChild(i), array, offset)
      }
    case _ => Array.empty[DictionaryVector]
  }

  private def index(row: Int): Int = Platform.getInt(null, indices + 4L * row)

  // An index under a null means nothing: look at the validity first.
  override def isNullAt(row: Int): Boolean = super.isNullAt(row) || values.isNullAt(index(row))
  override def hasNull: Boolean = super.hasNull || values.hasNull
  override def numNulls: Int =
    if (hasNull) (0 until ArrowArrayStruct.length(array).toInt).count(isNullAt) else 0

  override def getBoolean(row: Int): Boolean = values.getBoolean(index(row))
  override def getByte(row: Int): Byte = values.getByte(index(row))
  override def getShort(row: Int): Short = values.getShort(index(row))
  override def getInt(row: Int): Int = values.getInt(index(row))
  override def getLong(row: Int): Long = values.getLong(index(row))
  override def getFloat(row: Int): Float = values.getFloat(index(row))
  override def getDouble(row: Int): Double = values.getDouble(index(row))
  override def field(row: Int): Long = values.field(index(row))
  override def getDecimal(row: Int, precision: Int, scale: Int): Decimal =
    if (isNullAt(row)) null else values.getDecimal(index(row), precision, scale)
  override def getArray(row: Int): ColumnarArray = if (isNullAt(row)) null else values.getArray(index(row))
  override def getUTF8String(row: Int): UTF8String =
    if (isNullAt(row)) null else values.getUTF8String(index(row))
  override def getBinary(row: Int): Array[Byte] = if (isNullAt(row)) null else values.getBinary(index(row))
  override def getChild(ordinal: Int): ResultVector = children(ordinal)
}
