// Task contexts for tests, which Spark keeps to itself.
package org.apache.spark.sql.beringia

import java.util.concurrent.CountDownLatch

import org.apache.spark.{TaskContext, TaskContextImpl}

object TaskContexts {
  def empty(): TaskContext = TaskContext.empty()

  def complete(context: TaskContext): Unit = context.asInstanceOf[TaskContextImpl].markTaskCompleted(None)

  /** Marks the task as cancelled, from another thread, when the latch is down. */
  def interruptSoon(context: TaskContext, latch: CountDownLatch): Unit = new Thread(() => {
    latch.await()
    context.asInstanceOf[TaskContextImpl].markInterrupted("cancelled")
  }).start()
}
