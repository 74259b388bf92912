package org.beringia.spark.accelerate

import org.apache.spark.beringia.TaskContexts
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.JobResult
import org.beringia.executor.ShippedFunction
import org.beringia.executor.memory.BatchLimits
import org.beringia.spark.{Input, JobMetrics, TaskTerms, TestSession}
import org.junit.Assert._
import org.junit.Test

class PulledBatchesTest {

  @Test def aResultWithoutRowsIsRefused(): Unit = {
    val metrics = new JobMetrics(JobMetrics.created(TestSession.spark.sparkContext))
    val terms = TaskTerms(Map.empty, BatchLimits(1 << 20, 1 << 20), metrics)
    val function = new ShippedFunction("{}", Array.emptyByteArray, None)
    val task = new PullingTask(None, Nil, Nil, 10, Nil, function, terms)
    val batches = task.source(Input.Rows(Iterator.empty), TaskContexts.empty())
    val result = new JobResult
    try {
      val error = assertThrows(classOf[BeringiaException], () => batches.received(result, 0))
      assertEquals(ErrorCode.PROTOCOL, error.getErrorCode)
    } finally result.close()
  }
}
