// An engine's part of a pipeline: where groups come from, how they become a batch, and what its errors and metrics
// say.
package org.beringia.executor

import org.beringia.BeringiaException
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.executor.memory.SegmentSource

/**
 * Batches of groups, for a [[TaskPipeline]], which alone calls it: by one thread at a time, and only where the
 * pipeline is advanced. Closing it frees what writes batches, after the job is closed.
 */
trait BatchSource extends AutoCloseable {

  /** Whether there is another group. May pull the child. */
  def hasGroup: Boolean

  /** Whether there may be another group after a result where there was none before it. */
  def goesOn: Boolean = false

  /** Opens the job; called once, when there is a first group. */
  def open(): BatchJob

  /** From now on batches are written to memory from `segments`, the job's. */
  def attach(segments: SegmentSource): Unit

  /** Starts a batch. */
  def begin(): Unit

  /** Writes the next group, which is there; true when the batch is full. */
  def writeGroup(): Boolean

  /** The batch's array, to be submitted before the next one begins. */
  def finish(): ArrowArrayStruct

  /** An error of the oldest batch that is not answered, its group named as the engine names groups. */
  def named(error: BeringiaException): BeringiaException = error

  /** So long it took to look for groups and to write them; the child's own time is in it. */
  def filled(nanos: Long): Unit = ()

  /** The batch that [[finish]] gave was submitted. */
  def submitted(): Unit = ()

  /** A result came, for which nothing was left to do but wait so long. */
  def received(result: JobResult, nanos: Long): Unit = ()

  /** There are no more results. Whoever wants no more of them may never know. */
  def ended(): Unit = ()
}
