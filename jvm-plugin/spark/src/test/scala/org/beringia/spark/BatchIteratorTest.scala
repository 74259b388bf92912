package org.beringia.spark

import java.util.concurrent.TimeUnit

import org.apache.spark.{TaskContext, TaskKilledException}
import org.apache.spark.beringia.TaskContexts
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.AttributeReference
import org.apache.spark.sql.types._
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.{BatchJob, EchoJob, ShippedFunction}
import org.beringia.executor.memory.BatchLimits
import org.beringia.spark.accelerate.AcceleratedBatches
import org.beringia.spark.columns.InputColumn
import org.junit.{After, Test}
import org.junit.Assert._

/** The iterator on a whole pipeline, with a job that gives every batch's keys back as its result. */
class BatchIteratorTest {

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
    TaskTerms(Map.empty, limits, new JobMetrics(JobMetrics.created(TestSession.spark.sparkContext)))
  ) {
    override def open(context: TaskContext): BatchJob = job
  }

  private def iterator(rows: Iterator[InternalRow], batchBytes: Long = 1024): BatchIterator = {
    val made = task(BatchLimits(batchBytes, 1 << 20))
    new BatchIterator(made, made.source(Input.Rows(rows), context), context)
  }

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

  @Test def aBatchMayBeReadUntilTheNextOneIsAskedFor(): Unit = {
    val it = iterator(rows(1000))
    val first = it.next()
    assertTrue(it.hasNext)
    assertEquals(0, first.column(0).getInt(0))
    assertEquals(first.numRows, it.next().column(0).getInt(0))
  }

  @Test def aFailureOfTheChildStaysTheChilds(): Unit = {
    val raised =
      new BeringiaException(ErrorCode.FUNCTION_RAISED.number, "raised", null, "its traceback", null)
    val childs = new NumpyMapException(raised)
    val made = task(BatchLimits(1024, 1 << 20))
    val source = made.source(Input.Rows(rows(10) ++ Iterator.continually(throw childs)), context)
    val it = new BatchIterator(made, source, context, AcceleratedBatches.thrown)
    assertSame(childs, assertThrows(classOf[RuntimeException], () => it.foreach(_ => ())))
  }

  @Test def aFailingChildFailsTheCallAndTheJobIsClosedAtTheEnd(): Unit = {
    val it = iterator(rows(10) ++ Iterator.continually(throw new IllegalStateException("child")))
    assertThrows(classOf[IllegalStateException], () => it.foreach(_ => ()))
    assertEquals(0, job.closed)
    TaskContexts.complete(context)
    assertEquals(1, job.closed)
  }
}
