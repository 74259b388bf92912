// Memory of this process for batches of columns, which nobody else maps: taken once, and used again for each batch.
package org.beringia.hail.exchange

import org.apache.spark.unsafe.Platform
import org.beringia.executor.memory.SegmentSource

import scala.collection.mutable.ArrayBuffer

final class OwnMemory extends SegmentSource with AutoCloseable {
  private[this] val used = ArrayBuffer.empty[(Long, Long)] // addresses, and how many bytes each has
  private[this] val spare = ArrayBuffer.empty[(Long, Long)]

  override def allocate(bytes: Long): Long = {
    val found = spare.indexWhere { case (_, size) => size >= bytes }
    val block = if (found >= 0) spare.remove(found) else (Platform.allocateMemory(bytes), bytes)
    used += block
    block._1
  }

  /** What was allocated is needed no more. */
  def recycle(): Unit = {
    free(spare) // too small, or the last batch would have taken it
    spare ++= used
    used.clear()
  }

  override def close(): Unit = {
    free(used)
    free(spare)
  }

  private def free(blocks: ArrayBuffer[(Long, Long)]): Unit = {
    blocks.foreach { case (address, _) => Platform.freeMemory(address) }
    blocks.clear()
  }
}
