package org.beringia.executor

import org.apache.spark.memory.TaskMemoryManager
import org.apache.spark.beringia.TaskContexts
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.executor.memory.FakeSegments
import org.junit.Assert._
import org.junit.Test

/** What a job's shared memory takes of the task's, with a job that answers every batch at once. */
class MeteredJobTest {

  final private class PromptJob extends BatchJob {
    private val segments = new FakeSegments
    override def allocate(bytes: Long): Long = segments.allocate(bytes)
    override def submit(batch: ArrowArrayStruct): Unit = ()
    override def hasRoom: Boolean = true
    override def next(timeoutMillis: Long, result: JobResult): Boolean = true
    override def close(): Unit = segments.close()
  }

  private val MiB = 1L << 20

  private def metered(task: TaskMemoryManager): BatchJob = MeteredJob(new PromptJob, Some(task))

  @Test def segmentsTakeOfTheTasksShareUntilTheirResultsWereRead(): Unit = {
    val task = TaskContexts.memory(64 * MiB)
    val job = metered(task)
    (1 to 20).foreach { batch =>
      job.allocate(MiB)
      job.submit(null)
      assertTrue(job.next(0, null))
      assertEquals(math.min(batch, 2) * MiB, task.getMemoryConsumptionForThisTask)
    }
    job.close()
    assertEquals(0, task.getMemoryConsumptionForThisTask)
    assertEquals(0, task.cleanUpAllAllocatedMemory())
  }

  @Test def aJobThatEndsEarlyGivesAllBack(): Unit = {
    val task = TaskContexts.memory(64 * MiB)
    val job = metered(task)
    job.allocate(MiB)
    job.submit(null)
    job.allocate(MiB)
    assertEquals(2 * MiB, task.getMemoryConsumptionForThisTask)
    job.close()
    assertEquals(0, task.getMemoryConsumptionForThisTask)
  }

  @Test def whatTheTaskHasNoMemoryForIsRefusedByNameAndNumber(): Unit = {
    val task = TaskContexts.memory(8 * MiB)
    val job = metered(task)
    job.allocate(MiB)
    val error = assertThrows(classOf[BeringiaException], () => job.allocate(64 * MiB): Unit)
    assertEquals(ErrorCode.RESOURCE, error.getErrorCode)
    assertTrue(
      error.getMessage,
      Seq("67108864", "1048576", "spark.memory.offHeap.size").forall(error.getMessage.contains)
    )
    assertEquals("what was refused is not kept", MiB, task.getMemoryConsumptionForThisTask)
    job.close()
  }

  @Test def withoutOffHeapMemoryNothingIsCounted(): Unit = {
    val task = TaskContexts.memory(0)
    val job = metered(task)
    job.allocate(MiB)
    assertEquals(0, task.getMemoryConsumptionForThisTask)
    job.close()
  }
}
