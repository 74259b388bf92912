// The groups of a partition, however its rows come: what finds them, and writes them to a batch.
package org.beringia.spark

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.vectorized.ColumnarBatch
import org.beringia.spark.columns.BatchWriter

trait Groups {

  /** Goes on to the next group, if there is one. May pull the child. */
  def start(): Boolean

  /** Writes the group; true when the batch is full. */
  def write(writer: BatchWriter): Boolean
}

object Groups {
  def of(task: NumpyMapTask, input: Input, portion: Portion = Portion.Whole): Groups = input match {
    case Input.Rows(rows) => new RowGroups(task, rows, portion)
    case Input.Columns(batches) => new ColumnGroups(task.keys, task.per, task.rowSchema, batches, portion)
  }
}

/**
 * What of a group is given to a call at a time.
 *
 * @param most how many rows
 */
sealed abstract class Portion(val most: Long) extends Serializable

object Portion {
  case object Whole extends Portion(Long.MaxValue)

  final case class Rows(count: Int) extends Portion(count.toLong)

  /** As many rows as a batch of the child has; all where it gives rows. */
  case object AsTheyCome extends Portion(Long.MaxValue)
}

/** What a task gets of the child of its node. */
sealed trait Input

object Input {
  final case class Rows(rows: Iterator[InternalRow]) extends Input
  final case class Columns(batches: Iterator[ColumnarBatch]) extends Input
}

final class RowGroups(task: NumpyMapTask, rows: Iterator[InternalRow], portion: Portion) extends Groups {
  private[this] val groups = new GroupRows(rows, task.keys, task.per.lists, task.rowSchema)
  private[this] val describeGroup = () => groups.describe
  private[this] val most = portion.most
  private[this] val endsWhenFull = task.per == Per.Batch

  private[this] var first: UnsafeRow = _ // of the next group

  override def start(): Boolean = {
    first = groups.startGroup()
    first != null
  }

  override def write(writer: BatchWriter): Boolean = {
    var row = first
    var count = 0L
    writer.startGroup(row, describeGroup)
    while (row != null) {
      writer.append(row)
      count += 1
      row =
        if (count == most || endsWhenFull && writer.isFull) groups.endGroup() else groups.nextOfGroup()
    }
    writer.endGroup()
  }
}
