// Spark 3.5's sorter of records that are bytes. It lives in Spark's package to reach what is private to it.
package org.apache.spark.beringia

import org.apache.spark.{SparkEnv, TaskContext}
import org.apache.spark.internal.config
import org.apache.spark.util.collection.unsafe.sort.{PrefixComparator, RecordComparator, UnsafeExternalSorter}

object RecordSorter {

  /**
   * A sorter in the task's share of memory, and on disk where that does not suffice. Its task's end frees it.
   *
   * @param radix whether prefixes say all of the order: then memory is sorted by them alone
   */
  def apply(
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
}
