// A task's share of Spark's memory, and bytes of it, of which there are more and more. Where Spark has none left
// it says so.
package org.beringia.spark.exchange

import org.apache.spark.TaskContext
import org.apache.spark.beringia.ExecutorInternals
import org.apache.spark.memory.{
  MemoryConsumer,
  MemoryMode,
  SparkOutOfMemoryError,
  TaskMemoryManager,
  TooLargePageException
}
import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.array.LongArray

/** What is taken cannot be spilled, so that it never is more than half of what the task can have. */
final class TaskMemory(task: TaskMemoryManager, mode: MemoryMode)
    extends MemoryConsumer(task, task.pageSizeBytes, mode) {

  override def spill(size: Long, trigger: MemoryConsumer): Long = 0

  /** An array of `bytes`, if as much as is taken then is left for the rest of the task. */
  def allocate(bytes: Long): Option[LongArray] =
    try {
      val array = allocateArray((bytes + 7) / 8)
      if (leavesAsMuch) Some(array)
      else {
        freeArray(array)
        None
      }
    } catch {
      case _: SparkOutOfMemoryError | _: TooLargePageException => None
    }

  /** Calls `work`, which takes `bytes` for as long as it runs; none where there is no memory for it. */
  def within[T](bytes: Long)(work: => T): Option[T] = {
    val granted = acquireMemory(bytes)
    try {
      if (granted == bytes) Some(work) else None
    } finally freeMemory(granted)
  }

  /** Counts up to `bytes` that are taken elsewhere; returns how many. */
  def upTo(bytes: Long): Long = acquireMemory(bytes)

  private def leavesAsMuch: Boolean = {
    val taken = getUsed
    val left = acquireMemory(taken)
    freeMemory(left)
    left == taken
  }
}

object TaskMemory {

  /** Where Spark has its sorts' rows: on the heap, or off it. */
  def ofSorts(context: TaskContext): TaskMemory = {
    val task = managerOf(context)
    new TaskMemory(task, task.getTungstenMemoryMode)
  }

  def onHeap(context: TaskContext): TaskMemory = new TaskMemory(managerOf(context), MemoryMode.ON_HEAP)

  private def managerOf(context: TaskContext): TaskMemoryManager =
    ExecutorInternals.memory(context).getOrElse(throw new IllegalStateException("no task runs here"))
}

final class TaskBytes(memory: TaskMemory) {
  private[this] var array: LongArray = _
  private[this] var end = 0L

  def used: Long = end

  /** Where the bytes begin. */
  def place: Place = at(0)

  /** Sees to it that `bytes` more have room; false where there is no memory for them. */
  def reserve(bytes: Long): Boolean = end + bytes <= capacity || {
    val larger = memory.allocate(math.max(2 * capacity, end + bytes))
    larger.foreach { to =>
      val from = place
      Platform.copyMemory(from.base, from.at, to.getBaseObject, to.getBaseOffset, end)
      if (array != null) memory.freeArray(array)
      array = to
    }
    larger.isDefined
  }

  /** Room for `bytes` more, which are reserved: where they go. */
  def advance(bytes: Long): Place = {
    val to = at(end)
    end += bytes
    to
  }

  def append(from: Place, bytes: Long): Unit = {
    val to = advance(bytes)
    Platform.copyMemory(from.base, from.at, to.base, to.at, bytes)
  }

  def appendZeros(bytes: Long): Unit = {
    val to = advance(bytes)
    Platform.setMemory(to.base, to.at, bytes, 0.toByte)
  }

  def release(): Unit = {
    if (array != null) memory.freeArray(array)
    array = null
    end = 0
  }

  private def capacity: Long = if (array == null) 0 else 8 * array.size

  private def at(offset: Long): Place =
    if (array == null) Place(null, 0) else Place(array.getBaseObject, array.getBaseOffset + offset)
}
