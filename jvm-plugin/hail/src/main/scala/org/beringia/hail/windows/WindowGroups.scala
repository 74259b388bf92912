// The windows of one task as groups (see OpenWindows), and the rows that they are made of: Hail's, of which those that windows
// to come have, too, are kept as bytes.
package org.beringia.hail.windows

import is.hail.annotations.Region
import is.hail.rvd.RVDContext
import org.apache.spark.sql.Row
import org.apache.spark.unsafe.Platform
import org.beringia.executor.windows.{Extent, OpenWindows, OrderedRows, Window}
import org.beringia.hail.grouping.{ByteSink, ByteSource, KeyRanges, RowValues}
import org.beringia.hail.{GroupKeys, GroupWriter, Groups}

/**
 * @param rows those of the task's contig, in their order
 * @param keys the windows'
 * @param keyColumns fields of the key that the function gets
 */
final class WindowGroups(
    task: WindowTask,
    rows: ContigRows,
    extent: Extent,
    keys: GroupKeys,
    keyColumns: Seq[String]
) extends Groups {
  private[this] val keyFields = keyColumns.map(keys.field).toArray
  private[this] val windows = new OpenWindows[GroupWriter, Array[Byte]](
    rows,
    extent,
    task.least,
    task.last,
    number => s"of the window from ${extent.start(number)} on"
  )

  override def hasNext: Boolean = windows.hasNext

  override def mayPause: Boolean = windows.mayPause

  override def next(writer: GroupWriter, number: Long, region: Region): Long = {
    val window = windows.next(writer)
    val key = keys.keep(bounds(window), region)
    writer.startGroup(number, () => keys.show(key))
    var i = 0
    while (i < keyFields.length) {
      keyFields(i).append(key, writer.whole(i))
      i += 1
    }
    writer.window(window.row, window.rows)
    key
  }

  private def bounds(window: Window): Row =
    Row.fromSeq(
      Option(rows.contig).toSeq ++ Seq(extent.start(window.number), extent.end(window.number, window.rows))
    )
}

/**
 * The rows of a task's contig that have a position, one by one. The one at hand is in the producer's region until
 * [[advance]], which clears it first.
 *
 * @param parts the rows of each of the task's pieces
 * @param pieces what is known of these
 * @param values those of a row that are written
 */
final class ContigRows(
    parts: Iterator[Iterator[Long]],
    pieces: IndexedSeq[Piece],
    own: Int,
    before: Long,
    position: RowPositions,
    ofRows: Boolean,
    values: RowValues,
    producer: RVDContext
) extends OrderedRows[GroupWriter, Array[Byte]] {
  private[this] var part: Iterator[Long] = Iterator.empty
  private[this] var piece = -1
  private[this] var found = 0L // rows of this piece
  private[this] var count = before
  private[this] var previous = Long.MinValue
  private[this] var address = 0L
  private[this] var isThere = false
  private[this] var started = false
  private[this] val sink = new ByteSink(1 << 10)
  private[this] val source = new ByteSource

  val contig: String = pieces.head.contig

  override def hasRow: Boolean = {
    if (!started) {
      started = true
      advance()
    }
    isThere
  }

  /** Of its position: of windows of rows, the row's number in its contig. */
  override def ordinal: Long = if (ofRows) count - 1 else previous

  override def write(writer: GroupWriter): Unit = values.append(address, writer, isFirst = false)

  override def keep(): Array[Byte] = {
    sink.clear()
    values.write(address, sink)
    sink.copy
  }

  override def write(kept: Array[Byte], writer: GroupWriter): Unit =
    values.read(source.reset(kept, Platform.BYTE_ARRAY_OFFSET.toLong), writer, isFirst = false)

  override def advance(): Unit = {
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
