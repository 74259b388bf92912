// One node within one task: fills batches from the child's rows, keeps two of them in flight, hands out the
// results.
//
// The child is pulled only inside hasNext and next, on whichever thread calls them: that may be another than
// the task's (a Python UDF's writer thread), and the task may end meanwhile. Hence the lock: close(), which
// the task's completion calls, first waits until nobody is inside, and whoever is inside notices within a
// tenth of a second. Closing the job quiesces its worker before shared memory is freed.
package org.beringia.spark

import java.util.concurrent.locks.ReentrantLock

import org.apache.spark.{TaskContext, TaskKilledException}
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.vectorized.{ColumnarBatch, ColumnVector}
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.spark.columns.{BatchWriter, ResultVector}

final class BatchIterator(task: NumpyMapTask, rows: Iterator[InternalRow], context: TaskContext)
    extends Iterator[ColumnarBatch]
    with AutoCloseable {
  import BatchIterator._

  private[this] val lock = new ReentrantLock
  private[this] val groups = new GroupRows(rows, task.keys, task.per.lists, task.rowSchema)
  private[this] val outputTypes = task.outputTypes
  private[this] val describeGroup = () => groups.describe

  private[this] var job: BatchJob = _
  private[this] var writer: BatchWriter = _
  private[this] var exhausted = false // the child has no more rows
  private[this] var inFlight = 0
  private[this] var movedBefore = 0L
  private[this] var ready: JobResult = _ // the result that next() hands out
  private[this] var given: JobResult = _ // the one handed out last: its batch may still be read
  @volatile private[this] var closed = false
  private[this] var finished = false // all results handed out

  // At once, and not with the first row: listeners run in reverse order, and a Python UDF above us must have
  // stopped its writer thread by the time ours runs.
  context.addTaskCompletionListener[Unit](_ => close())

  override def hasNext: Boolean = inside {
    if (finished) false
    else if (ready != null) true
    else {
      while (!exhausted && inFlight < MaxInFlight) {
        fill()
      }
      if (inFlight == 0) {
        finished = true
        free()
        false
      } else {
        ready = await()
        true
      }
    }
  }

  override def next(): ColumnarBatch = inside {
    if (!hasNext) throw new NoSuchElementException("no batch is left")
    if (given != null) given.close()
    given = ready
    ready = null
    batch(given.array)
  }

  /** Ends the job, whatever its state, once nobody is inside. */
  override def close(): Unit = {
    closed = true
    lock.lock()
    try free()
    finally lock.unlock()
  }

  private def inside[T](action: => T): T = {
    lock.lock()
    try {
      if (!finished) checkAlive()
      action
    } finally lock.unlock()
  }

  private def checkAlive(): Unit =
    if (closed || context.isCompleted() || context.isInterrupted() || Thread.currentThread.isInterrupted) {
      throw new TaskKilledException("the task ended or was cancelled while numpy_map ran")
    }

  /** Writes groups until the batch is full or the child ends, and submits them. */
  private def fill(): Unit = {
    val start = System.nanoTime
    var row = groups.startGroup()
    if (row == null) {
      exhausted = true
    } else {
      if (job == null) {
        job = task.open(context)
        writer = new BatchWriter(task.keys, task.arguments, task.per.lists, task.limits, job)
      }
      writer.begin()
      var full = false
      while (!full && row != null) {
        writer.startGroup(row, describeGroup)
        while (row != null) {
          writer.append(row)
          row = if (task.per == Per.Batch && writer.isFull) groups.endGroup() else groups.nextOfGroup()
        }
        full = writer.endGroup()
        checkAlive()
        if (!full) row = groups.startGroup()
      }
      exhausted = !full
      job.submit(writer.finish())
      inFlight += 1
      task.metrics.submitted(writer.bytes, writer.bytesMoved - movedBefore)
      movedBefore = writer.bytesMoved
    }
    task.metrics.filling += System.nanoTime - start
  }

  /** Waits for the next result, in short steps, so that the end of the task is noticed. */
  private def await(): JobResult = {
    val start = System.nanoTime
    val result = new JobResult
    try {
      while (!job.next(StepMillis, result)) {
        checkAlive()
      }
    } catch {
      case e: Throwable =>
        result.close()
        throw e
    }
    inFlight -= 1
    task.metrics.waiting += System.nanoTime - start
    task.metrics.received(result)
    result
  }

  private def batch(array: Long): ColumnarBatch = {
    if (ArrowArrayStruct.children(array) != outputTypes.length) {
      throw new BeringiaException(
        ErrorCode.PROTOCOL,
        s"a result has ${ArrowArrayStruct.children(array)} columns instead of ${outputTypes.length}"
      )
    }
    val offset = ArrowArrayStruct.offset(array)
    val columns = outputTypes.zipWithIndex.map { case (dataType, i) =>
      ResultVector.of(dataType, ArrowArrayStruct.child(array, i), offset): ColumnVector
    }
    new ColumnarBatch(columns.toArray, Math.toIntExact(ArrowArrayStruct.length(array)))
  }

  /** Gives everything back, once. */
  private def free(): Unit = {
    val parts = Seq[AutoCloseable](given, ready, job, writer).filter(_ != null)
    given = null
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

object BatchIterator {
  private val MaxInFlight = 2
  private val StepMillis = 100L
}
