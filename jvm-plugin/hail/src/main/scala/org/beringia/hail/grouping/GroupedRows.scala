// The ways in which rows come together, and with them the partitions of the result: where they are, or through a
// shuffle. Rows that lie in the order of their keys, as blocks of a genome do, stay where they are; to know it, and how
// keys are spread, all are read once before, unless the keys are the table's own.
package org.beringia.hail.grouping

import is.hail.asm4s.HailClassLoader
import is.hail.backend.ExecuteContext
import is.hail.rvd.{RVD, RVDContext, RVDType}
import is.hail.sparkextras.ContextRDD
import is.hail.sparkextras.ContextRDD.Element
import org.apache.spark.{InterruptibleIterator, TaskContext}
import org.beringia.hail.{HailTask, RegionIterator}

/**
 * @param task what is done with the groups
 * @param result the rows that come of it
 */
final class GroupedRows(
    ctx: ExecuteContext,
    rows: RVD,
    layout: RecordLayout,
    task: HailTask,
    result: RVDType
) {
  import GroupedRows._

  /** Groups by the first `n` fields of the rows' own key. */
  def byOwnKey(n: Int): RVD = {
    val keyed = rows.truncateKey(n)
    val whole = keyed.repartition(ctx, keyed.partitioner.strictify(), shuffle = false)
    RVD(result, whole.partitioner, group(whole.crdd, None, isSorted = !layout.isOrdered))
  }

  /** Groups by any fields. */
  def byFields(): RVD = {
    val ranges = KeyRanges.of(rows.crdd, layout)
    if (ranges.isEmpty) RVD.empty(ctx.stateManager, result)
    else {
      val (ends, groups) = ranges.inOrder match {
        case Some(blocks) => (blocks.ends, inPlace(blocks, ranges.isSorted))
        case None =>
          val ends = ranges.balanced
          (ends, shuffled(ends))
      }
      val partitioner = ranges.partitioner(ends, result.kType.virtualType, ctx.stateManager)
      RVD(result, partitioner, groups)
    }
  }

  private def shuffled(ends: Array[Array[Byte]]): ContextRDD[Long] =
    ContextRDD.weaken(RowShuffle(rows.crdd, layout, ends)).cmapPartitionsWithIndex[Long](sorted(layout, task))

  private def inPlace(blocks: KeyBlocks, isSorted: Boolean): ContextRDD[Long] =
    group(
      rows.crdd.reorderPartitions(blocks.partitions).blocked(blocks.from, blocks.to),
      Some(blocks.ends),
      isSorted
    )

  /**
   * Groups rows that are together.
   *
   * @param ends the greatest keys of partitions that have rows of others, too
   * @param isSorted whether each group's rows have their order
   */
  private def group(
      rows: ContextRDD[Long],
      ends: Option[Array[Array[Byte]]],
      isSorted: Boolean
  ): ContextRDD[Long] =
    rows.cmapPartitionsAndContextWithIndex[Long](together(layout, task, ends, isSorted), false)
}

// The closures of tasks, which must not hold the context of a query.
object GroupedRows {
  private def sorted(
      layout: RecordLayout,
      task: HailTask
  ): (Int, HailClassLoader, RVDContext, Iterator[Array[Byte]]) => Iterator[Long] =
    (index, _, consumer, blocks) =>
      new RegionIterator(
        task,
        index,
        consumer,
        _ => new CollectedGroups(layout, task.keys, new SortedRecords(layout, blocks, TaskContext.get())),
        TaskContext.get()
      )

  private def together(
      layout: RecordLayout,
      task: HailTask,
      ends: Option[Array[Array[Byte]]],
      isSorted: Boolean
  ): (Int, HailClassLoader, RVDContext, Iterator[Element[Long]]) => Iterator[Long] =
    (index, loader, consumer, parts) => {
      def groups(producer: RVDContext) = {
        val all = new InterruptibleIterator(TaskContext.get(), parts.flatMap(_(loader, producer)))
        val rows = ends.fold[Iterator[Long]](all) { keys =>
          new RowsBetween(layout, all, producer, if (index == 0) null else keys(index - 1), keys(index))
        }
        val records =
          if (isSorted) new RowRecords(layout, rows, producer)
          else new SortedRecords(layout, RowShuffle.blocks(layout, rows, producer), TaskContext.get())
        new CollectedGroups(layout, task.keys, records)
      }
      new RegionIterator(task, index, consumer, groups, TaskContext.get())
    }
}
