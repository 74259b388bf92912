// Spark's types as Arrow's: the one list of what crosses the bridge, and in which layout. Writers, vectors and
// the refusals at planning all read it; a type that is not here is refused. A test holds it to docs/types.json.
package org.beringia.spark.columns

import org.apache.spark.sql.types._
import org.beringia.bridge.ArrowField
import org.beringia.spark.Refusal

/** How the values of a column lie in memory. */
sealed trait Layout

object Layout {

  /** Bits, least significant first. */
  case object Bits extends Layout

  /** `width` bytes a value, little-endian, the same as in Spark's own rows. */
  final case class Fixed(width: Int) extends Layout

  /** 128-bit two's complement, little-endian; Spark's own rows hold `precision` digits in another form. */
  final case class Decimals(precision: Int, scale: Int) extends Layout

  /** 64-bit offsets into bytes. */
  case object Bytes extends Layout

  /** 64-bit offsets into the elements, which lie as `element` says. */
  final case class Items(element: DataType) extends Layout

  /** A column for each field. */
  final case class Fields(fields: StructType) extends Layout
}

object ArrowTypes {

  /** The layout of a column of this type; none where the type does not cross. */
  def layout(dataType: DataType): Option[Layout] = dataType match {
    case BooleanType => Some(Layout.Bits)
    case ByteType => Some(Layout.Fixed(1))
    case ShortType => Some(Layout.Fixed(2))
    case IntegerType | FloatType | DateType => Some(Layout.Fixed(4))
    case LongType | DoubleType | TimestampType | TimestampNTZType => Some(Layout.Fixed(8))
    case _: DayTimeIntervalType => Some(Layout.Fixed(8))
    case decimal: DecimalType => Some(Layout.Decimals(decimal.precision, decimal.scale))
    case StringType | BinaryType => Some(Layout.Bytes)
    case ArrayType(element, _) => layout(element).map(_ => Layout.Items(element))
    case fields: StructType if fields.nonEmpty && fields.forall(f => layout(f.dataType).isDefined) =>
      Some(Layout.Fields(fields))
    case SqlType(sqlType) => layout(sqlType)
    case _ => None
  }

  /** The Arrow field of a column whose type has a layout. */
  def field(name: String, dataType: DataType): ArrowField = dataType match {
    case BooleanType => ArrowField.of(name, "b")
    case ByteType => ArrowField.of(name, "c")
    case ShortType => ArrowField.of(name, "s")
    case IntegerType => ArrowField.of(name, "i")
    case LongType => ArrowField.of(name, "l")
    case FloatType => ArrowField.of(name, "f")
    case DoubleType => ArrowField.of(name, "g")
    case DateType => ArrowField.of(name, "tdD")
    case TimestampType => ArrowField.of(name, "tsu:UTC")
    case TimestampNTZType => ArrowField.of(name, "tsu:")
    case _: DayTimeIntervalType => ArrowField.of(name, "tDu")
    case decimal: DecimalType => ArrowField.of(name, s"d:${decimal.precision},${decimal.scale}")
    case StringType => ArrowField.of(name, "U")
    case BinaryType => ArrowField.of(name, "Z")
    case ArrayType(element, _) => ArrowField.list(name, field("item", element))
    case StructType(fields) => ArrowField.struct(name, fields.map(f => field(f.name, f.dataType)): _*)
    case SqlType(sqlType) => field(name, sqlType)
    case _ => throw Refusal(s"'$name' has type ${typeName(dataType)}, which has no Arrow form here")
  }

  /** The name of a type in messages. */
  def typeName(dataType: DataType): String = dataType match {
    case udt: UserDefinedType[_] => udt.typeName
    case other => other.catalogString
  }

  /** What the worker makes of a user-defined type: `vector` or `matrix` for those of Spark ML. */
  def udt(dataType: DataType): Option[String] = dataType match {
    case udt: UserDefinedType[_] => ofSparkMl.get(udt.getClass.getName)
    case _ => None
  }

  private val ofSparkMl = Map(
    "org.apache.spark.ml.linalg.VectorUDT" -> "vector",
    "org.apache.spark.ml.linalg.MatrixUDT" -> "matrix",
    "org.apache.spark.mllib.linalg.VectorUDT" -> "vector",
    "org.apache.spark.mllib.linalg.MatrixUDT" -> "matrix"
  )

  /** A user-defined type as what it is stored as. */
  private object SqlType {
    def unapply(udt: UserDefinedType[_]): Option[DataType] = Some(udt.sqlType)
  }

  /** Refuses a grouping column that is neither a scalar nor a struct of scalars. */
  def requireKey(name: String, dataType: DataType): Unit = if (!isKey(dataType)) {
    throw Refusal(s"grouping column '$name' has type ${typeName(dataType)}: $keyHint${castHint(dataType)}")
  }

  private def isKey(dataType: DataType): Boolean = dataType match {
    case _: ArrayType | _: UserDefinedType[_] => false
    case StructType(fields) => fields.nonEmpty && fields.forall(field => isKey(field.dataType))
    case scalar => layout(scalar).isDefined
  }

  /** Refuses an argument that has no NumPy form. */
  def requireArgument(name: String, dataType: DataType): Unit =
    if (layout(dataType).isEmpty || (hasUdt(dataType) && udt(dataType).isEmpty)) {
      throw Refusal(
        s"argument column '$name' has type ${typeName(dataType)}: $valueHint, and Spark ML's vectors and " +
          s"matrices${castHint(dataType)}"
      )
    }

  /** Refuses a column that cannot be carried through. */
  def requireKept(name: String, dataType: DataType): Unit = if (layout(dataType).isEmpty) {
    throw Refusal(s"kept column '$name' has type ${typeName(dataType)}: $valueHint${castHint(dataType)}")
  }

  /** Refuses a field of `returns` that cannot be read back. */
  def requireResult(name: String, dataType: DataType): Unit =
    if (layout(dataType).isEmpty || (hasUdt(dataType) && !udt(dataType).contains("vector"))) {
      throw Refusal(
        s"field '$name' of returns has type ${typeName(dataType)}: $valueHint, and Spark ML's vectors" +
          castHint(dataType)
      )
    }

  private def hasUdt(dataType: DataType): Boolean = dataType match {
    case _: UserDefinedType[_] => true
    case ArrayType(element, _) => hasUdt(element)
    case StructType(fields) => fields.exists(field => hasUdt(field.dataType))
    case _ => false
  }

  private val scalars =
    "boolean, tinyint, smallint, int, bigint, float, double, decimal, date, timestamp, timestamp_ntz, " +
      "interval day to second, string, binary"
  private val keyHint = s"numpy_map takes $scalars, and structs of these here"
  private val valueHint = s"numpy_map takes $scalars, and arrays and structs of these"

  private def castHint(dataType: DataType): String = dataType match {
    case _: MapType => ". Make arrays of it: map_keys(…), map_values(…)"
    case _: YearMonthIntervalType | CalendarIntervalType => ". Cast it to a number"
    case _ => ""
  }
}
