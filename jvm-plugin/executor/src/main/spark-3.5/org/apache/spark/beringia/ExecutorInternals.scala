// What a task needs of Spark 3.5 beyond its public interface, and nothing else: the file to write anew for another
// line of Spark, with its sibling SparkInternals of the Spark plugin. It lives in Spark's package to reach what is
// private to it.
package org.apache.spark.beringia

import scala.util.Try

import org.apache.spark.{SparkEnv, TaskContext}
import org.apache.spark.internal.config
import org.apache.spark.memory.TaskMemoryManager
import org.apache.spark.util.ShutdownHookManager
import org.apache.spark.util.collection.unsafe.sort.{PrefixComparator, RecordComparator, UnsafeExternalSorter}

object ExecutorInternals {

  /** The memory of the task, if there is a task. */
  def memory(context: TaskContext): Option[TaskMemoryManager] =
    Option(context).flatMap(context => Option(context.taskMemoryManager()))

  /**
   * A sorter of records that are bytes, in the task's share of memory, and on disk where that does not suffice. Its
   * task's end frees it.
   *
   * @param radix whether prefixes say all of the order: then memory is sorted by them alone
   */
  def sorter(
      context: TaskContext,
      comparator: RecordComparator,
      prefixes: PrefixComparator,
      radix: Boolean
  ): UnsafeExternalSorter = {
    val env = SparkEnv.get
    val memory = context.taskMemoryManager()
    UnsafeExternalSorter.create(
      memory,
      env.blockManager,
      env.serializerManager,
      context,
      () => comparator,
      prefixes,
      env.conf.get(config.SHUFFLE_SORT_INIT_BUFFER_SIZE).toInt,
      memory.pageSizeBytes,
      env.conf.get(config.SHUFFLE_SPILL_NUM_ELEMENTS_FORCE_SPILL_THRESHOLD),
      radix
    )
  }

  /** Runs `action` when the JVM shuts down, after Spark has stopped its contexts. */
  def onShutdown(action: () => Unit): Unit = {
    val afterContexts = ShutdownHookManager.SPARK_CONTEXT_SHUTDOWN_PRIORITY - 10
    // While the JVM shuts down no hook can be added, and none is needed.
    Try(ShutdownHookManager.addShutdownHook(afterContexts)(action)): Unit
  }
}
