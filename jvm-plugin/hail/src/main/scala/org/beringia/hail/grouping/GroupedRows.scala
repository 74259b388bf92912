// The ways in which rows come together: where they are, or through a shuffle.
package org.beringia.hail.grouping

import is.hail.asm4s.HailClassLoader
import is.hail.backend.ExecuteContext
import is.hail.rvd.{RVD, RVDContext, RVDType}
import is.hail.sparkextras.ContextRDD
import is.hail.sparkextras.ContextRDD.Element
import org.apache.spark.{InterruptibleIterator, TaskContext}

/** @param result the groups */
final class GroupedRows(ctx: ExecuteContext, rows: RVD, layout: RecordLayout, result: RVDType) {
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
    ContextRDD.weaken(RowShuffle(rows.crdd, layout, ends)).cmapPartitions[Long](sorted(layout))

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
    rows.cmapPartitionsAndContextWithIndex[Long](together(layout, ends, isSorted), false)
}

// The closures of tasks, which must not hold the context of a query.
object GroupedRows {
  private def sorted(
      layout: RecordLayout
  ): (HailClassLoader, RVDContext, Iterator[Array[Byte]]) => Iterator[Long] =
    (_, consumer, blocks) =>
      new GroupIterator(layout, new SortedRecords(layout, blocks, TaskContext.get()), consumer)

  private def together(
      layout: RecordLayout,
      ends: Option[Array[Array[Byte]]],
      isSorted: Boolean
  ): (Int, HailClassLoader, RVDContext, Iterator[Element[Long]]) => Iterator[Long] =
    (index, loader, consumer, parts) => {
      val producer = consumer.freshContext()
      val all = new InterruptibleIterator(TaskContext.get(), parts.flatMap(_(loader, producer)))
      val rows = ends.fold[Iterator[Long]](all) { keys =>
        new RowsBetween(layout, all, producer, if (index == 0) null else keys(index - 1), keys(index))
      }
      val records =
        if (isSorted) new RowRecords(layout, rows, producer)
        else new SortedRecords(layout, RowShuffle.blocks(layout, rows, producer), TaskContext.get())
      new GroupIterator(layout, records, consumer)
    }
}
