// The table that a node works on, where the node makes its rows itself: by code that is kept for the next query (see
// CompiledRows), which Hail would compile for each. That is where the rows are read, filtered and computed in place.
// What moves them, and what is joined with them after a shuffle, is left to Hail.
package org.beringia.hail

import is.hail.backend.ExecuteContext
import is.hail.expr.ir._
import is.hail.expr.ir.defs.{MakeStruct, Ref, SelectFields}
import is.hail.expr.ir.lowering.{LowerMatrixToTablePass, LoweringPipeline, OptimizePass}
import is.hail.types.virtual.TableType
import org.slf4j.LoggerFactory

import scala.annotation.tailrec
import scala.util.control.NonFatal

/** @param lowered what Hail computes as it is */
final class ChildTable private (lowered: TableIR) {
  import ChildTable._

  def typ: TableType = lowered.typ

  def rows(ctx: ExecuteContext): TableValue = CompiledRows.ofLowered(ctx, lowered)

  /** Whether it, and all that it is joined with, is computed without a shuffle, or a pass over another. */
  def isInPlace: Boolean = ChildTable.isInPlace(lowered)

  /** Whether its rows are in the partitions that they were read in. What it is joined with does not move them. */
  def stays: Boolean = stay(lowered)

  /** The same rows, of these fields alone. */
  def select(ctx: ExecuteContext, fields: IndexedSeq[String]): ChildTable = {
    val bare = TableMapGlobals(lowered, MakeStruct(IndexedSeq.empty))
    val row = SelectFields(Ref(TableIR.rowName, bare.typ.rowType), fields)
    new ChildTable(pruning(ctx, TableMapRows(bare, row)).asInstanceOf[TableIR])
  }
}

object ChildTable {
  private val log = LoggerFactory.getLogger(getClass)

  // While a query runs nothing is optimized any more, so this comes before.
  private lazy val lowering =
    LoweringPipeline(OptimizePass("numpy_map"), LowerMatrixToTablePass, OptimizePass("numpy_map, lowered"))
  private lazy val pruning = LoweringPipeline(OptimizePass("numpy_map, keys"))

  /** The table, if Hail lowers it as a whole. */
  def of(ctx: ExecuteContext, table: TableIR): Option[ChildTable] =
    try Some(new ChildTable(lowering(ctx, NormalizeNames()(ctx, table)).asInstanceOf[TableIR]))
    catch {
      case NonFatal(e) =>
        log.info("numpy_map leaves the rows of its table to Hail", e)
        None
    }

  private def isInPlace(ir: BaseIR): Boolean = ir match {
    case table: TableIR => keepsRows(table) && table.children.forall(isInPlace)
    // A value of a table, such as its count, takes a pass of its own.
    case value =>
      value.children.forall {
        case _: TableIR | _: MatrixIR | _: BlockMatrixIR => false
        case child => isInPlace(child)
      }
  }

  @tailrec
  private def stay(table: TableIR): Boolean = keepsRows(table) && (table.children.headOption match {
    case Some(child: TableIR) => stay(child)
    case _ => true
  })

  private def keepsRows(table: TableIR): Boolean = table match {
    case by: TableKeyBy => by.keys.isEmpty || by.isSorted
    case _: TableExplode | _: TableFilter | _: TableFilterIntervals | _: TableLeftJoinRightDistinct |
        _: TableMapGlobals | _: TableMapRows | _: TableRange | _: TableRead | _: TableRename =>
      true
    case _ => false
  }
}
