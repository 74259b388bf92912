// The child's rows as batches of groups.
package org.beringia.spark

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.UnsafeRow

final class RowBatches(task: NumpyMapTask, rows: Iterator[InternalRow], context: TaskContext)
    extends TaskBatches(task, context) {
  private[this] val groups = new GroupRows(rows, task.keys, task.per.lists, task.rowSchema)
  private[this] val describeGroup = () => groups.describe

  private[this] var first: UnsafeRow = _ // of the next group

  override def hasGroup: Boolean = {
    first = groups.startGroup()
    first != null
  }

  override def writeGroup(): Boolean = {
    var row = first
    writer.startGroup(row, describeGroup)
    while (row != null) {
      writer.append(row)
      row = if (task.per == Per.Batch && writer.isFull) groups.endGroup() else groups.nextOfGroup()
    }
    writer.endGroup()
  }
}
