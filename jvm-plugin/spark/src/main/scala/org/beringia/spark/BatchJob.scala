// The job as an iterator of batches sees it: the native one, or a stand-in under test.
package org.beringia.spark

import org.beringia.bridge.{ArrowArrayStruct, Job, JobResult}
import org.beringia.spark.columns.SegmentSource

trait BatchJob extends SegmentSource with AutoCloseable {

  /** Hands over a batch and its segments. */
  def submit(batch: ArrowArrayStruct): Unit

  /** Waits for the next result, in the order of submission; false when none came in time. */
  def next(timeoutMillis: Long, result: JobResult): Boolean
}

final class NativeJob(job: Job) extends BatchJob {
  override def allocate(bytes: Long): Long = job.allocate(bytes)
  override def submit(batch: ArrowArrayStruct): Unit = job.submit(batch)
  override def next(timeoutMillis: Long, result: JobResult): Boolean = job.next(timeoutMillis, result)
  override def close(): Unit = job.close()
}
