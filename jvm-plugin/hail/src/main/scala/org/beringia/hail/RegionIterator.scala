// One node within one task: groups of the child's rows to batches, batches to the worker, results to rows. How long
// a region lives is decided here, and what it does must not be loosened:
//
// - The child writes into a context of our own, never into our consumer's. A row is copied to where it goes as
//   soon as it is there, and the region is cleared at once, before the child is asked whether it has another:
//   what a child prepares when it is asked stays. All that read its rows hold to that.
// - A batch's keys are copied into a region that the batch owns until its last row has been given out.
// - next() writes one row into the consumer's region, whole, with copies of everything: the consumer clears
//   that region before each next(), so nothing in it may outlive the call, and hasNext never writes to it.
//
// As with Spark, the child is pulled only inside hasNext and next, on whichever thread calls them; close(),
// which the task's completion calls, waits until nobody is inside, and closing the job quiesces its worker
// before shared memory is freed.
package org.beringia.hail

import java.util.concurrent.locks.ReentrantLock

import is.hail.annotations.Region
import is.hail.rvd.RVDContext
import org.apache.spark.{TaskContext, TaskKilledException}
import org.beringia.BeringiaException
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.spark.BatchJob

import scala.collection.mutable

final class RegionIterator(
    task: HailTask,
    partition: Int,
    consumer: RVDContext,
    groupsOf: RVDContext => Groups,
    context: TaskContext
) extends Iterator[Long]
    with AutoCloseable {
  import RegionIterator._

  private[this] val lock = new ReentrantLock
  private[this] val groups = groupsOf(consumer.freshContext())

  private[this] var job: BatchJob = _
  private[this] var writer: GroupWriter = _
  private[this] var exhausted = false // there are no more groups
  private[this] var number = 0L // of the next group
  private[this] val inFlight = mutable.Queue.empty[Batch]
  private[this] val spare = mutable.Queue.empty[Region]
  private[this] var ready: Rows = _ // the result that next() reads
  private[this] var given = 0L // rows given out, of this task
  private[this] var finished = false
  @volatile private[this] var closed = false

  if (context != null) context.addTaskCompletionListener[Unit](_ => close())

  override def hasNext: Boolean = inside {
    while (!finished && (ready == null || !ready.hasNext)) {
      retire()
      while (!exhausted && inFlight.size < MaxInFlight) {
        fill()
      }
      if (inFlight.isEmpty) {
        finished = true
        free()
      } else ready = await()
    }
    !finished
  }

  override def next(): Long = inside {
    if (!hasNext) throw new NoSuchElementException("no row is left")
    val row = ready.write(consumer.region, task.rowNumber(partition, given))
    given += 1
    row
  }

  /** Ends the job, whatever its state, once nobody is inside. Regions are their contexts' to free. */
  override def close(): Unit = {
    closed = true
    lock.lock()
    try {
      finished = true
      free()
    } finally lock.unlock()
  }

  private def inside[T](action: => T): T = {
    lock.lock()
    try {
      if (!finished) checkAlive()
      action
    } finally lock.unlock()
  }

  private def checkAlive(): Unit =
    if (
      closed || Thread.currentThread.isInterrupted ||
      (context != null && (context.isCompleted() || context.isInterrupted()))
    ) {
      throw new TaskKilledException("the task ended or was cancelled while numpy_map ran")
    }

  /** Writes groups until the batch is full or there are no more, and submits them. */
  private def fill(): Unit =
    if (!groups.hasNext) exhausted = true
    else {
      if (job == null) {
        job = task.open(context)
        writer = task.writer(job)
      }
      val region = if (spare.isEmpty) consumer.freshRegion() else spare.dequeue()
      val batch = new Batch(number, region, mutable.ArrayBuilder.make[Long])
      writer.begin()
      var full = false
      var more = true
      while (!full && more) {
        batch.keys += groups.next(writer, number, region)
        full = writer.endGroup()
        number += 1
        checkAlive()
        if (!full) more = groups.hasNext
      }
      exhausted = !more
      job.submit(writer.finish())
      inFlight.enqueue(batch)
    }

  /** Waits for the next result, in short steps, so that the end of the task is noticed. */
  private def await(): Rows = {
    val result = new JobResult
    val batch = inFlight.front
    try {
      val keys = batch.keys.result()
      try {
        while (!job.next(StepMillis, result)) {
          checkAlive()
        }
      } catch {
        case e: BeringiaException => throw named(e, batch.first, keys)
      }
      val rows = new Rows(task, result, batch.first, batch.region, keys)
      inFlight.dequeue(): Unit
      rows
    } catch {
      case e: Throwable =>
        result.close()
        throw e
    }
  }

  /** The error of a group, with its key for the number by which the native side knows it. */
  private def named(e: BeringiaException, first: Long, keys: Array[Long]): BeringiaException = {
    val group = e.getGroup
    Option(group).collect { case Numbered(number) => number.toLong - first } match {
      case Some(index) if index >= 0 && index < keys.length =>
        val key = task.keys.show(keys(index.toInt))
        val message = e.getMessage.replace(group, key)
        val renamed = new BeringiaException(e.getCode, message, key, e.getTraceback, e.getFunction)
        renamed.initCause(e)
        renamed
      case _ => e
    }
  }

  /** Gives back what the last result held. */
  private def retire(): Unit = if (ready != null) {
    val done = ready
    ready = null
    try done.close()
    finally {
      done.region.clear()
      spare.enqueue(done.region): Unit
    }
  }

  /** Gives everything native back, once. */
  private def free(): Unit = {
    val parts = Seq[AutoCloseable](ready, job, writer).filter(_ != null)
    ready = null
    job = null
    writer = null
    closeAll(parts)
  }

  private def closeAll(parts: Seq[AutoCloseable]): Unit = parts match {
    case Seq(part, rest @ _*) =>
      try part.close()
      finally closeAll(rest)
    case _ => ()
  }
}

