package org.beringia.spark

import java.util.concurrent.{CountDownLatch, TimeUnit}

import scala.collection.mutable.ArrayBuffer

import org.apache.spark.{TaskContext, TaskKilledException}
import org.apache.spark.sql.beringia.TaskContexts
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.AttributeReference
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.spark.columns.{BatchLimits, FakeSegments, InputColumn}
import org.junit.{After, Test}
import org.junit.Assert._

/** The iterator's rules, with a job that gives every batch's keys back as its result. */
class BatchIteratorTest {

  final private class EchoJob extends BatchJob {
    val segments = new FakeSegments
    val submitted: ArrayBuffer[Long] = ArrayBuffer.empty // groups of each batch
    private val waiting = scala.collection.mutable.Queue.empty[(Long, Long)]
    @volatile var silent = false
    @volatile var closed = 0
    @volatile var inside = false
    val entered = new CountDownLatch(1)

    override def allocate(bytes: Long): Long = segments.allocate(bytes)

    override def submit(batch: ArrowArrayStruct): Unit = {
      val array = batch.address
      waiting.enqueue((
        ArrowArrayStruct.length(array),
        ArrowArrayStruct.buffer(ArrowArrayStruct.child(array, 0), 1)
      ))
      assertTrue("two in flight at most", waiting.length <= 2)
      submitted += ArrowArrayStruct.length(array)
    }

    override def next(timeoutMillis: Long, result: JobResult): Boolean = {
      inside = true
      entered.countDown()
      try
        if (silent) {
          Thread.sleep(timeoutMillis)
          false
        } else {
          val (groups, keys) = waiting.dequeue()
          val to = result.array
          // A struct of one int column: the root has a child, the child two buffers.
          val block = segments.allocate(256)
          Platform.setMemory(block, 0, 256)
          Platform.putLong(null, to, groups)
          Platform.putLong(null, to + 32, 1)
          Platform.putLong(null, to + 48, block)
          Platform.putLong(null, block, block + 64)
          val child = block + 64
          Platform.putLong(null, child, groups)
          Platform.putLong(null, child + 24, 2)
          Platform.putLong(null, child + 40, block + 160)
          Platform.putLong(null, block + 168, keys)
          true
        }
      finally inside = false
    }

    override def close(): Unit = {
      assertFalse("nobody may be inside", inside)
      closed += 1
      segments.close()
    }
  }

  private val job = new EchoJob
  private val context: TaskContext = TaskContexts.empty()

  @After def end(): Unit = TaskContexts.complete(context)

  private val schema = Seq(AttributeReference("k", IntegerType)(), AttributeReference("x", DoubleType)())

  private def task(limits: BatchLimits) = new NumpyMapTask(
    Seq(InputColumn("k", IntegerType, 0)),
    Seq(InputColumn("x", DoubleType, 1)),
    Nil,
    Per.Group,
    schema,
    new ShippedFunction("{}", Array.emptyByteArray, None),
    Map.empty,
    limits,
    JobMetrics.of(JobMetrics.create(TestSession.spark.sparkContext))
  ) {
    override def open(context: TaskContext): BatchJob = job
  }

  private def iterator(rows: Iterator[InternalRow], batchBytes: Long = 1024): BatchIterator =
    new BatchIterator(task(BatchLimits(batchBytes, 1 << 20)), rows, context)

  /** Two rows of each key. */
  private def rows(keys: Int): Iterator[InternalRow] =
    (0 until 2 * keys).iterator.map(i => InternalRow(i / 2, i.toDouble))

  @Test def everyGroupComesBackInOrder(): Unit = {
    val it = iterator(rows(1000))
    val keys = it.flatMap(batch => (0 until batch.numRows).map(batch.column(0).getInt)).toList
    assertEquals((0 until 1000).toList, keys)
    assertTrue(job.submitted.length > 10)
    assertEquals("closed as soon as all is handed out", 1, job.closed)
    assertFalse(it.hasNext)
  }

  @Test def anEmptyPartitionOpensNoJob(): Unit = {
    assertFalse(iterator(Iterator.empty).hasNext)
    assertEquals(0, job.closed)
  }

  @Test def theChildIsPulledOnlyWhenAsked(): Unit = {
    var pulled = 0
    val it = iterator(rows(1000).map { row => pulled += 1; row })
    assertEquals(0, pulled)
    assertTrue(it.hasNext)
    val first = pulled
    assertTrue(first > 0 && first < 2000)
    assertTrue(it.hasNext)
    assertEquals(first, pulled)
  }

  @Test def anEndedTaskEndsTheWait(): Unit = {
    job.silent = true
    val it = iterator(rows(10))
    var thrown: Throwable = null
    val reader = new Thread(() =>
      try it.hasNext: Unit
      catch { case e: Throwable => thrown = e }
    )
    reader.start()
    assertTrue(job.entered.await(10, TimeUnit.SECONDS))
    // From another thread than the one that is inside: waits until it has left.
    TaskContexts.complete(context)
    assertEquals(1, job.closed)
    reader.join(10000)
    assertTrue(String.valueOf(thrown), thrown.isInstanceOf[TaskKilledException])
    assertThrows(classOf[TaskKilledException], () => it.hasNext: Unit)
    it.close()
    assertEquals(1, job.closed)
  }

  @Test def aCancelledTaskEndsTheWait(): Unit = {
    job.silent = true
    val it = iterator(rows(10))
    TaskContexts.interruptSoon(context, job.entered)
    assertThrows(classOf[TaskKilledException], () => it.hasNext: Unit): Unit
  }

  @Test def anInterruptIsNoticedAndKept(): Unit = {
    Thread.currentThread.interrupt()
    assertThrows(classOf[TaskKilledException], () => iterator(rows(10)).hasNext: Unit)
    assertTrue(Thread.interrupted())
  }

  @Test def aFailingChildFailsTheCallAndTheJobIsClosedAtTheEnd(): Unit = {
    val it = iterator(rows(10) ++ Iterator.continually(throw new IllegalStateException("child")))
    assertThrows(classOf[IllegalStateException], () => it.foreach(_ => ()))
    assertEquals(0, job.closed)
    TaskContexts.complete(context)
    assertEquals(1, job.closed)
  }
}
