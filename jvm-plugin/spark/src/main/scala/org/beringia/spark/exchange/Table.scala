// The rows of a partition, taken out of the blocks that they came in: each column in one piece, so that its values
// can be read in any order.
package org.beringia.spark.exchange

import org.apache.spark.sql.types.DataType
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}
import org.apache.spark.unsafe.Platform

final class Table(types: Seq[DataType], memory: TaskMemory) {
  private[this] val columns = types.map(new TableColumn(_, memory)).toArray
  private[this] var count = 0

  def rows: Int = count

  def bytesOf(column: Int): Long = columns(column).bytes

  def bytes: Long = columns.map(_.bytes).sum

  /** Takes the rows of a block; false, and none of them, where there is no memory for them. */
  def take(block: ColumnarBatch): Boolean = {
    val more = block.numRows
    val vectors = columns.indices.map(block.column(_).asInstanceOf[BlockVector])
    val fits = count.toLong + more <= Int.MaxValue &&
      columns.indices.forall(i => columns(i).reserve(vectors(i), count, more))
    if (fits) {
      columns.indices.foreach(i => columns(i).take(vectors(i), count, more))
      count += more
    }
    fits
  }

  /** The rows: which is the first, which the second and so on says `order`; null: as they came. */
  def batch(order: Array[Int]): ColumnarBatch =
    new ColumnarBatch(columns.map(_.show(count, order): ColumnVector), count)

  /** Gives up the rows and their memory. */
  def release(): Unit = {
    columns.foreach(_.release())
    count = 0
  }
}

private final class TableColumn(dataType: DataType, memory: TaskMemory) {
  private[this] val width = ScatteredColumn.width(dataType)
  private[this] val isVariable = ScatteredColumn.isVariable(dataType)
  private[this] val missing = new TaskBytes(memory)
  private[this] val fixed = new TaskBytes(memory)
  private[this] val data = new TaskBytes(memory)

  def bytes: Long = missing.used + fixed.used + data.used

  /** Sees to it that `more` rows of a block have room behind `rows`. */
  def reserve(block: BlockVector, rows: Int, more: Int): Boolean =
    data.used + block.dataBytes <= Int.MaxValue &&
      (!marksMissing(block) || missing.reserve(rows - missing.used + more)) &&
      fixed.reserve(more.toLong * width) && data.reserve(block.dataBytes.toLong)

  def take(block: BlockVector, rows: Int, more: Int): Unit = {
    if (marksMissing(block)) {
      missing.appendZeros(rows - missing.used)
      if (block.hasNull) missing.append(block.missing, more.toLong) else missing.appendZeros(more.toLong)
    }
    if (isVariable) appendEnds(block, more) else fixed.append(block.fixed, more.toLong * width)
    data.append(block.data, block.dataBytes.toLong)
  }

  private def marksMissing(block: BlockVector): Boolean = block.hasNull || missing.used > 0

  /** Where values end among the bytes of this column. */
  private def appendEnds(block: BlockVector, more: Int): Unit = {
    val before = data.used.toInt
    val to = fixed.advance(4L * more)
    var i = 0
    while (i < more) {
      Platform.putInt(to.base, to.at + 4L * i, before + block.endOf(i))
      i += 1
    }
  }

  def show(rows: Int, order: Array[Int]): BlockVector = {
    val vector = new BlockVector(dataType, order)
    val marks = if (missing.used > 0) Some(missing.place) else None
    vector.show(rows, marks, fixed.place, data.place, data.used.toInt)
    vector
  }

  def release(): Unit = Seq(missing, fixed, data).foreach(_.release())
}
