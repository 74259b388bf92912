package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.SparkEnv
import org.apache.spark.beringia.TaskContexts
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{UnsafeProjection, UnsafeRow}
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String
import org.beringia.spark.TestSession
import org.junit.Assert._
import org.junit.Test

class RowQueueTest {
  private val project = UnsafeProjection.create(Array[DataType](LongType, StringType))

  private def row(i: Long, bytes: Int): UnsafeRow =
    project(InternalRow(i, if (i % 3 == 0) null else UTF8String.fromString("x" * bytes + i)))

  private def check(i: Long, row: UnsafeRow): Unit = {
    assertEquals(i, row.getLong(0))
    assertEquals(i % 3 == 0, row.isNullAt(1))
    if (i % 3 != 0) assertTrue(row.getUTF8String(1).toString.endsWith(s"x$i"))
  }

  /** Adds and removes rows, of which some wait; with so much memory. Returns how many files there were at most. */
  private def through(memory: Long, bytes: Int, rows: Int = 1000): Int = {
    TestSession.spark: Unit
    val folder = SparkEnv.get.blockManager.diskBlockManager.localDirs.head
    def files = folder.list().count(_.startsWith("rows"))
    val task = TaskContexts.memory(memory)
    val queue = new RowQueue(task, 2)
    var added, removed, most = 0L
    for (round <- 1 to 4) {
      for (_ <- 1 to rows * round) {
        queue.add(row(added, bytes))
        added += 1
      }
      most = math.max(most, files.toLong)
      for (_ <- 1 to rows * round * 9 / 10) {
        check(removed, queue.remove())
        removed += 1
      }
    }
    while (removed < added) {
      check(removed, queue.remove())
      removed += 1
    }
    queue.add(row(1, bytes))
    queue.close()
    assertEquals(0, files)
    assertEquals(0, task.cleanUpAllAllocatedMemory())
    most.toInt
  }

  @Test def rowsComeInTheirOrder(): Unit = assertEquals(0, through(1L << 30, 100))

  @Test def rowsThatTakeMoreThanThereIsGoToFiles(): Unit = assertTrue(through(3L << 20, 2000) > 0)

  @Test def aRowMayTakeMoreThanAPage(): Unit = assertEquals(0, through(1L << 30, 2 << 20, rows = 10))
}
