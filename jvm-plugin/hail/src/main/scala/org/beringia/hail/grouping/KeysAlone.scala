// The keys of rows without the rest of them, where that is less work: where a table is read, filtered and computed in
// place, Hail leaves out what the keys do not need, such as the entries of a matrix. Where its rows were shuffled, or are
// another function's results, that work would be done twice.
package org.beringia.hail.grouping

import is.hail.backend.ExecuteContext
import is.hail.expr.ir.{BaseIR, BlockMatrixIR, MatrixIR, NormalizeNames, TableIR, TableKeyBy}
import is.hail.expr.ir.lowering.{ExecuteRelational, LowerMatrixToTablePass, LoweringPipeline, OptimizePass}
import is.hail.rvd.RVD

/** @param lowered what ExecuteRelational takes as it is */
final class KeysAlone private (lowered: TableIR) {
  def rows(ctx: ExecuteContext): RVD = ExecuteRelational(ctx, lowered).asTableValue(ctx).rvd
}

object KeysAlone {
  private val InPlace = Set(
    "TableExplode",
    "TableFilter",
    "TableFilterIntervals",
    "TableKeyBy",
    "TableLeftJoinRightDistinct",
    "TableMapGlobals",
    "TableMapRows",
    "TableRange",
    "TableRead",
    "TableRename"
  )

  // While a query runs nothing is optimized any more, so this comes before.
  private lazy val lowering =
    LoweringPipeline(OptimizePass("keys alone"), LowerMatrixToTablePass, OptimizePass("keys alone, lowered"))

  /** Keys made of a table of them, if that is less work than to make the rows. */
  def of(ctx: ExecuteContext, table: TableIR): Option[KeysAlone] =
    Some(lowering(ctx, NormalizeNames()(ctx, table))).collect { case lowered: TableIR if isInPlace(lowered) => new KeysAlone(lowered) }

  private def isInPlace(ir: BaseIR): Boolean = ir match {
    case by: TableKeyBy if by.keys.nonEmpty && !by.isSorted => false // a shuffle
    case table: TableIR => InPlace(table.getClass.getSimpleName) && table.children.forall(isInPlace)
    // A value of a table, such as its count, takes a pass of its own.
    case value =>
      value.children.forall {
        case _: TableIR | _: MatrixIR | _: BlockMatrixIR => false
        case child => isInPlace(child)
      }
  }
}
