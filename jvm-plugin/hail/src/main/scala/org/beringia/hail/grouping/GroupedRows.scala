// The ways in which rows come together, and with them the partitions of the result: where they are, or through a
// shuffle. Rows that lie in the order of their keys, as blocks of a genome do, stay where they are.
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

  /** Groups by any fields, whose ranges are known. */
  def byFields(ranges: KeyRanges): RVD =
    if (ranges.isEmpty) RVD.empty(ctx.stateManager, result)
    else {
      val (ends, groups) = ranges.inOrder match {
        case Some(blocks) => (blocks.ends, inPlace(blocks, ranges.isSorted))
        case None =>
          val ends = ranges.balanced
          (ends, shuffled(ranges.least, ends))
      }
      RVD(result, ranges.partitioner(ends, result.kType.virtualType, ctx.stateManager), groups)
    }

  private def shuffled(least: Array[Byte], ends: Array[Array[Byte]]): ContextRDD[Long] =
    ContextRDD
      .weaken(RowShuffle(rows.crdd, layout, least, ends))
      .cmapPartitionsWithIndex[Long](sorted(layout, task))

  private def inPlace(blocks: KeyBlocks, isSorted: Boolean): ContextRDD[Long] = {
    val order = blocks.partitions.map(_.index)
    group(rows.crdd.reorderPartitions(order).blocked(blocks.from, blocks.to), Some(blocks), isSorted)
  }

  /**
   * Groups rows that are together.
   *
   * @param blocks what each partition is made of, where they are made of others
   * @param isSorted whether each group's rows have their order
   */
  private def group(rows: ContextRDD[Long], blocks: Option[KeyBlocks], isSorted: Boolean): ContextRDD[Long] =
    rows.cmapPartitionsAndContextWithIndex[Long](
      together(layout, task, blocks.map(_.keys), isSorted),
      false
    )
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
      blocks: Option[BlockKeys],
      isSorted: Boolean
  ): (Int, HailClassLoader, RVDContext, Iterator[Element[Long]]) => Iterator[Long] =
    (index, loader, consumer, elements) => {
      val context = TaskContext.get() // whoever asks for rows later may be on another thread
      def groups(producer: RVDContext) = {
        val parts = elements.map(element => new InterruptibleIterator(context, element(loader, producer)))
        val rows = blocks.fold[Iterator[Long]](parts.flatten) {
          new RowsBetween(layout, parts, producer, _, index, isSorted)
        }
        val records =
          if (isSorted) new RowRecords(layout, rows, producer)
          else new SortedRecords(layout, RowShuffle.blocks(layout, rows, producer), context)
        new CollectedGroups(layout, task.keys, records)
      }
      new RegionIterator(task, index, consumer, groups, context)
    }
}
