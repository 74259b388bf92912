// What a task needs of Spark's core beyond its public interface, and nothing else. It lives in Spark's package to reach
// what is private to it, and is the same for every line of Spark.
package org.apache.spark.beringia

import scala.util.Try

import org.apache.spark.{SparkContext, SparkEnv, TaskContext}
import org.apache.spark.memory.TaskMemoryManager
import org.apache.spark.util.{ShutdownHookManager, Utils}

object ExecutorInternals {

  /** The memory of the task, if there is a task. */
  def memory(context: TaskContext): Option[TaskMemoryManager] =
    Option(context).flatMap(context => Option(context.taskMemoryManager()))

  /** Host and number of this executor; none where tasks run in the driver's JVM. */
  def place: Option[String] = Option(SparkEnv.get)
    .filter(_.executorId != SparkContext.DRIVER_IDENTIFIER)
    .map(env => s"host ${Utils.localHostName()}, executor ${env.executorId}")

  /** Runs `action` when the JVM shuts down, after Spark has stopped its contexts. */
  def onShutdown(action: () => Unit): Unit = {
    val afterContexts = ShutdownHookManager.SPARK_CONTEXT_SHUTDOWN_PRIORITY - 10
    // While the JVM shuts down no hook can be added, and none is needed.
    Try(ShutdownHookManager.addShutdownHook(afterContexts)(action)): Unit
  }
}
