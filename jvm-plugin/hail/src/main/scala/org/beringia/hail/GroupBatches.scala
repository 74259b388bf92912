// Groups of one task as batches, and the keys of those that are on their way: the native side knows a group by its
// number, and gives only that back. Keys of a batch are in a region of its own (see RegionIterator).
package org.beringia.hail

import is.hail.annotations.Region
import is.hail.rvd.RVDContext
import org.apache.spark.TaskContext
import org.beringia.BeringiaException
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.executor.{BatchJob, BatchSource}
import org.beringia.executor.memory.SegmentSource

import scala.collection.mutable

final class GroupBatches(task: HailTask, groups: Groups, consumer: RVDContext, context: TaskContext)
    extends BatchSource {
  import GroupBatches._

  private[this] var writer: GroupWriter = _
  private[this] var number = 0L // of the next group
  private[this] var batch: BatchKeys = _ // of the batch that is written
  private[this] val unanswered = mutable.Queue.empty[BatchKeys]
  private[this] val spare = mutable.Queue.empty[Region]

  override def hasGroup: Boolean = groups.hasNext

  override def open(): BatchJob = task.open(context)

  override def attach(segments: SegmentSource): Unit = writer = task.writer(segments)

  override def begin(): Unit = {
    batch = new BatchKeys(number, if (spare.isEmpty) consumer.freshRegion() else spare.dequeue())
    writer.begin()
  }

  override def writeGroup(): Boolean = {
    batch.add(groups.next(writer, number, batch.region))
    val full = writer.endGroup()
    number += 1
    full && groups.mayPause
  }

  override def finish(): ArrowArrayStruct = writer.finish()

  override def submitted(): Unit = unanswered.enqueue(batch)

  /** The keys of the oldest batch, whose result has come. They are the caller's to [[recycle]]. */
  def answered(): BatchKeys = unanswered.dequeue()

  /** Gives back the region of keys that nobody reads any more. */
  def recycle(keys: BatchKeys): Unit = {
    keys.region.clear()
    spare.enqueue(keys.region): Unit
  }

  /** The error of a group, with its key for the number by which the native side knows it. */
  override def named(error: BeringiaException): BeringiaException = {
    val group = error.getGroup
    Option(group).collect { case Numbered(number) => number.toLong }.flatMap(unanswered.front.get) match {
      case Some(key) =>
        val shown = task.keys.show(key)
        val message = error.getMessage.replace(group, shown)
        val renamed =
          new BeringiaException(error.getCode, message, shown, error.getTraceback, error.getFunction)
        renamed.initCause(error)
        renamed
      case None => error
    }
  }

  override def close(): Unit = if (writer != null) writer.close()
}

object GroupBatches {
  private val Numbered = s"${GroupWriter.Number}=(\\d+)(?:, .*)?".r
}

/** Keys of the groups of a batch, which are numbered from `first` on, in a region that is the batch's own. */
final class BatchKeys(first: Long, val region: Region) {
  private[this] val written = mutable.ArrayBuilder.make[Long]
  private[this] lazy val addresses = written.result() // asked for when the batch is whole

  /** The next group has its key at this address, in `region`. */
  def add(key: Long): Unit = written += key

  /** The address of the key of the group with this number. */
  def apply(number: Long): Long = addresses(Math.toIntExact(number - first))

  /** The same, if the batch has such a group. */
  def get(number: Long): Option[Long] =
    if (number >= first && number - first < addresses.length) Some(apply(number)) else None
}
