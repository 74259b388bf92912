// The life of one node within one task, whatever the engine: batches are filled with the child's groups as long as the
// job has room for more, results come in the order of their batches, and all is freed once.
//
// The child is pulled only inside hasNext and next of the engine's iterator, on whichever thread calls them: that may
// be another than the task's (a Python UDF's writer thread), and the task may end meanwhile. Hence the lock: close(),
// which the task's completion calls, first waits until nobody is inside, and whoever is inside notices within a tenth
// of a second. Closing the job quiesces its worker before shared memory is freed.
package org.beringia.executor

import java.util.concurrent.locks.ReentrantLock

import scala.collection.mutable

import org.apache.spark.{TaskContext, TaskKilledException}
import org.beringia.BeringiaException
import org.beringia.bridge.JobResult

/** @param context null where there is no task: then only [[close]] and interrupts end it */
final class TaskPipeline(source: BatchSource, context: TaskContext) extends AutoCloseable {
  import TaskPipeline._

  private[this] val lock = new ReentrantLock
  private[this] var job: BatchJob = _
  private[this] var exhausted = false // there are no more groups
  private[this] var inFlight = 0
  private[this] val held = mutable.ListBuffer.empty[JobResult] // given out, not given back
  private[this] var finished = false // all results were given out
  private[this] var freed = false
  @volatile private[this] var closed = false

  // At once, and not with the first row: listeners run in reverse order, and a Python UDF above us must have
  // stopped its writer thread by the time ours runs.
  if (context != null) context.addTaskCompletionListener[Unit](_ => close())

  /** Runs `action`, one thread at a time; throws if the task has ended or is to end. */
  def inside[T](action: => T): T = {
    lock.lock()
    try {
      if (!finished) checkAlive()
      action
    } finally lock.unlock()
  }

  /**
   * The next result, which is the caller's to [[release]]; null when there are no more: then all is freed, results that
   * were not given back too. To be called [[inside]].
   */
  def advance(): JobResult =
    try {
      fill()
      if (inFlight > 0) await()
      else {
        if (!finished) source.ended()
        finished = true
        free()
        null
      }
    } catch {
      case failure: BeringiaException => throw Located(failure)
    }

  /** Gives back a result: nothing reads it any more. To be called [[inside]]. */
  def release(result: JobResult): Unit = {
    held -= result
    result.close()
  }

  /** Ends the job, whatever its state, once nobody is inside. */
  override def close(): Unit = {
    closed = true
    lock.lock()
    try free()
    finally lock.unlock()
  }

  private def checkAlive(): Unit =
    if (
      closed || Thread.currentThread.isInterrupted ||
      (context != null && (context.isCompleted() || context.isInterrupted()))
    ) {
      throw new TaskKilledException("the task ended or was cancelled while numpy_map ran")
    }

  /** Fills batches while the job has room for them, and there are groups. */
  private def fill(): Unit =
    while (!exhausted && (job == null || job.hasRoom)) fillOne()

  /** Writes groups until the batch is full or there are no more, and submits them. */
  private def fillOne(): Unit = {
    val start = System.nanoTime
    if (!source.hasGroup) exhausted = true
    else {
      if (job == null) {
        job = source.open()
        source.attach(job)
      }
      source.begin()
      var full = false
      var more = true
      while (!full && more) {
        full = source.writeGroup()
        checkAlive()
        if (!full) more = source.hasGroup
      }
      exhausted = !more
      job.submit(source.finish())
      inFlight += 1
      source.submitted()
    }
    source.filled(System.nanoTime - start)
  }

  /** Waits for the next result, in short steps, so that the end of the task is noticed. */
  private def await(): JobResult = {
    var waited = 0L
    val result = new JobResult
    held += result
    try {
      var came = false
      while (!came) {
        val start = System.nanoTime
        came = job.next(StepMillis, result)
        waited += System.nanoTime - start
        if (!came) {
          checkAlive()
          fill() // there may be a worker more by now
        }
      }
    } catch {
      case e: Throwable =>
        release(result)
        e match {
          case failure: BeringiaException => throw source.named(failure)
          case other => throw other
        }
    }
    inFlight -= 1
    source.received(result, waited)
    if (source.goesOn) exhausted = false
    result
  }

  /** Gives everything back, once: results, then the job, then what writes to its memory. */
  private def free(): Unit = if (!freed) {
    freed = true
    closeAll(held.toList ++ Option(job) :+ source)
  }

  private def closeAll(parts: Seq[AutoCloseable]): Unit = parts match {
    case Seq(part, rest @ _*) =>
      try part.close()
      finally closeAll(rest)
    case _ => ()
  }
}

object TaskPipeline {
  private val StepMillis = 100L
}
