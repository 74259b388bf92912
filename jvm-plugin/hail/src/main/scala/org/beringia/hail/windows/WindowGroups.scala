// The windows of one task as groups. A row is written to a batch once, and each of its windows says where its rows begin
// there, and how many they are.
//
// A full batch, with several times the rows of its open windows, takes no more of them; it ends with the last that it has.
// Rows that windows to come have too are kept meanwhile, as bytes, and are the first of the next batch: what is held is the
// rows of open windows, no more.
package org.beringia.hail.windows

import is.hail.annotations.Region
import is.hail.rvd.RVDContext
import org.apache.spark.sql.Row
import org.apache.spark.unsafe.Platform
import org.beringia.hail.grouping.{ByteSink, ByteSource, KeyRanges, RowValues}
import org.beringia.hail.{GroupKeys, GroupWriter, Groups}

import scala.collection.mutable

/**
 * @param rows those of the task's contig, in their order
 * @param keys the windows'
 * @param keyColumns fields of the key that the function gets
 */
final class WindowGroups(
    task: WindowTask,
    rows: ContigRows,
    values: RowValues,
    extent: Extent,
    ofRows: Boolean,
    keys: GroupKeys,
    keyColumns: Seq[String]
) extends Groups {
  import WindowGroups._

  private[this] val keyFields = keyColumns.map(keys.field).toArray
  private[this] val open = mutable.Queue.empty[Open]
  private[this] var unopened = task.least // the next window
  private[this] var opened = 0 // windows of this batch
  private[this] var isClosing = false // the batch takes no more of them
  private[this] var kept = mutable.Queue.empty[Kept] // rows of the next batch
  private[this] var again = mutable.Queue.empty[Kept] // those of the last one that are to come first
  private[this] val sink = new ByteSink(1 << 10)
  private[this] val source = new ByteSource

  override def hasNext: Boolean = {
    while (open.isEmpty && kept.isEmpty && again.isEmpty && hasRow && !opensAny) rows.advance()
    open.nonEmpty || kept.nonEmpty || again.nonEmpty || hasRow
  }

  override def mayPause: Boolean = open.isEmpty

  override def next(writer: GroupWriter, number: Long, region: Region): Long = {
    if (!hasNext) throw new NoSuchElementException("no window is left")
    if (writer.rows == 0) beginBatch() else if (open.nonEmpty) await(writer)
    while (open.isEmpty || isOfOldest) takeRow(writer)
    val window = open.dequeue()
    val key = keys.keep(bounds(window.number, writer.rows - window.row), region)
    writer.startGroup(number, () => keys.show(key))
    var i = 0
    while (i < keyFields.length) {
      keyFields(i).append(key, writer.whole(i))
      i += 1
    }
    writer.window(window.row, writer.rows - window.row)
    key
  }

  private def beginBatch(): Unit = {
    kept ++= again
    again = kept
    kept = mutable.Queue.empty
    isClosing = false
    opened = 0
  }

  /** Whether there is a row that may be in a window of this task's. */
  private def hasRow: Boolean = rows.hasRow && extent.first(rows.ordinal) <= task.last

  private def opensAny: Boolean =
    math.max(extent.first(rows.ordinal), unopened) <= math.min(extent.last(rows.ordinal), task.last)

  /** Whether there is a next row, and the oldest window has it. */
  private def isOfOldest: Boolean =
    if (again.nonEmpty) extent.first(again.front.ordinal) <= open.front.number
    else hasRow && extent.first(rows.ordinal) <= open.front.number

  private def takeRow(writer: GroupWriter): Unit =
    if (again.nonEmpty) {
      val row = again.dequeue()
      if (place(row.ordinal, writer)) kept += row
      if (open.nonEmpty) {
        values.read(source.reset(row.bytes, Platform.BYTE_ARRAY_OFFSET.toLong), writer, isFirst = false)
      }
    } else {
      if (place(rows.ordinal, writer)) {
        sink.clear()
        values.write(rows.row, sink)
        kept += Kept(rows.ordinal, sink.copy)
      }
      if (open.nonEmpty) values.append(rows.row, writer, isFirst = false)
      rows.advance()
    }

  /** Opens the windows that begin with a row; true if there are some for the next batch. */
  private def place(ordinal: Long, writer: GroupWriter): Boolean = {
    val from = math.max(extent.first(ordinal), unopened)
    val to = math.min(extent.last(ordinal), task.last)
    isClosing ||= opened > 0 && writer.isFull && writer.bytes >= Least * openBytes(writer)
    if (isClosing) from <= to
    else {
      val isFirst = open.isEmpty
      var number = from
      while (number <= to) {
        open += Open(number, writer.rows, writer.bytes)
        opened += 1
        number += 1
      }
      unopened = math.max(unopened, to + 1)
      if (isFirst && open.nonEmpty) await(writer)
      false
    }
  }

  /** Bytes of the rows of open windows: with them another batch would begin. */
  private def openBytes(writer: GroupWriter): Long =
    if (open.isEmpty) 0 else writer.bytes - open.front.bytes

  /** The batch grows with the oldest window. */
  private def await(writer: GroupWriter): Unit = {
    val window = open.front
    writer.awaitGroup(window.bytes, () => s"of the window from ${extent.start(window.number)} on")
  }

  private def bounds(number: Long, length: Long): Row = {
    val start = extent.start(number)
    // Windows of rows end with the rows.
    val end = (start, extent.end(number)) match {
      case (first: Long, last: Long) if ofRows => math.min(last, first + length)
      case (_, last) => last
    }
    Row.fromSeq(Option(rows.contig).toSeq ++ Seq(start, end))
  }
}

