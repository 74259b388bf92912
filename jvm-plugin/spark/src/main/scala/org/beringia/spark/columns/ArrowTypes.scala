// Spark's types as Arrow's: the one list of what crosses the bridge, and in which layout. Writers, vectors and
// the refusals at planning all read it; a type that is not here is refused.
package org.beringia.spark.columns

import org.apache.spark.sql.types._
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.ArrowField

/** How the values of a column lie in memory. */
sealed trait Layout

object Layout {

  /** Bits, least significant first. */
  case object Bits extends Layout

  /** `width` bytes a value, little-endian, the same as in Spark's own rows. */
  final case class Fixed(width: Int) extends Layout

  /** 64-bit offsets into bytes. */
  case object Bytes extends Layout

  /** 64-bit offsets into the elements, which lie as `element` says. */
  final case class Items(element: DataType) extends Layout
}

object ArrowTypes {

  /** The layout of a column of this type; none where the type does not cross. */
  def layout(dataType: DataType): Option[Layout] = dataType match {
    case BooleanType => Some(Layout.Bits)
    case ByteType => Some(Layout.Fixed(1))
    case ShortType => Some(Layout.Fixed(2))
    case IntegerType | FloatType | DateType => Some(Layout.Fixed(4))
    case LongType | DoubleType | TimestampType | TimestampNTZType => Some(Layout.Fixed(8))
    case StringType | BinaryType => Some(Layout.Bytes)
    case ArrayType(element, _) => layout(element).map(_ => Layout.Items(element))
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
    case StringType => ArrowField.of(name, "U")
    case BinaryType => ArrowField.of(name, "Z")
    case ArrayType(element, _) => ArrowField.list(name, field("item", element))
    case _ => throw refusal(s"'$name' has type ${dataType.catalogString}, which has no Arrow form here")
  }

  /** Refuses a grouping column that has no scalar form. */
  def requireKey(name: String, dataType: DataType): Unit = dataType match {
    case _: ArrayType =>
      throw refusal(s"grouping column '$name' has type ${dataType.catalogString}: $keyHint")
    case _ => if (layout(dataType).isEmpty) {
        throw refusal(
          s"grouping column '$name' has type ${dataType.catalogString}: $keyHint${castHint(dataType)}"
        )
      }
  }

  /** Refuses an argument that has no NumPy form. */
  def requireArgument(name: String, dataType: DataType): Unit = if (layout(dataType).isEmpty) {
    throw refusal(
      s"argument column '$name' has type ${dataType.catalogString}: $valueHint${castHint(dataType)}"
    )
  }

  /** Refuses a field of `returns` that cannot be read back. */
  def requireResult(name: String, dataType: DataType): Unit = if (layout(dataType).isEmpty) {
    throw refusal(
      s"field '$name' of returns has type ${dataType.catalogString}: $valueHint${castHint(dataType)}"
    )
  }

  private def refusal(message: String) = new BeringiaException(ErrorCode.ARGUMENT, message)

  private val scalars =
    "boolean, tinyint, smallint, int, bigint, float, double, date, timestamp, timestamp_ntz, string, binary"
  private val keyHint = s"numpy_map takes $scalars here"
  private val valueHint = s"numpy_map takes $scalars, and arrays of these"

  private def castHint(dataType: DataType): String = dataType match {
    case _: DecimalType => ". Cast it to double, or to string where every digit counts"
    case _: StructType => ". Pass its fields one by one"
    case _ => ""
  }
}
