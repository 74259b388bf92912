// What the Python front says about windows, in JSON.
package org.beringia.hail.windows

import java.math.BigDecimal

import com.fasterxml.jackson.databind.JsonNode
import is.hail.types.physical.{PCanonicalString, PFloat64, PInt32, PInt64, PStruct, PType}
import is.hail.types.virtual._
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.windows.{Extent, FloatExtent, RowExtent, WholeExtent}

/**
 * Windows over a position, none of which has rows of two contigs.
 *
 * @param contig field of the rows with the contig, a string, if there is one
 * @param position field with the position, a number
 * @param ofRows whether windows have numbers of rows
 * @param fromZero whether the first window is that which begins at 0
 * @param size,step how large they are, and how far apart they begin
 */
final case class WindowPlan(
    contig: Option[String],
    position: String,
    ofRows: Boolean,
    fromZero: Boolean,
    size: BigDecimal,
    step: BigDecimal
) {

  /** The fields that order the rows. */
  def order: IndexedSeq[String] = contig.toIndexedSeq :+ position

  /** The fields of a window's key, for rows of this type. */
  def keys(row: TStruct): IndexedSeq[(String, PType)] = {
    val bound: PType = (ofRows, row.fieldType(position)) match {
      case (true, _) | (_, TInt64) => PInt64(true)
      case (_, TInt32) => PInt32(true)
      case _ => PFloat64(true)
    }
    contig.map(_ => "contig" -> PCanonicalString(true)).toIndexedSeq ++ Seq("start" -> bound, "end" -> bound)
  }

  private def whole(value: BigDecimal): Long =
    try value.longValueExact
    catch {
      case _: ArithmeticException =>
        throw new BeringiaException(ErrorCode.ARGUMENT, s"window: $value is no number of 64 bits")
    }

  def extent(row: PStruct): Extent = row.fieldType(position).virtualType match {
    case _ if ofRows => RowExtent(whole(size), whole(step))
    case TFloat32 | TFloat64 => FloatExtent(size.doubleValue, step.doubleValue)
    case TInt32 => WholeExtent(whole(size), whole(step), fromZero, Int.MaxValue, asInts = true)
    case _ => WholeExtent(whole(size), whole(step), fromZero)
  }
}

object WindowPlan {
  def parse(node: JsonNode): WindowPlan = WindowPlan(
    Option(node.get("contig")).filterNot(_.isNull).map(_.asText),
    node.path("position").asText,
    node.path("ofRows").asBoolean,
    node.path("fromZero").asBoolean,
    node.path("size").decimalValue,
    node.path("step").decimalValue
  )
}
