// A job whose shared memory counts as Spark's off-heap execution memory, where that is enabled: segments are
// asked of the task's share before they are allocated, so that sorts and aggregations of the task spill to make
// room, and are given back batch by batch, the last of them when the job is closed.
package org.beringia.executor

import scala.collection.mutable

import org.apache.spark.memory.{MemoryConsumer, MemoryMode, TaskMemoryManager}
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.{ArrowArrayStruct, JobResult}

final class MeteredJob(job: BatchJob, memory: SharedMemory) extends BatchJob {
  import MeteredJob._

  private[this] var filling = 0L
  private[this] val submitted = mutable.Queue.empty[Long]
  private[this] val delivered = mutable.Queue.empty[Long]

  override def allocate(bytes: Long): Long = {
    memory.acquire(bytes)
    filling += bytes
    job.allocate(bytes)
  }

  override def submit(batch: ArrowArrayStruct): Unit = {
    job.submit(batch)
    submitted.enqueue(filling)
    filling = 0
  }

  /** Two batches at most: what a third takes might be what a sort of this task needs. */
  override def hasRoom: Boolean = submitted.length < InFlight && job.hasRoom

  override def next(timeoutMillis: Long, result: JobResult): Boolean = {
    val came = job.next(timeoutMillis, result)
    if (came && submitted.nonEmpty) {
      delivered.enqueue(submitted.dequeue())
      while (delivered.length > Readable) memory.freeMemory(delivered.dequeue())
    }
    came
  }

  override def close(): Unit =
    try job.close()
    finally memory.freeMemory(memory.getUsed)
}

object MeteredJob {

  /** Batches of which there is no result yet. */
  private val InFlight = 2

  /** Results that may still be read when another one comes: the one handed out last, and the new one. */
  private val Readable = 2

  /** `job`, metered if its task has off-heap memory. */
  def apply(job: BatchJob, task: Option[TaskMemoryManager]): BatchJob =
    task.filter(_.getTungstenMemoryMode == MemoryMode.OFF_HEAP) match {
      case Some(task) => new MeteredJob(job, new SharedMemory(task))
      case None => job
    }
}

/** The shared memory of one job, as Spark's memory manager sees it. It cannot be spilled: a worker looks at it. */
final class SharedMemory(task: TaskMemoryManager)
    extends MemoryConsumer(task, task.pageSizeBytes, MemoryMode.OFF_HEAP) {

  /** Takes `bytes` of the task's share, or throws. */
  def acquire(bytes: Long): Unit = {
    val granted = acquireMemory(bytes)
    if (granted < bytes) {
      freeMemory(granted)
      throw new BeringiaException(
        ErrorCode.RESOURCE,
        s"a batch needs $bytes bytes of shared memory beside the $getUsed that the task has, and Spark's off-heap " +
          s"memory has $granted left for it: raise spark.memory.offHeap.size, lower ${Settings.BatchBytes}, or run " +
          "fewer tasks at a time"
      )
    }
  }

  override def spill(size: Long, trigger: MemoryConsumer): Long = 0
}
