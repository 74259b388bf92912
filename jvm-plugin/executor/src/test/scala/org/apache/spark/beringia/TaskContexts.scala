// Task contexts for tests, which Spark keeps to itself.
package org.apache.spark.beringia

import java.util.concurrent.CountDownLatch

import org.apache.spark.{SparkConf, TaskContext, TaskContextImpl}
import org.apache.spark.memory.{TaskMemoryManager, UnifiedMemoryManager}

object TaskContexts {
  def empty(): TaskContext = TaskContext.empty()

  /** The memory of a task of an executor with so much of it outside the heap; with none it is on the heap. */
  def memory(offHeap: Long): TaskMemoryManager = {
    val conf = new SparkConf(false)
      .set("spark.memory.offHeap.enabled", (offHeap > 0).toString)
      .set("spark.memory.offHeap.size", offHeap.toString)
    new TaskMemoryManager(UnifiedMemoryManager(conf, 1), 0)
  }

  def complete(context: TaskContext): Unit = context.asInstanceOf[TaskContextImpl].markTaskCompleted(None)

  /** Marks the task as cancelled, from another thread, when the latch is down. */
  def interruptSoon(context: TaskContext, latch: CountDownLatch): Unit = new Thread(() => {
    latch.await()
    context.asInstanceOf[TaskContextImpl].markInterrupted("cancelled")
  }).start()
}