object WindowGroups {
  private val Least = 4 // times the rows of open windows that a batch has, so that few are written twice

  /** @param row,bytes rows and bytes of the batch before its first row */
  final private case class Open(number: Long, row: Long, bytes: Long)

  final private case class Kept(ordinal: Long, bytes: Array[Byte])
}

/**
 * The rows of a task's contig that have a position, one by one. The one at hand is in the producer's region until
 * [[advance]], which clears it first.
 *
 * @param parts the rows of each of the task's pieces
 * @param pieces what is known of these
 */
final class ContigRows(
    parts: Iterator[Iterator[Long]],
    pieces: IndexedSeq[Piece],
    own: Int,
    before: Long,
    position: RowPositions,
    ofRows: Boolean,
    producer: RVDContext
) {
  private[this] var part: Iterator[Long] = Iterator.empty
  private[this] var piece = -1
  private[this] var found = 0L // rows of this piece
  private[this] var count = before
  private[this] var previous = Long.MinValue
  private[this] var address = 0L
  private[this] var isThere = false
  private[this] var started = false

  val contig: String = pieces.head.contig

  /** Whether there is one at hand. */
  def hasRow: Boolean = {
    if (!started) {
      started = true
      advance()
    }
    isThere
  }

  def row: Long = address

  /** The ordinal of its position: of windows of rows, the row's number in its contig. */
  def ordinal: Long = if (ofRows) count - 1 else previous

  /** Goes on to the next. */
  def advance(): Unit = {
    producer.region.clear()
    isThere = false
    var more = true
    while (!isThere && more) {
      if (part.hasNext) {
        address = part.next()
        if (position.at(address) && position.contig == contig) {
          if (position.ordinal < previous) throw KeyRanges.changed
          previous = position.ordinal
          count += 1
          found += 1
          isThere = true
        } else producer.region.clear()
      } else {
        // What is not where it was is lost, but for what only ends windows, which its own task looks at.
        if (piece >= 0 && piece < own && found != pieces(piece).rows) throw KeyRanges.changed
        more = parts.hasNext
        if (more) {
          part = parts.next()
          piece += 1
          found = 0
        }
      }
    }
  }
}
