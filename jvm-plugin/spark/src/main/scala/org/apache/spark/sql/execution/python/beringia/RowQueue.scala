// Rows of one task that wait, first in and first out: in pages of the task's memory, and in files where that has no room.
// Spark's own queue differs between its versions. It lives in Spark's package to reach what is private to it.
package org.apache.spark.sql.execution.python.beringia

import java.io._
import java.util.ArrayDeque

import org.apache.spark.SparkEnv
import org.apache.spark.memory.{MemoryConsumer, SparkOutOfMemoryError, TaskMemoryManager}
import org.apache.spark.serializer.SerializerManager
import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.memory.MemoryBlock

/** A row that is removed may be read until the next one is. */
final class RowQueue(memory: TaskMemoryManager, fields: Int)
    extends MemoryConsumer(memory, RowQueue.PageBytes, memory.getTungstenMemoryMode)
    with AutoCloseable {
  import RowQueue._

  private[this] val parts = new ArrayDeque[Part] // the first is read, the last is written to
  private[this] val row = new UnsafeRow(fields)

  def add(row: UnsafeRow): Unit =
    if (parts.isEmpty || !parts.getLast.add(row)) {
      parts.addLast(newPart(PrefixBytes + row.getSizeInBytes))
      parts.getLast.add(row): Unit
    }

  /** The row that was added first, of those that were not removed. */
  def remove(): UnsafeRow = {
    while (!parts.getFirst.remove(row)) parts.removeFirst().close()
    row
  }

  override def close(): Unit = while (!parts.isEmpty) parts.removeFirst().close()

  /** What is here is needed soon: it is not written to disk for others to have its memory. */
  override def spill(size: Long, trigger: MemoryConsumer): Long = 0

  private def newPart(bytes: Long): Part =
    try new Page(allocatePage(bytes), freePage(_))
    catch {
      case _: SparkOutOfMemoryError => new Spilled(SparkEnv.get)
    }
}

object RowQueue {
  private val PageBytes = 1L << 20
  private val PrefixBytes = 8L // of a row in a page: its size

  private trait Part {

    /** Adds a row, if there is room. */
    def add(row: UnsafeRow): Boolean

    /** Points `row` to the next one, if there is one. */
    def remove(row: UnsafeRow): Boolean

    def close(): Unit
  }

  private final class Page(page: MemoryBlock, free: MemoryBlock => Unit) extends Part {
    private[this] val base = page.getBaseObject
    private[this] val end = page.getBaseOffset + page.size
    private[this] var written = page.getBaseOffset
    private[this] var read = page.getBaseOffset

    override def add(row: UnsafeRow): Boolean = {
      val size = row.getSizeInBytes.toLong
      val fits = written + PrefixBytes + size <= end
      if (fits) {
        Platform.putLong(base, written, size)
        Platform.copyMemory(row.getBaseObject, row.getBaseOffset, base, written + PrefixBytes, size)
        written += PrefixBytes + size
      }
      fits
    }

    override def remove(row: UnsafeRow): Boolean = {
      val there = read < written
      if (there) {
        val size = Platform.getLong(base, read)
        row.pointTo(base, read + PrefixBytes, size.toInt)
        read += PrefixBytes + size
      }
      there
    }

    override def close(): Unit = free(page)
  }

  /** A file, which is written to until it is read. */
  private final class Spilled(env: SparkEnv) extends Part {
    private[this] val serializer: SerializerManager = env.serializerManager
    private[this] val file =
      File.createTempFile("rows", "", env.blockManager.diskBlockManager.localDirs.head)
    private[this] val out = new DataOutputStream(
      new BufferedOutputStream(serializer.wrapForEncryption(new FileOutputStream(file)))
    )
    private[this] var in: DataInputStream = _
    private[this] val buffer = new Array[Byte](8192)
    private[this] var left = 0L // rows that are not read

    override def add(row: UnsafeRow): Boolean = {
      val fits = in == null
      if (fits) {
        out.writeInt(row.getSizeInBytes)
        row.writeToStream(out, buffer)
        left += 1
      }
      fits
    }

    override def remove(row: UnsafeRow): Boolean = {
      if (in == null) {
        out.close()
        in = new DataInputStream(
          new BufferedInputStream(serializer.wrapForEncryption(new FileInputStream(file)))
        )
      }
      val there = left > 0
      if (there) {
        val bytes = new Array[Byte](in.readInt())
        in.readFully(bytes)
        row.pointTo(bytes, bytes.length)
        left -= 1
      }
      there
    }

    override def close(): Unit =
      try if (in == null) out.close() else in.close()
      finally file.delete(): Unit
  }
}
