// The windows of a table's rows, and with them the partitions of the result. Rows stay where they are if those of each
// contig lie in the order of their positions; else Hail sorts them first. A task reads on in the partitions behind its own
// until its last window has ended: what lies there is computed twice, and nothing is sent.
package org.beringia.hail.windows

import is.hail.asm4s.HailClassLoader
import is.hail.backend.ExecuteContext
import is.hail.rvd.{RVD, RVDContext, RVDPartitioner, RVDType}
import is.hail.sparkextras.ContextRDD.Element
import is.hail.types.physical.PStruct
import is.hail.utils.Interval
import org.apache.spark.{InterruptibleIterator, TaskContext}
import org.apache.spark.sql.Row
import org.beringia.executor.windows.Extent
import org.beringia.hail.grouping.RowValues
import org.beringia.hail.{GroupColumns, HailTask, RegionIterator}

/**
 * @param alone the same rows with nothing but what the plan needs, if that can be had for less
 * @param task what is done with the windows
 * @param columns what crosses of them
 * @param result the rows that come of it
 */
final class WindowedRows(
    ctx: ExecuteContext,
    rows: RVD,
    alone: RVD,
    plan: WindowPlan,
    task: HailTask,
    columns: GroupColumns,
    result: RVDType
) {
  import WindowedRows._

  private val extent = plan.extent(rows.rowPType)

  def rvd: RVD = {
    val found = Pieces.of(alone.crdd, alone.rowPType, plan, extent)
    if (found.areOrdered) over(rows, found)
    else {
      val sorted = rows.changeKey(ctx, plan.order)
      over(sorted, Pieces.of(sorted.crdd, sorted.rowPType, plan, extent))
    }
  }

  private def over(ordered: RVD, found: Pieces): RVD =
    if (found.tasks.isEmpty) RVD.empty(ctx.stateManager, result)
    else {
      val whole = found.pieces.map(_.partition)
      val from = found.tasks.map(_.from).toArray
      val last = found.tasks.map(_.until - 1).toArray
      val windows = ordered.crdd
        .reorderPartitions(whole)
        .blocked(from, last)
        .cmapPartitionsAndContextWithIndex[Long](
          windowed(task, found.tasks, found.pieces, ordered.rowPType, columns, plan, extent),
          false
        )
      RVD(result, partitioner(found), windows)
    }

  private def partitioner(found: Pieces): RVDPartitioner = {
    val intervals = found.tasks.map { each =>
      val contig = Option(found.pieces(each.from).contig).toSeq
      // The least key that there may be: a window of rows may end before its time.
      val least = Row.fromSeq(contig ++ Seq(extent.start(each.least), extent.start(each.least)))
      val greatest = Row.fromSeq(contig ++ Seq(extent.start(each.last), extent.end(each.last)))
      Interval(least, greatest, includesStart = true, includesEnd = true)
    }
    new RVDPartitioner(ctx.stateManager, result.kType.virtualType, intervals)
  }
}

// The closure of tasks, which must not hold the context of a query.
object WindowedRows {
  private def windowed(
      task: HailTask,
      tasks: IndexedSeq[WindowTask],
      pieces: IndexedSeq[Piece],
      row: PStruct,
      columns: GroupColumns,
      plan: WindowPlan,
      extent: Extent
  ): (Int, HailClassLoader, RVDContext, Iterator[Element[Long]]) => Iterator[Long] = {
    val values = new RowValues(row, columns.copy(whole = Nil))
    (index, loader, consumer, elements) => {
      val context = TaskContext.get() // whoever asks for rows later may be on another thread
      val own = tasks(index)
      def groups(producer: RVDContext) = {
        val parts = elements.map(element => new InterruptibleIterator(context, element(loader, producer)))
        val rows = new ContigRows(
          parts,
          pieces.slice(own.from, own.until),
          own.own - own.from,
          own.before,
          new RowPositions(row, plan),
          plan.ofRows,
          values,
          producer
        )
        new WindowGroups(own, rows, extent, task.keys, columns.whole.map(_._1))
      }
      new RegionIterator(task, index, consumer, groups, context)
    }
  }
}
