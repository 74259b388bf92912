// The results of one node within one task, as rows in Hail's regions. How long a region lives is decided here and in
// GroupBatches, and what they do must not be loosened:
//
// - The child writes into a context of our own, never into our consumer's. A row is copied to where it goes as
//   soon as it is there, and the region is cleared at once, before the child is asked whether it has another:
//   what a child prepares when it is asked stays. All that read its rows hold to that.
// - A batch's keys are copied into a region that the batch owns until its last row has been given out.
// - next() writes one row into the consumer's region, whole, with copies of everything: the consumer clears
//   that region before each next(), so nothing in it may outlive the call, and hasNext never writes to it.
package org.beringia.hail

import is.hail.rvd.RVDContext
import org.apache.spark.TaskContext
import org.beringia.executor.TaskPipeline

import scala.annotation.tailrec

final class RegionIterator(
    task: HailTask,
    partition: Int,
    consumer: RVDContext,
    groupsOf: RVDContext => Groups,
    context: TaskContext
) extends Iterator[Long]
    with AutoCloseable {
  private[this] val batches = new GroupBatches(task, groupsOf(consumer.freshContext()), consumer, context)
  private[this] val pipeline = new TaskPipeline(batches, context)

  private[this] var ready: ResultRows = _ // what next() reads
  private[this] var given = 0L // rows given out, of this task

  override def hasNext: Boolean = pipeline.inside(findRow())

  override def next(): Long = pipeline.inside {
    if (!hasNext) throw new NoSuchElementException("no row is left")
    val row = ready.write(consumer.region, task.rowNumber(partition, given))
    given += 1
    row
  }

  /** Ends the job, whatever its state, once nobody is inside. Regions are their contexts' to free. */
  override def close(): Unit = pipeline.close()

  /** Moves on to a result that has a row left; false when there is none. */
  @tailrec
  private def findRow(): Boolean =
    if (ready != null && ready.hasNext) true
    else {
      retire()
      val result = pipeline.advance()
      if (result == null) false
      else {
        ready = new ResultRows(task, result, batches.answered())
        findRow()
      }
    }

  /** Gives back what the last result held. */
  private def retire(): Unit = if (ready != null) {
    val done = ready
    ready = null
    try pipeline.release(done.result)
    finally batches.recycle(done.keys)
  }
}
