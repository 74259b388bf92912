// A batch written from plain values, and read back from its raw addresses.
package org.beringia.spark.columns

import scala.collection.mutable

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{UnsafeProjection, UnsafeRow}
import org.apache.spark.sql.catalyst.util.{ArrayData, GenericArrayData}
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.executor.memory.BatchLimits

object BatchFixture {
  val Limits: BatchLimits = BatchLimits(8L << 20, 1L << 30)

  /** A row, without the widening that Scala gives a sequence of numbers. */
  def row(values: Any*): Seq[Any] = values

  /** Column `i` of `types`, as the row projection puts it. */
  def column(types: Seq[DataType])(i: Int): InputColumn = InputColumn(s"c$i", types(i), i)

  private val projections = mutable.Map.empty[Seq[DataType], UnsafeProjection] // Spark writes code for each

  def rows(types: Seq[DataType], values: Seq[Seq[Any]]): Iterator[UnsafeRow] = {
    val projection = projections.getOrElseUpdate(types, UnsafeProjection.create(types.toArray))
    values.iterator.map(row => projection(InternalRow.fromSeq(row.map(catalyst))).copy())
  }

  /** Each inner sequence is one group of rows. */
  def write(writer: BatchWriter, types: Seq[DataType], groups: Seq[Seq[Seq[Any]]]): ArrowArrayStruct = {
    writer.begin()
    groups.foreach { group =>
      val it = rows(types, group)
      val first = it.next()
      writer.startGroup(first, () => s"c0=${group.head.head}")
      writer.append(first)
      it.foreach(writer.append)
      writer.endGroup()
    }
    writer.finish()
  }

  /** The values of the array at an address. */
  def read(dataType: DataType, array: Long): Seq[Any] = {
    val vector = ResultVector.of(dataType, array)
    (0 until ArrowArrayStruct.length(array).toInt).map(value(vector, _))
  }

  /** The rows of each group of a list array whose items have this type. */
  def readLists(items: DataType, array: Long): Seq[Seq[Any]] =
    read(ArrayType(items), array).map(_.asInstanceOf[Seq[Any]])

  def value(vector: ResultVector, row: Int): Any = plain(vector.dataType, vector, row)

  private def plain(dataType: DataType, vector: ResultVector, row: Int): Any =
    if (vector.isNullAt(row)) null
    else (dataType: @unchecked) match {
      case BooleanType => vector.getBoolean(row)
      case ByteType => vector.getByte(row)
      case ShortType => vector.getShort(row)
      case IntegerType | DateType => vector.getInt(row)
      case LongType | TimestampType | TimestampNTZType | _: DayTimeIntervalType => vector.getLong(row)
      case d: DecimalType => vector.getDecimal(row, d.precision, d.scale).toJavaBigDecimal
      case StructType(fields) => fieldsOf(fields.map(_.dataType), vector.getStruct(row))
      case FloatType => vector.getFloat(row)
      case DoubleType => vector.getDouble(row)
      case StringType => vector.getUTF8String(row).toString
      case BinaryType => vector.getBinary(row).toSeq
      case ArrayType(element, _) =>
        items(element, vector.getArray(row))
    }

  private def items(element: DataType, array: ArrayData): Seq[Any] = array.toSeq[Any](element).map {
    case text: UTF8String => text.toString
    case inner: ArrayData => items(element.asInstanceOf[ArrayType].elementType, inner)
    case number: Decimal => number.toJavaBigDecimal
    case row: InternalRow => fieldsOf(element.asInstanceOf[StructType].fields.map(_.dataType), row)
    case other => other
  }

  /** A struct's values: a map of their indices, to be told from a list's. */
  private def fieldsOf(types: Seq[DataType], row: InternalRow): Map[Int, Any] =
    types.zipWithIndex.map { case (dataType, i) =>
      i -> (if (row.isNullAt(i)) null
            else items(dataType, new GenericArrayData(Seq(row.get(i, dataType)))).head)
    }.toMap

  private def catalyst(value: Any): Any = value match {
    case text: String => UTF8String.fromString(text)
    case number: java.math.BigDecimal => Decimal(number)
    case fields: Map[Int, _] @unchecked =>
      InternalRow.fromSeq(fields.toSeq.sortBy(_._1).map(field => catalyst(field._2)))
    case items: Seq[_] => new GenericArrayData(items.map(catalyst).toArray[Any])
    case other => other
  }
}
