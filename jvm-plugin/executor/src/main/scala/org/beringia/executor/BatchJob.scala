// The job as a pipeline of batches sees it: the native one, or a stand-in under test.
package org.beringia.executor

import org.apache.spark.TaskContext
import org.apache.spark.beringia.ExecutorInternals
import org.beringia.bridge.{ArrowArrayStruct, ArrowField, Job, JobResult}
import org.beringia.executor.memory.SegmentSource

trait BatchJob extends SegmentSource with AutoCloseable {

  /** Hands over a batch and its segments. */
  def submit(batch: ArrowArrayStruct): Unit

  /** Whether another batch would keep a worker busy. */
  def hasRoom: Boolean

  /** Waits for the next result, in the order of submission; false when none came in time. */
  def next(timeoutMillis: Long, result: JobResult): Boolean
}

final class NativeJob(job: Job) extends BatchJob {
  override def allocate(bytes: Long): Long = job.allocate(bytes)
  override def submit(batch: ArrowArrayStruct): Unit = job.submit(batch)
  override def hasRoom: Boolean = job.hasRoom
  override def next(timeoutMillis: Long, result: JobResult): Boolean = job.next(timeoutMillis, result)
  override def close(): Unit = job.close()
}

object NativeJob {

  /** Opens a task's job in this executor's runtime; its memory is metered where Spark meters the task's. */
  def open(
      settings: Map[String, String],
      function: ShippedFunction,
      context: TaskContext,
      input: ArrowField,
      output: ArrowField
  ): BatchJob = {
    val job = ExecutorRuntime.get(settings).openJob(function.specOf(context), function.bytes, input, output)
    MeteredJob(new NativeJob(job), ExecutorInternals.memory(context))
  }
}
