// The rows of a partition, held aside while functions work on what they are given of them, until the results are there to be
// put behind them. It lives in Spark's package to reach what is private to it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression, UnsafeProjection, UnsafeRow}
import org.apache.spark.sql.catalyst.expressions.codegen.GenerateUnsafeRowJoiner
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.ColumnarBatch

/**
 * An iterator of what the functions are given: each row that is taken from it is held aside.
 *
 * @param arguments what the functions are given of a row; empty where that is the row itself
 */
final class KeptRows(
    rows: Iterator[InternalRow],
    columns: Seq[Attribute],
    arguments: Seq[Expression],
    context: TaskContext
) extends Iterator[InternalRow] {
  private[this] val queue = new RowQueue(context.taskMemoryManager(), columns.length)
  context.addTaskCompletionListener[Unit](_ => queue.close())

  private[this] val project = if (arguments.isEmpty) null else UnsafeProjection.create(arguments, columns)
  if (project != null) project.initialize(context.partitionId())

  private[this] var added = 0L
  private[this] var removed = 0L

  /** How many bytes are held. */
  def bytes: Long = added - removed

  override def hasNext: Boolean = rows.hasNext

  override def next(): InternalRow = {
    val row = rows.next().asInstanceOf[UnsafeRow]
    queue.add(row)
    added += row.getSizeInBytes
    if (project == null) row else project(row)
  }

  /** The rows that were taken, in their order, with `results` behind them: as many as there are of these. */
  def joined(batches: Iterator[ColumnarBatch], results: Seq[Attribute]): Iterator[InternalRow] = {
    val toUnsafe = UnsafeProjection.create(results, results)
    val joiner = GenerateUnsafeRowJoiner.create(schema(columns), schema(results))
    batches.flatMap { batch =>
      new Iterator[InternalRow] {
        private[this] val found = batch.rowIterator()

        override def hasNext: Boolean = found.hasNext

        override def next(): InternalRow = {
          val result = toUnsafe(found.next())
          val row = queue.remove()
          removed += row.getSizeInBytes
          joiner.join(row, result)
        }
      }
    }
  }

  private def schema(columns: Seq[Attribute]): StructType =
    columns.foldLeft(new StructType)((fields, column) => fields.add(column.name, column.dataType))
}
