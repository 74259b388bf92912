// The windows of a run of rows, one after the other. A row is written to a batch once, and each of its windows says where
// its rows begin there, and how many they are.
//
// A full batch, with several times the rows of its open windows, takes no more of them; it ends with the last that it has.
// Rows that windows to come have too are kept meanwhile, and are the first of the next batch: what is held is the rows of
// open windows, no more.
package org.beringia.executor.windows

import scala.collection.mutable

/** What windows have to know of a batch, and tell it. */
trait WindowBatch {

  /** Rows so far. */
  def rows: Long

  /** Bytes so far. */
  def bytes: Long

  /** Whether they fill it. */
  def isFull: Boolean

  /** The rows to come belong to a window that began with the first `bytes`, and is started later; `key` says which it is. */
  def awaitGroup(bytes: Long, key: () => String): Unit
}

/**
 * Rows in the order of their ordinals, of which one is at hand.
 *
 * @tparam Batch where rows are written
 * @tparam Kept a row that outlives the next
 */
trait OrderedRows[-Batch, Kept] {

  /** Whether there is one at hand. */
  def hasRow: Boolean

  /** Its ordinal (see [[Extent]]). */
  def ordinal: Long

  /** Goes on to the next. */
  def advance(): Unit

  /** Writes it. */
  def write(batch: Batch): Unit

  /** It, to be written to a later batch. */
  def keep(): Kept

  /** Writes one that was kept. */
  def write(kept: Kept, batch: Batch): Unit
}

/**
 * A window that is whole.
 *
 * @param row the first of its rows in the batch
 * @param rows how many they are
 */
final case class Window(number: Long, row: Long, rows: Long)

/**
 * @param least,greatest the windows that there may be
 * @param name what messages call a window that is not whole
 */
final class OpenWindows[Batch <: WindowBatch, Kept](
    rows: OrderedRows[Batch, Kept],
    extent: Extent,
    least: Long,
    greatest: Long,
    name: Long => String
) {
  import OpenWindows._

  private[this] val open = mutable.Queue.empty[Open]
  private[this] var unopened = least // the next window
  private[this] var opened = 0 // windows of this batch
  private[this] var isClosing = false // the batch takes no more of them
  private[this] var kept = mutable.Queue.empty[Again[Kept]] // rows of the next batch
  private[this] var again = mutable.Queue.empty[Again[Kept]] // those of the last one that are to come first

  def hasNext: Boolean = {
    while (open.isEmpty && kept.isEmpty && again.isEmpty && hasRow && !opensAny) rows.advance()
    open.nonEmpty || kept.nonEmpty || again.nonEmpty || hasRow
  }

  /** Whether a batch may end here: no window to come has rows that are written already. */
  def mayPause: Boolean = open.isEmpty

  /** Writes what is not written of the rows of the next window, which is there. */
  def next(batch: Batch): Window = {
    if (!hasNext) throw new NoSuchElementException("no window is left")
    if (batch.rows == 0) beginBatch() else if (open.nonEmpty) await(batch)
    while (open.isEmpty || isOfOldest) takeRow(batch)
    val window = open.dequeue()
    Window(window.number, window.row, batch.rows - window.row)
  }

  private def beginBatch(): Unit = {
    kept ++= again
    again = kept
    kept = mutable.Queue.empty
    isClosing = false
    opened = 0
  }

  /** Whether there is a row that may be in one of the windows. */
  private def hasRow: Boolean = rows.hasRow && extent.first(rows.ordinal) <= greatest

  private def opensAny: Boolean =
    math.max(extent.first(rows.ordinal), unopened) <= math.min(extent.last(rows.ordinal), greatest)

  /** Whether there is a next row, and the oldest window has it. */
  private def isOfOldest: Boolean =
    if (again.nonEmpty) extent.first(again.front.ordinal) <= open.front.number
    else hasRow && extent.first(rows.ordinal) <= open.front.number

  private def takeRow(batch: Batch): Unit =
    if (again.nonEmpty) {
      val row = again.dequeue()
      if (place(row.ordinal, batch)) kept += row
      if (open.nonEmpty) rows.write(row.kept, batch)
    } else {
      if (place(rows.ordinal, batch)) kept += Again(rows.ordinal, rows.keep())
      if (open.nonEmpty) rows.write(batch)
      rows.advance()
    }

  /** Opens the windows that begin with a row; true if there are some for the next batch. */
  private def place(ordinal: Long, batch: Batch): Boolean = {
    val from = math.max(extent.first(ordinal), unopened)
    val to = math.min(extent.last(ordinal), greatest)
    isClosing ||= opened > 0 && batch.isFull && batch.bytes >= Least * openBytes(batch)
    if (isClosing) from <= to
    else {
      val isFirst = open.isEmpty
      unopened = math.max(unopened, Math.addExact(to, 1L)) // without it the loop would not end
      var number = from
      while (number <= to) {
        open += Open(number, batch.rows, batch.bytes)
        opened += 1
        number += 1
      }
      if (isFirst && open.nonEmpty) await(batch)
      false
    }
  }

  /** Bytes of the rows of open windows: with them another batch would begin. */
  private def openBytes(batch: Batch): Long =
    if (open.isEmpty) 0 else batch.bytes - open.front.bytes

  /** The batch grows with the oldest window. */
  private def await(batch: Batch): Unit = {
    val window = open.front
    batch.awaitGroup(window.bytes, () => name(window.number))
  }
}

object OpenWindows {
  private val Least = 4 // times the rows of open windows that a batch has, so that few are written twice

  /** @param row,bytes rows and bytes of the batch before its first row */
  final private case class Open(number: Long, row: Long, bytes: Long)

  final private case class Again[Kept](ordinal: Long, kept: Kept)
}
