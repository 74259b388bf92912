// The keys of rows without the rest of them, where that is less work: where a table is read, filtered and computed in
// place, Hail leaves out what the keys do not need, such as the entries of a matrix. Where its rows were shuffled, or are
// another function's results, that work would be done twice, and rows might come in another order.
package org.beringia.hail.grouping

import is.hail.backend.ExecuteContext
import is.hail.expr.ir._
import is.hail.expr.ir.lowering.{LowerMatrixToTablePass, LoweringPipeline, OptimizePass}
import is.hail.rvd.RVD
import org.beringia.hail.CompiledRows
import org.slf4j.LoggerFactory

import scala.annotation.tailrec
import scala.util.control.NonFatal

/** @param lowered what Hail computes as it is */
final class KeysAlone private (lowered: TableIR) {
  def rows(ctx: ExecuteContext): RVD = CompiledRows.ofLowered(ctx, lowered).rvd
}

object KeysAlone {
  private val log = LoggerFactory.getLogger(getClass)

  // While a query runs nothing is optimized any more, so this comes before.
  private lazy val lowering =
    LoweringPipeline(OptimizePass("keys alone"), LowerMatrixToTablePass, OptimizePass("keys alone, lowered"))

  /**
   * The keys, if that is less work than to make the rows.
   *
   * @param keys a table of them
   * @param rows the table that they are the keys of: what the keys do not need may move its rows, too
   */
  def of(ctx: ExecuteContext, keys: TableIR, rows: TableIR): Option[KeysAlone] =
    try {
      val lowered = lower(ctx, keys)
      if (!isInPlace(lowered) || !stay(lower(ctx, rows))) None
      else Some(new KeysAlone(withoutEntries(lowered).asInstanceOf[TableIR]))
    } catch {
      case NonFatal(e) =>
        log.info("numpy_map looks at the keys together with the rest of the rows", e)
        None
    }

  private def lower(ctx: ExecuteContext, table: TableIR): TableIR =
    lowering(ctx, NormalizeNames()(ctx, table)).asInstanceOf[TableIR]

  /** Reads rows of a matrix without its entries, which are in files of their own, where nothing asks for these. */
  private def withoutEntries(ir: BaseIR): BaseIR = ir match {
    case TableRead(of, dropRows, both: TableNativeZippedReader) if both.leftRType(of.rowType) == of.rowType =>
      val rows = TableNativeReaderParameters(both.pathLeft, both.options)
      TableRead(of, dropRows, new TableNativeReader(rows, both.specLeft))
    case other => other.mapChildren(withoutEntries)
  }

  /** Whether a table, and all that it is joined with, is computed without a shuffle, or a pass over another. */
  private def isInPlace(ir: BaseIR): Boolean = ir match {
    case table: TableIR => keepsRows(table) && table.children.forall(isInPlace)
    // A value of a table, such as its count, takes a pass of its own.
    case value =>
      value.children.forall {
        case _: TableIR | _: MatrixIR | _: BlockMatrixIR => false
        case child => isInPlace(child)
      }
  }

  /** Whether a table's rows are in the partitions that they were read in. What it is joined with does not move them. */
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
