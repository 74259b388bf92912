// Groups of a child that gives columns: their rows go to shared memory range by range, column by column. A group ends where
// Spark's ordering of the keys says so, as with rows. Pulls the child only when asked for a row.
package org.beringia.spark

import org.apache.spark.sql.catalyst.expressions.{
  Ascending,
  Attribute,
  SortOrder,
  UnsafeProjection,
  UnsafeRow
}
import org.apache.spark.sql.catalyst.expressions.codegen.GenerateOrdering
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch, ColumnarBatchRow}
import org.beringia.spark.columns.{BatchWriter, InputColumn}

final class ColumnGroups(
    keys: Seq[InputColumn],
    per: Per,
    schema: Seq[Attribute],
    batches: Iterator[ColumnarBatch],
    portion: Portion
) extends Groups {
  private[this] val keyColumns = keys.map(key => schema(key.ordinal))
  private[this] val ordering =
    if (keys.isEmpty) null
    else GenerateOrdering.generate(keyColumns.map(SortOrder(_, Ascending)), keyColumns)
  private[this] val toKey = UnsafeProjection.create(keyColumns, keyColumns)
  private[this] val placedKeys = keys.zipWithIndex.map { case (key, i) => key.copy(ordinal = i) }
  private[this] val describeGroup = () => GroupRows.describe(placedKeys, first)

  // The child's batch: valid until the child is pulled again, which only next() does.
  private[this] var columns: Array[ColumnVector] = _
  private[this] var keysOfRow: ColumnarBatchRow = _
  private[this] var rows = 0
  private[this] var at = 0 // the next row

  private[this] var first: UnsafeRow = _ // the group's key

  override def start(): Boolean = {
    val more = hasRow
    if (more && ordering != null) {
      keysOfRow.rowId = at
      first = toKey(keysOfRow)
    }
    more
  }

  override def write(writer: BatchWriter): Boolean = if (per.lists) writeGroup(writer) else writeRows(writer)

  private def writeGroup(writer: BatchWriter): Boolean = {
    writer.startGroup(columns, at, describeGroup)
    var left = if (portion == Portion.AsTheyCome) (rows - at).toLong else portion.most
    var more = true
    while (more) {
      val end = endOfGroup(at + math.min(left, (rows - at).toLong).toInt)
      val count = if (per == Per.Batch) writer.fitting(end - at) else end - at
      writer.append(columns, at, count)
      at += count
      left -= count
      more = left > 0 && (per != Per.Batch || !writer.isFull) &&
        (if (at < rows) at < end else hasRow && endOfGroup(at + 1) > at)
    }
    writer.endGroup()
  }

  /** Each row is a group. */
  private def writeRows(writer: BatchWriter): Boolean = {
    val count = writer.fitting(rows - at)
    val full = writer.appendGroups(columns, at, count)
    at += count
    full
  }

  /** Where the group ends among the rows before `limit`. */
  private def endOfGroup(limit: Int): Int =
    if (ordering == null) limit
    else {
      var row = at
      keysOfRow.rowId = row
      while (row < limit && ordering.compare(first, keysOfRow) == 0) {
        row += 1
        keysOfRow.rowId = row
      }
      row
    }

  private def hasRow: Boolean = {
    while (at == rows && batches.hasNext) next()
    at < rows
  }

  private def next(): Unit = {
    val batch = batches.next()
    columns = Array.tabulate(batch.numCols)(batch.column)
    keysOfRow = new ColumnarBatchRow(keys.map(key => columns(key.ordinal)).toArray)
    rows = batch.numRows
    at = 0
  }
}
