// Batches of one node within one task, wherever their groups come from: the job, what writes them, and what the node's metrics
// say of them.
package org.beringia.spark

import org.apache.spark.TaskContext
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.executor.{BatchJob, BatchSource}
import org.beringia.executor.memory.SegmentSource
import org.beringia.spark.columns.BatchWriter
import org.beringia.spark.windows.WindowBatches

/** Whatever writes them. */
abstract class JobBatches(task: NumpyMapTask, context: TaskContext) extends BatchSource {
  private[this] var movedBefore = 0L
  private[this] val asides = task.asides

  /** Bytes of the batch. */
  protected def bytes: Long

  /** Bytes that had to be moved to larger regions since the start. */
  protected def bytesMoved: Long

  override def open(): BatchJob = task.open(context)

  override def filled(nanos: Long): Unit = task.metrics.filling += nanos

  override def submitted(): Unit = {
    task.metrics.submitted(bytes, bytesMoved - movedBefore)
    movedBefore = bytesMoved
  }

  override def received(result: JobResult, nanos: Long): Unit = {
    task.metrics.waiting += nanos
    task.metrics.received(result)
    Option(result.aside).foreach(aside => asides.foreach(_.take(aside)))
  }

  /** Of how many rows each are the batches that the next result of `rows` becomes. */
  def lengths(rows: Int): Iterator[Int] = Iterator.single(rows)

  override def ended(): Unit = asides.foreach(_.ended())
}

/** Of the rows of one child. */
abstract class TaskBatches(task: NumpyMapTask, context: TaskContext) extends JobBatches(task, context) {
  protected var writer: BatchWriter = _

  override protected def bytes: Long = writer.bytes

  override protected def bytesMoved: Long = writer.bytesMoved

  override def attach(segments: SegmentSource): Unit = writer = task.writer(segments)

  override def begin(): Unit = writer.begin()

  override def finish(): ArrowArrayStruct = writer.finish()

  override def close(): Unit = if (writer != null) writer.close()
}

object TaskBatches {

  /** Those of what the child gives. */
  def of(task: NumpyMapTask, input: Input, context: TaskContext): TaskBatches =
    (task.per, task.window, input) match {
      case (per: Per.Windows, Some(columns), Input.Rows(rows)) =>
        new WindowBatches(task, per, columns, rows, context)
      case _ => new GroupBatches(task, Groups.of(task, input), context)
    }
}
