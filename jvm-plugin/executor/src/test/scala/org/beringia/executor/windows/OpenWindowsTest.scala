package org.beringia.executor.windows

import scala.collection.mutable.ArrayBuffer
import scala.util.Random

import org.beringia.{BeringiaException, ErrorCode}
import org.junit.Test
import org.junit.Assert._

class OpenWindowsTest {

  /** Rows of a byte each; full with `limit` of them. */
  private final class Batch(limit: Int) extends WindowBatch {
    val written: ArrayBuffer[Int] = ArrayBuffer.empty
    override def rows: Long = written.length.toLong
    override def bytes: Long = rows
    override def isFull: Boolean = written.length >= limit
    override def awaitGroup(bytes: Long, key: () => String): Unit =
      assertTrue(s"${key()} began with what is written", bytes <= written.length)
  }

  private final class Rows(ordinals: IndexedSeq[Long]) extends OrderedRows[Batch, Int] {
    private[this] var at = 0
    var kept = 0
    override def hasRow: Boolean = at < ordinals.length
    override def ordinal: Long = ordinals(at)
    override def advance(): Unit = at += 1
    override def write(batch: Batch): Unit = batch.written += at
    override def keep(): Int = {
      kept += 1
      at
    }
    override def write(row: Int, batch: Batch): Unit = batch.written += row
  }

  private case class Run(windows: Seq[(Long, Seq[Int])], written: Int, batches: Int, kept: Int)

  /** As a pipeline does: batches that end where one may. */
  private def run(
      ordinals: IndexedSeq[Long],
      extent: Extent,
      limit: Int,
      least: Long,
      greatest: Long
  ): Run = {
    val rows = new Rows(ordinals)
    val windows = new OpenWindows[Batch, Int](rows, extent, least, greatest, number => s"window $number")
    val found = ArrayBuffer.empty[(Long, Seq[Int])]
    var written, batches = 0
    while (windows.hasNext) {
      val batch = new Batch(limit)
      batches += 1
      var full = false
      while (!full && windows.hasNext) {
        val window = windows.next(batch)
        found += window.number -> batch.written.slice(
          window.row.toInt,
          (window.row + window.rows).toInt
        ).toList
        full = batch.isFull && windows.mayPause
      }
      written += batch.written.length
    }
    Run(found.toSeq, written, batches, rows.kept)
  }

  private def expected(ordinals: IndexedSeq[Long], size: Long, step: Long, least: Long, greatest: Long) =
    (least to greatest).map { number =>
      number -> ordinals.indices.filter(i =>
        ordinals(i) >= number * step && ordinals(i) < number * step + size
      ).toList
    }.filter(_._2.nonEmpty)

  @Test def windowsAreThoseOfThePlainestWayWhereverBatchesEnd(): Unit = {
    val random = new Random(3)
    for (trial <- 1 to 300) {
      val (size, step) = (1L + random.nextInt(30), 1L + random.nextInt(12))
      val ordinals = IndexedSeq.fill(random.nextInt(200))(random.nextInt(400).toLong - 200).sorted
      val (least, greatest) = if (trial % 2 == 0) (-300L, 300L) else (-5L, 7L)
      val found = run(ordinals, WholeExtent(size, step), 1 + random.nextInt(50), least, greatest)
      assertEquals(s"size $size, step $step", expected(ordinals, size, step, least, greatest), found.windows)
    }
  }

  @Test def aBatchHasSeveralTimesTheRowsThatAreWrittenAgain(): Unit = {
    val found = run((0L until 20000L), WholeExtent(100, 20), limit = 1, Long.MinValue, Long.MaxValue)
    assertTrue(found.batches.toString, found.batches > 10)
    assertTrue(found.written.toString, found.written < 1.5 * 20000)
    assertTrue("what is kept is written again", found.kept < 10000)
  }

  @Test def windowsOfFloatsAreWhatTheirBoundsSay(): Unit = {
    val values = (0 until 100).map(_ * 0.1).sorted
    val extent = FloatExtent(0.3, 0.1)
    val found = run(values.map(FloatExtent.ordinal), extent, 10, Long.MinValue, Long.MaxValue)
    found.windows.foreach { case (number, rows) =>
      val (start, end) = (extent.start(number).asInstanceOf[Double], extent.end(number).asInstanceOf[Double])
      assertEquals(values.indices.filter(i => values(i) >= start && values(i) < end).toList, rows)
    }
  }

  @Test def whatLiesBeyondTheLastNumbersIsRefused(): Unit = {
    def refused(extent: Extent, ordinal: Long) = {
      def windows = run(IndexedSeq(ordinal), extent, 10, Long.MinValue, Long.MaxValue)
      val error = assertThrows(classOf[BeringiaException], () => windows: Unit)
      assertEquals(ErrorCode.ARGUMENT, error.getErrorCode)
    }
    refused(WholeExtent(1, 1), Long.MaxValue)
    refused(WholeExtent(5, 1), Long.MaxValue - 3)
    refused(WholeExtent(3, 2, asInts = true, most = Int.MaxValue), Int.MaxValue.toLong)
    assertEquals(
      1,
      run(IndexedSeq(Long.MaxValue - 1), WholeExtent(1, 1), 10, 0, Long.MaxValue).windows.length
    )
    // Its end is where the rows end.
    val all = RowExtent(Long.MaxValue, 1)
    assertEquals(3, run(0L until 3L, all, 10, 0, Long.MaxValue).windows.length)
    val below = WholeExtent(3, 2, asInts = true)
    val error =
      assertThrows(classOf[BeringiaException], () => below.start(below.first(Int.MinValue.toLong)): Unit)
    assertEquals(ErrorCode.ARGUMENT, error.getErrorCode)
  }

  @Test def windowsOfRowsEndWithTheRows(): Unit = {
    val extent = RowExtent(3, 2)
    val found = run(0L until 7L, extent, 100, 0, Long.MaxValue)
    assertEquals(
      Seq((0L, 3L), (2L, 5L), (4L, 7L), (6L, 7L)),
      found.windows.map { case (number, rows) =>
        (extent.start(number), extent.end(number, rows.length.toLong))
      }
    )
  }
}
