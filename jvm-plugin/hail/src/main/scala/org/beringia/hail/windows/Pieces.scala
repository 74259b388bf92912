// What one pass over the rows says of their positions, and from that the work of each task: the windows of one contig that
// begin in some partitions, and the partitions behind these in which they end.
package org.beringia.hail.windows

import is.hail.asm4s.HailClassLoader
import is.hail.rvd.RVDContext
import is.hail.sparkextras.ContextRDD
import is.hail.sparkextras.ContextRDD.Element
import is.hail.types.physical.PStruct
import org.apache.spark.{InterruptibleIterator, TaskContext}
import org.beringia.executor.windows.Extent

import scala.collection.mutable

/**
 * The rows of one contig in one partition.
 *
 * @param contig null where there are none
 * @param first,last ordinals of its first and last row
 * @param ordered whether they never descend
 */
final case class Piece(
    partition: Int,
    contig: String,
    rows: Long,
    first: Long,
    last: Long,
    ordered: Boolean
)

/**
 * The windows from `least` on to `last`, which all have rows in the pieces from `from` on to before `own`; their other rows
 * are in the pieces to before `until`.
 *
 * @param before rows of the contig that lie before
 */
final case class WindowTask(from: Int, own: Int, until: Int, least: Long, last: Long, before: Long)

/** @param pieces contig after contig, in the order of their names, as the result's key has it */
final class Pieces(val pieces: IndexedSeq[Piece], extent: Extent, ofRows: Boolean) {
  // How many rows of its contig lie before each piece.
  private[this] val before: IndexedSeq[Long] = pieces.indices.scanLeft(0L) { (count, i) =>
    if (i + 1 < pieces.length && pieces(i + 1).contig == pieces(i).contig) count + pieces(i).rows else 0L
  }

  /** Whether the rows of each contig lie in the order of their positions. */
  def areOrdered: Boolean = pieces.forall(_.ordered) && pieces.zip(pieces.drop(1)).forall {
    case (left, right) =>
      left.contig != right.contig || left.last <= right.first
  }

  private def firstOf(i: Int): Long = extent.first(if (ofRows) before(i) else pieces(i).first)
  private def lastOf(i: Int): Long =
    extent.last(if (ofRows) before(i) + pieces(i).rows - 1 else pieces(i).last)

  /** The tasks, in the order of their windows. */
  lazy val tasks: IndexedSeq[WindowTask] = {
    val found = IndexedSeq.newBuilder[WindowTask]
    var from = 0
    while (from < pieces.length) {
      val isFirst = from == 0 || pieces(from - 1).contig != pieces(from).contig
      val least = if (isFirst) firstOf(from) else math.max(firstOf(from), lastOf(from - 1) + 1)
      var own = from + 1
      var until = end(own)
      // A task that reads more of its neighbours' pieces than of its own takes them over.
      while (until - own > own - from) {
        own += 1
        until = end(own)
      }
      val last = lastOf(own - 1)
      if (least <= last) found += WindowTask(from, own, until, least, last, before(from))
      from = own
    }
    found.result()
  }

  /** The end of the pieces that have rows of windows which begin before `own`. */
  private def end(own: Int): Int = {
    var until = own
    while (
      until < pieces.length && pieces(until).contig == pieces(own - 1).contig && firstOf(until) <= lastOf(
        own - 1
      )
    ) until += 1
    until
  }
}

object Pieces {

  /** Goes over the rows once. */
  def of(rows: ContextRDD[Long], row: PStruct, plan: WindowPlan, extent: Extent): Pieces = {
    val survey: (Int, HailClassLoader, RVDContext, Iterator[Element[Long]]) => Iterator[Piece] =
      (index, loader, consumer, parts) => {
        val producer = consumer.freshContext()
        val cancellable = new InterruptibleIterator(TaskContext.get(), parts.flatMap(_(loader, producer)))
        piecesOf(index, new RowPositions(row, plan), cancellable, () => producer.region.clear())
      }
    val found = rows.cmapPartitionsAndContextWithIndex[Piece](survey, false).run.collect()
    val sorted = found.sortBy(piece => (Option(piece.contig).getOrElse(""), piece.partition))
    new Pieces(sorted.toIndexedSeq, extent, plan.ofRows)
  }

  private def piecesOf(
      index: Int,
      position: RowPositions,
      rows: Iterator[Long],
      clear: () => Unit
  ): Iterator[Piece] = {
    val found = mutable.LinkedHashMap.empty[String, Growing]
    var piece: Growing = null
    var contig: String = null
    while (rows.hasNext) {
      if (position.at(rows.next())) {
        if (piece == null || (position.contig ne contig)) {
          contig = position.contig
          piece = found.getOrElseUpdate(contig, new Growing(contig))
        }
        piece.add(position.ordinal)
      }
      clear()
    }
    found.valuesIterator.map(_.piece(index))
  }

  final private class Growing(contig: String) {
    private[this] var rows, first, last = 0L
    private[this] var ordered = true

    def add(ordinal: Long): Unit = {
      if (rows == 0) first = ordinal else if (ordinal < last) ordered = false
      last = ordinal
      rows += 1
    }

    def piece(partition: Int): Piece = Piece(partition, contig, rows, first, last, ordered)
  }
}
