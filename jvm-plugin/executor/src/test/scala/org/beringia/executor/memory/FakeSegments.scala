// Plain off-heap memory in the place of shared segments, filled with rubbish as recycled ones are.
package org.beringia.executor.memory

import scala.collection.mutable.ArrayBuffer

import org.apache.spark.unsafe.Platform

final class FakeSegments extends SegmentSource with AutoCloseable {
  private val blocks = ArrayBuffer.empty[Long]

  /** Sizes asked for, in order. */
  val sizes: ArrayBuffer[Long] = ArrayBuffer.empty

  override def allocate(bytes: Long): Long = {
    val block = Platform.allocateMemory(bytes + Arena.Alignment)
    Platform.setMemory(block, 0x5a.toByte, bytes + Arena.Alignment)
    blocks += block
    sizes += bytes
    Arena.aligned(block)
  }

  override def close(): Unit = {
    blocks.foreach(Platform.freeMemory)
    blocks.clear()
  }
}
