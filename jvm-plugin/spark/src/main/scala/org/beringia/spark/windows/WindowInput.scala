// Windows over a column whose type is known: the position that sorts the rows, the type of the key, and the blocks of windows
// by which rows are brought together. A row lies in one block, or, at a border, in two: so often an exchange moves it, however
// many windows it lies in.
package org.beringia.spark.windows

import java.math.{BigDecimal, RoundingMode}

import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.plans.logical.{Expand, Filter, LogicalPlan}
import org.apache.spark.sql.types._
import org.beringia.executor.windows.{Extent, FloatExtent, RowExtent, WholeExtent}
import org.beringia.spark.columns.ArrowTypes
import org.beringia.spark.{NumpyMapException, Per, Refusal}

/** Refuses by itself windows that there are not over such a column. */
final class WindowInput(windows: Windows, name: String, dataType: DataType) {
  import WindowInput._
  import Windows.Unit

  private val bound: DataType = dataType match {
    case ByteType | ShortType | IntegerType | LongType => LongType
    case FloatType | DoubleType => DoubleType
    case DateType => TimestampNTZType
    case TimestampType | TimestampNTZType => dataType
    case _: DayTimeIntervalType => DayTimeIntervalType()
    case _ =>
      throw Refusal(
        s"by: a window goes over numbers, dates, timestamps or durations, and column '$name' is " +
          ArrowTypes.typeName(dataType)
      )
  }

  private val extent: Extent = windows.unit match {
    case Unit.Rows => RowExtent(whole("size", windows.size), whole("step", windows.step))
    case unit =>
      requireUnit("size", windows.size, unit)
      requireUnit("step", windows.step, unit)
      bound match {
        case DoubleType => FloatExtent(windows.size.doubleValue, windows.step.doubleValue)
        case _ => WholeExtent(whole("size", windows.size), whole("step", windows.step))
      }
  }

  // So many that few rows lie in two blocks.
  private val perBlock: Long =
    BlockSizes * windows.size.divide(windows.step, 0, RoundingMode.CEILING).longValueExact

  /** What a call gets. */
  val per: Per.Windows = Per.Windows(extent, perBlock)

  /** The key of the windows. */
  val key: AttributeReference = {
    val of = if (windows.unit == Unit.Rows) LongType else bound
    AttributeReference(
      Windows.Key,
      new StructType().add("start", of, nullable = false).add("end", of, nullable = false),
      nullable = false
    )()
  }

  /** The ordinal of the position (see [[Extent]]): null in rows that no window has. */
  def position(column: NamedExpression): NamedExpression = {
    val value = column match {
      case Alias(child, _) => child
      case attribute => attribute
    }
    val ordinal = bound match {
      case LongType => Cast(value, LongType)
      case DoubleType => WholeOf(Cast(value, DoubleType), Ordinal)
      case _ if dataType == DateType => WholeOf(value, Midnight)
      case _ => PreciseTimestampConversion(value, dataType, LongType)
    }
    Alias(ordinal, "position")()
  }

  /** The rows that lie in windows, once for each of their blocks; and the block. Windows of rows are all in one. */
  def spread(input: LogicalPlan, position: Attribute): (LogicalPlan, Option[Attribute]) =
    if (windows.unit == Unit.Rows) (Filter(IsNotNull(position), input), None)
    else {
      val block = AttributeReference("block", LongType)()
      val each = Seq(FirstBlock(extent, perBlock), LastBlock(extent, perBlock)).map { of =>
        input.output :+ WholeOf(position, of)
      }
      (Filter(IsNotNull(block), Expand(each, input.output :+ block, input)), Some(block))
    }

  private def requireUnit(what: String, value: BigDecimal, unit: Unit): scala.Unit = {
    val ofTimes = bound != LongType && bound != DoubleType
    if (ofTimes && unit == Unit.Numbers) {
      throw Refusal(s"$over is ${ArrowTypes.typeName(dataType)}, so $what is a duration; got $value")
    }
    if (!ofTimes && unit == Unit.Microseconds) {
      throw Refusal(
        s"$over is ${ArrowTypes.typeName(dataType)}, so $what is a number; got a duration, of $value microseconds"
      )
    }
    if (bound == LongType && value.stripTrailingZeros.scale > 0) {
      throw Refusal(s"$over is of integers, and $what is $value. Cast it to double")
    }
  }

  private def whole(what: String, value: BigDecimal): Long =
    try value.longValueExact
    catch {
      case _: ArithmeticException => throw Refusal(s"$over: $what is $value, which is no number of 64 bits")
    }

  private def over: String = s"window: column '$name'"
}

object WindowInput {
  private val BlockSizes = 16L // windows that do not overlap have room in a block
  private val DayMicros = 24L * 60 * 60 * 1000 * 1000

  /** The first block that a row is in; null if no window has it. */
  final private case class FirstBlock(extent: Extent, perBlock: Long) extends WholeFunction("first_block") {
    override def apply(ordinal: Any): Any = NumpyMapException.wrapping {
      val position = ordinal.asInstanceOf[Long]
      val first = extent.first(position)
      if (first > extent.last(position)) null else Math.floorDiv(first, perBlock)
    }
  }

  /** The last block that a row is in, if it is another than the first; else null. */
  final private case class LastBlock(extent: Extent, perBlock: Long) extends WholeFunction("last_block") {
    override def apply(ordinal: Any): Any = NumpyMapException.wrapping {
      val position = ordinal.asInstanceOf[Long]
      val first = extent.first(position)
      val last = extent.last(position)
      val block = Math.floorDiv(last, perBlock)
      if (first > last || Math.floorDiv(first, perBlock) == block) null else block
    }
  }

  /** Of a float; null if it is not finite. */
  private case object Ordinal extends WholeFunction("ordinal") {
    override def apply(value: Any): Any = {
      val float = value.asInstanceOf[Double]
      if (float.isNaN || float.isInfinite) null else FloatExtent.ordinal(float)
    }
  }

  /** Of a date, in microseconds. */
  private case object Midnight extends WholeFunction("midnight") {
    override def apply(date: Any): Any = NumpyMapException.wrapping {
      val days = date.asInstanceOf[Int].toLong
      if (math.abs(days) > Long.MaxValue / DayMicros) {
        throw Refusal(s"a window cannot be found: $days days are too far from 1970")
      }
      days * DayMicros
    }
  }
}
