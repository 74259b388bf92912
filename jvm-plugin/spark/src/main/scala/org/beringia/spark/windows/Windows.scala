// Windows over a column, as users ask for them; Python says it in JSON (python/beringia/spark/windows.py).
package org.beringia.spark.windows

import java.math.BigDecimal

import com.fasterxml.jackson.databind.JsonNode
import org.apache.spark.sql.catalyst.expressions.Expression

/**
 * @param column the position
 * @param unit what `size` and `step` are numbers of
 * @param place of their key among the grouping columns of the output
 */
final case class Windows(
    column: Expression,
    size: BigDecimal,
    step: BigDecimal,
    unit: Windows.Unit,
    place: Int
)

object Windows {

  /** The name of the key. */
  val Key = "window"

  sealed abstract class Unit(val name: String)

  object Unit {

    /** The column's own. */
    case object Numbers extends Unit("numbers")

    /** Of a column of times. */
    case object Microseconds extends Unit("microseconds")

    /** Rows, in the order of the column. */
    case object Rows extends Unit("rows")

    val all: Seq[Unit] = Seq(Numbers, Microseconds, Rows)
  }

  def parse(column: Expression, said: JsonNode): Windows = Windows(
    column,
    said.path("size").decimalValue,
    said.path("step").decimalValue,
    Unit.all.find(_.name == said.path("unit").asText).getOrElse(Unit.Numbers),
    said.path("place").asInt
  )
}
