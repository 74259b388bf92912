package org.beringia.executor

import java.util.concurrent.TimeUnit

import scala.collection.mutable
import scala.collection.mutable.ArrayBuffer

import org.apache.spark.{TaskContext, TaskKilledException}
import org.apache.spark.beringia.TaskContexts
import org.apache.spark.unsafe.Platform
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.{ArrowArrayStruct, ArrowField, JobResult}
import org.beringia.executor.memory.{Arena, SegmentSource, SharedBuffer}
import org.junit.{After, Test}
import org.junit.Assert._

/** The life of a pipeline: groups are numbers, and every batch comes back as it went. */
class TaskPipelineTest {
  private val PerBatch = 10

  private val job = new EchoJob
  private val context: TaskContext = TaskContexts.empty()
  private val events = ArrayBuffer.empty[String]

  @After def end(): Unit = TaskContexts.complete(context)

  private class Numbers(numbers: Iterator[Int]) extends BatchSource {
    private val array = new ArrowArrayStruct(ArrowField.struct("", ArrowField.of("n", "l")))
    private var arena: Arena = _
    private var values: SharedBuffer = _
    private var count = 0L

    override def hasGroup: Boolean = numbers.hasNext
    override def open(): BatchJob = { events += "open"; job }

    override def attach(segments: SegmentSource): Unit = {
      arena = new Arena(segments)
      values = new SharedBuffer(arena, 64)
    }

    override def begin(): Unit = {
      arena.begin(1)
      count = 0
    }

    override def writeGroup(): Boolean = {
      values.appendLong(numbers.next().toLong)
      count += 1
      count == PerBatch
    }

    override def finish(): ArrowArrayStruct = {
      array.root.setLength(count, 0)
      array.root.setBuffer(0, 0)
      array.root.child(0).setLength(count, 0)
      array.root.child(0).setBuffer(0, 0)
      array.root.child(0).setBuffer(1, values.address)
      array
    }

    override def named(error: BeringiaException) =
      new BeringiaException(error.getErrorCode, s"named: ${error.getMessage}", error)

    override def filled(nanos: Long): Unit = events += "filled"
    override def submitted(): Unit = events += "submitted"
    override def received(result: JobResult, nanos: Long): Unit = events += "received"
    override def ended(): Unit = events += "ended"

    override def close(): Unit = {
      events += "source closed"
      array.close()
    }
  }

  private def pipeline(numbers: Iterator[Int], context: TaskContext = context): TaskPipeline =
    new TaskPipeline(new Numbers(numbers), context)

  private def advance(pipeline: TaskPipeline): JobResult = pipeline.inside(pipeline.advance())

  private def values(result: JobResult): Seq[Long] = {
    val column = ArrowArrayStruct.child(result.array, 0)
    val start = ArrowArrayStruct.buffer(column, 1)
    (0L until ArrowArrayStruct.length(column)).map(i => Platform.getLong(null, start + 8 * i))
  }

  private def isClosed(result: JobResult): Boolean =
    try { result.array; false }
    catch { case _: IllegalStateException => true }

  private def assertKilled(action: => Any): Unit =
    assertThrows(classOf[TaskKilledException], () => action: Unit): Unit

  @Test def batchesAreFilledWhileTheJobHasRoomAlsoWhileOneIsAwaited(): Unit = {
    val all = pipeline(Iterator.range(0, 100))
    job.room = 3
    job.silent = true
    job.onSilence = () => {
      assertEquals(3, job.submitted.length)
      job.room = 5
      job.silent = false
    }
    assertEquals(0L until 10, values(advance(all)))
    assertEquals(5, job.submitted.length)
    (1 until 10).foreach(batch => assertEquals(10L * batch until 10L * batch + 10, values(advance(all))))
    assertNull(advance(all))
  }

  @Test def resultsComeInTheOrderOfTheirBatchesAndAllIsFreedAtTheEnd(): Unit = {
    val running = pipeline((0 until 95).iterator)
    val results = Iterator.continually(advance(running)).takeWhile(_ != null)
    val seen = results.flatMap { result =>
      val found = values(result)
      running.inside(running.release(result))
      found
    }.toList
    assertEquals((0 until 95).toList, seen)
    assertEquals(Seq.fill(9)(10L) :+ 5L, job.submitted)
    assertEquals("closed as soon as all is given out", 1, job.closed)
    assertNull("and stays at its end", advance(running))
    TaskContexts.complete(context)
    assertNull(advance(running))
    assertEquals(1, job.closed)
    assertEquals(1, events.count(_ == "ended"))
    assertEquals(1, events.count(_ == "source closed"))
  }

