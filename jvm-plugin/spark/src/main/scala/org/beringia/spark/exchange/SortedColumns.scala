// The rows of a partition in order, as batches of columns. Where Spark has memory for all of them at once
// they are one batch, whose columns are read in the order that was found; else Spark sorts them as rows, which it
// can spill.
package org.beringia.spark.exchange

import org.apache.spark.{SparkEnv, TaskContext}
import org.apache.spark.sql.catalyst.expressions.{Attribute, UnsafeProjection}
import org.apache.spark.sql.execution.SortExec
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.spark.Input

/**
 * @param order  columns to order by
 * @param sort   what orders rows
 * @param blocks batches of block vectors, each valid until the next
 */
final class SortedColumns(
    columns: Seq[Attribute],
    order: Seq[OrderColumn],
    sort: SortExec,
    blocks: Iterator[ColumnarBatch],
    metrics: SortMetrics,
    context: TaskContext
) extends Iterator[ColumnarBatch] {
  private[this] val memory = TaskMemory.ofSorts(context)
  private[this] val table = new Table(columns.map(_.dataType), memory)
  // With more rows than this Spark's sorts spill, if somebody says so.
  private[this] val mostRows =
    SparkEnv.get.conf.getInt("spark.shuffle.spill.numElementsForceSpillThreshold", Int.MaxValue)
  private[this] lazy val batches = sorted()

  context.addTaskCompletionListener[Unit](_ => release())

  override def hasNext: Boolean = batches.hasNext || {
    release()
    false
  }

  override def next(): ColumnarBatch = batches.next()

  private def sorted(): Iterator[ColumnarBatch] = {
    // The block that there is no memory for, if any.
    val tooMuch = blocks.find(!takes(_))
    metrics.memory += table.bytes
    val inOrder = if (tooMuch.isDefined) None else inMemory()
    inOrder.getOrElse(asRows(Iterator.single(table.batch(null)) ++ tooMuch ++ blocks))
  }

  private def takes(block: ColumnarBatch): Boolean =
    table.rows.toLong + block.numRows <= mostRows && table.take(block)

  private def inMemory(): Option[Iterator[ColumnarBatch]] =
    if (table.rows == 0) Some(Iterator.empty)
    else {
      val started = System.nanoTime()
      val found = memory.within(TableOrder.bytes(table, order))(TableOrder.of(table, order))
      metrics.time += System.nanoTime() - started
      found.map { order =>
        memory.upTo(SortedColumns.BytesOfOrder * table.rows)
        Iterator.single(table.batch(order))
      }
    }

  private def asRows(batches: Iterator[ColumnarBatch]): Iterator[ColumnarBatch] = {
    val toUnsafe = UnsafeProjection.create(columns, columns)
    val rows = batches.flatMap { batch =>
      Iterator.range(0, batch.numRows).map(row => toUnsafe(batch.getRow(row)))
    }
    val spilledBefore = context.taskMetrics().memoryBytesSpilled
    val sorted = sort.createSorter().sort(rows)
    release()
    metrics.partitions += 1
    metrics.spilled += context.taskMetrics().memoryBytesSpilled - spilledBefore
    Blocks.of(columns, Input.Rows(sorted))
  }

  private def release(): Unit = {
    table.release()
    memory.freeMemory(memory.getUsed)
  }
}

object SortedColumns {

  /** What says of a row where it comes. */
  private val BytesOfOrder = 4L
}
