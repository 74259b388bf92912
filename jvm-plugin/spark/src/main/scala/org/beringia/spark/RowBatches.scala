// The child's rows as batches of groups, and what the node's metrics say of them.
package org.beringia.spark

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.executor.{BatchJob, BatchSource}
import org.beringia.executor.memory.SegmentSource
import org.beringia.spark.columns.BatchWriter

final class RowBatches(task: NumpyMapTask, rows: Iterator[InternalRow], context: TaskContext)
    extends BatchSource {
  private[this] val groups = new GroupRows(rows, task.keys, task.per.lists, task.rowSchema)
  private[this] val describeGroup = () => groups.describe

  private[this] var writer: BatchWriter = _
  private[this] var first: UnsafeRow = _ // of the next group
  private[this] var movedBefore = 0L

  override def hasGroup: Boolean = {
    first = groups.startGroup()
    first != null
  }

  override def open(): BatchJob = task.open(context)

  override def attach(segments: SegmentSource): Unit =
    writer = new BatchWriter(task.keys, task.arguments, task.per.lists, task.limits, segments)

  override def begin(): Unit = writer.begin()

  override def writeGroup(): Boolean = {
    var row = first
    writer.startGroup(row, describeGroup)
    while (row != null) {
      writer.append(row)
      row = if (task.per == Per.Batch && writer.isFull) groups.endGroup() else groups.nextOfGroup()
    }
    writer.endGroup()
  }

  override def finish(): ArrowArrayStruct = writer.finish()

  override def filled(nanos: Long): Unit = task.metrics.filling += nanos

  override def submitted(): Unit = {
    task.metrics.submitted(writer.bytes, writer.bytesMoved - movedBefore)
    movedBefore = writer.bytesMoved
  }

  override def received(result: JobResult, nanos: Long): Unit = {
    task.metrics.waiting += nanos
    task.metrics.received(result)
  }

  override def close(): Unit = if (writer != null) writer.close()
}