object RegionIterator {
  private val MaxInFlight = 2
  private val StepMillis = 100L
  private val Numbered = s"${GroupWriter.Number}=(\\d+)(?:, .*)?".r

  /** Groups on their way: the first one's number, and the region with their keys. */
  final private class Batch(val first: Long, val region: Region, val keys: mutable.ArrayBuilder[Long])

  /** The rows of one result, written one by one. */
  final private class Rows(
      task: HailTask,
      result: JobResult,
      first: Long,
      val region: Region,
      keys: Array[Long]
  ) extends AutoCloseable {
    private[this] val array = result.array
    private[this] val length = ArrowArrayStruct.length(array)
    private[this] val offset = ArrowArrayStruct.offset(array)
    task.checkResult(array)
    private[this] val numbers = ValueReader.of(HailTask.NumberType, ArrowArrayStruct.child(array, 0), offset)
    private[this] val readers = task.fieldTypes.zipWithIndex.map { case (physical, i) =>
      ValueReader.of(physical, ArrowArrayStruct.child(array, task.carried + i), offset)
    }.toArray
    private[this] var row = 0L

    def hasNext: Boolean = row < length

    /** Writes the next row into `target`; returns its address. */
    def write(target: Region, rowNumber: Long): Long = {
      val output = task.output
      val address = output.allocate(target)
      output.initialize(address)
      task.keys.write(keys(Math.toIntExact(group - first)), output, address, target)
      var i = 0
      var field = task.keys.types.length
      while (i < readers.length) {
        if (readers(i).isMissing(row)) output.setFieldMissing(address, field)
        else readers(i).store(row, target, output.fieldOffset(address, field))
        i += 1
        field += 1
      }
      if (task.numbered) Region.storeLong(output.fieldOffset(address, field), rowNumber)
      row += 1
      address
    }

    private def group: Long = numbers match {
      case fixed: FixedReader => fixed.long(row)
      case encoded: DictionaryReader => encoded.long(row)
      case _ => first + row
    }

    override def close(): Unit = result.close()
  }
}