  @Test def aResultMayBringGroupsWhereThereWereNone(): Unit = {
    val numbers = mutable.Queue(0)
    val running = new TaskPipeline(
      new Numbers(Iterator.continually(numbers.dequeue())) {
        override def hasGroup: Boolean = numbers.nonEmpty
        override def goesOn: Boolean = true
        override def received(result: JobResult, nanos: Long): Unit =
          if (values(result).head < 3) numbers += values(result).head.toInt + 1
      },
      context
    )
    (0L to 3L).foreach(number => assertEquals(Seq(number), values(advance(running))))
    assertNull(advance(running))
    assertEquals(1, job.closed)
  }

  @Test def withoutAGroupThereIsNoJob(): Unit = {
    assertNull(advance(pipeline(Iterator.empty)))
    assertEquals(0, job.closed)
    assertEquals(Seq("filled", "ended", "source closed"), events)
  }

  @Test def theChildIsPulledOnlyWhenAsked(): Unit = {
    var pulled = 0
    val running = pipeline((0 until 100).iterator.map { i => pulled += 1; i })
    assertEquals(0, pulled)
    advance(running)
    assertEquals(2 * PerBatch, pulled)
    assertEquals(Seq("open", "submitted", "filled", "submitted", "filled", "received"), events)
  }

  @Test def resultsMayBeReadUntilTheyAreGivenBack(): Unit = {
    val running = pipeline((0 until 30).iterator)
    val first = advance(running)
    val second = advance(running)
    assertEquals((0L until 10L), values(first))
    running.inside(running.release(first))
    assertTrue(isClosed(first))
    assertEquals((10L until 20L), values(second))
    var closedBeforeTheJob = false
    job.onClose = () => closedBeforeTheJob = isClosed(second) && !events.contains("source closed")
    running.close()
    assertTrue("results, then the job, then the source", closedBeforeTheJob)
    assertEquals("source closed", events.last)
  }

  @Test def anEndedTaskEndsTheWait(): Unit = {
    job.silent = true
    val running = pipeline((0 until 10).iterator)
    endsTheWait(running)(TaskContexts.complete(context))
  }

  @Test def withoutATaskClosingEndsTheWait(): Unit = {
    job.silent = true
    val running = pipeline((0 until 10).iterator, null)
    endsTheWait(running)(running.close())
  }

  private def endsTheWait(running: TaskPipeline)(end: => Unit): Unit = {
    var thrown: Throwable = null
    val reader = new Thread(() =>
      try advance(running): Unit
      catch { case e: Throwable => thrown = e }
    )
    reader.start()
    assertTrue(job.entered.await(10, TimeUnit.SECONDS))
    // From another thread than the one that is inside: waits until it has left.
    end
    assertEquals(1, job.closed)
    reader.join(10000)
    assertTrue(String.valueOf(thrown), thrown.isInstanceOf[TaskKilledException])
    assertKilled(advance(running))
    running.close()
    assertEquals(1, job.closed)
  }

  @Test def aCancelledTaskEndsTheWait(): Unit = {
    job.silent = true
    val running = pipeline((0 until 10).iterator)
    TaskContexts.interruptSoon(context, job.entered)
    assertKilled(advance(running))
  }

  @Test def anInterruptIsNoticedAndKept(): Unit = {
    Thread.currentThread.interrupt()
    assertKilled(advance(pipeline((0 until 10).iterator)))
    assertTrue(Thread.interrupted())
  }

  @Test def aClosedPipelineDoesNotLookLikeOneAtItsEnd(): Unit = {
    val running = pipeline((0 until 100).iterator)
    advance(running)
    running.close()
    assertKilled(advance(running))
  }

  @Test def aTaskThatHasEndedAlreadyRunsNothing(): Unit = {
    TaskContexts.complete(context)
    assertKilled(advance(pipeline((0 until 10).iterator)))
    assertEquals(Seq("source closed"), events)
  }

  @Test def aFailingChildFailsTheCallAndTheJobIsClosedAtTheEnd(): Unit = {
    val running =
      pipeline((0 until 25).iterator ++ Iterator.continually(throw new IllegalStateException("child")))
    advance(running)
    assertThrows(classOf[IllegalStateException], () => advance(running): Unit)
    assertEquals(0, job.closed)
    TaskContexts.complete(context)
    assertEquals(1, job.closed)
  }

  @Test def anErrorOfABatchIsNamedByTheEngine(): Unit = {
    job.failure = Some(new BeringiaException(ErrorCode.WORKER_DIED, "gone"))
    val error = assertThrows(
      classOf[BeringiaException],
      () => advance(pipeline((0 until 10).iterator)): Unit
    )
    assertEquals("named: gone", error.getMessage)
    assertEquals(ErrorCode.WORKER_DIED, error.getErrorCode)
  }

  @Test def whatFailsToCloseKeepsNothingElseOpen(): Unit = {
    job.onClose = () => throw new IllegalStateException("close")
    val running = pipeline((0 until 10).iterator, null)
    advance(running)
    assertThrows(classOf[IllegalStateException], () => running.close())
    assertEquals("source closed", events.last)
  }
}
