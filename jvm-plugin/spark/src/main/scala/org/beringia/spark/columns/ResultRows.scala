// Rows of results, for nodes that want rows: a block of them at a time, and of a block column after column, where Spark makes
// each row on its own. Of columns whose values have one width, as all of a row's fields have.
package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.types.{DataType, Decimal}
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.apache.spark.unsafe.Platform

/** A row holds until the next one is asked for, as those of Spark's own transition do. */
final class ResultRows(batches: Iterator[ColumnarBatch], fields: Int) extends Iterator[InternalRow] {
  import ResultRows._

  private[this] val bitset = UnsafeRow.calculateBitSetWidthInBytes(fields)
  private[this] val width = bitset + 8 * fields
  private[this] val most = math.max(1, BlockBytes / width)
  private[this] val block = new Array[Byte](most * width)
  private[this] val row = new UnsafeRow(fields)

  private[this] var columns = Array.empty[ResultVector] // of the batch
  private[this] var rows = 0 // that it has
  private[this] var from = 0 // its first row that is not in the block
  private[this] var count = 0 // of rows in the block
  private[this] var at = 0 // the next one of these

  override def hasNext: Boolean = at < count || fill()

  override def next(): InternalRow = {
    if (!hasNext) throw new NoSuchElementException("no row is left")
    row.pointTo(block, Start + at.toLong * width, width)
    at += 1
    row
  }

  private def fill(): Boolean = {
    while (from == rows && batches.hasNext) take(batches.next())
    at = 0
    count = math.min(most, rows - from)
    clear()
    columns.indices.foreach(i => write(columns(i), i))
    from += count
    count > 0
  }

  private def take(batch: ColumnarBatch): Unit = {
    columns = Array.tabulate(batch.numCols)(batch.column(_).asInstanceOf[ResultVector])
    rows = batch.numRows
    from = 0
  }

  /** Says of all fields that they are not null. */
  private def clear(): Unit = {
    var word = 0
    while (word < bitset) {
      var to = Start + word
      var i = 0
      while (i < count) {
        Platform.putLong(block, to, 0)
        to += width
        i += 1
      }
      word += 8
    }
  }

  private def write(column: ResultVector, ordinal: Int): Unit = {
    val first = Start + bitset + 8 * ordinal
    if (column.hasNull) {
      var i = 0
      while (i < count) {
        val to = first + i.toLong * width
        val isNull = column.isNullAt(from + i)
        Platform.putLong(block, to, if (isNull) 0 else column.field(from + i))
        if (isNull) {
          val word = Start + i.toLong * width + 8 * (ordinal >> 6)
          Platform.putLong(block, word, Platform.getLong(block, word) | 1L << (ordinal & 63))
        }
        i += 1
      }
    } else column.fields(from, count, block, first, width)
  }
}

object ResultRows {
  private val Start = Platform.BYTE_ARRAY_OFFSET.toLong
  private val BlockBytes = 1 << 16 // what a core's own cache holds

  /** Whether columns of these types can be rows so. */
  def cover(types: Seq[DataType]): Boolean = types.nonEmpty && types.forall(ArrowTypes.layout(_) match {
    case Some(Layout.Bits | Layout.Fixed(_)) => true
    case Some(Layout.Decimals(precision, _)) => precision <= Decimal.MAX_LONG_DIGITS
    case _ => false
  })
}
