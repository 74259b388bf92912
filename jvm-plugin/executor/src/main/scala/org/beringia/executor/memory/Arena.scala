// The shared memory of one batch at a time: regions cut one after another from segments. All buffers of a
// batch are opened together, sized by what the last batch used, so that in the steady state one segment holds
// the batch and nothing moves. A region is never given back before the whole batch is.
package org.beringia.executor.memory

import scala.collection.mutable.ArrayBuffer

import org.apache.spark.unsafe.Platform

final class Arena(source: SegmentSource) {
  private[this] val buffers = ArrayBuffer.empty[SharedBuffer]
  private[this] var next = 0L
  private[this] var end = 0L
  private[this] var moved = 0L

  /** Called with the bytes to come, before memory is taken for them: the place to refuse a batch that grows too large. */
  var beforeGrowth: Long => Unit = (_: Long) => ()

  /** Bytes that had to be moved to larger regions since the start. */
  def bytesMoved: Long = moved

  private[memory] def register(buffer: SharedBuffer): Unit = buffers += buffer

  /** Bytes that the batch holds so far. */
  def used: Long = {
    var sum = 0L
    var i = 0
    while (i < buffers.length) {
      sum += buffers(i).used
      i += 1
    }
    sum
  }

  /** Starts a batch that is expected to be `scale` times as large as the last one, forgetting its segments. */
  def begin(scale: Double): Unit = {
    val sizes = buffers.map(buffer => Arena.aligned(buffer.expected(scale)))
    val size = Arena.segmentSize(sizes.sum)
    next = source.allocate(size)
    end = next + size
    buffers.indices.foreach(i => buffers(i).open(cut(sizes(i)), sizes(i)))
  }

  /** A region for a buffer that comes into being within the batch. */
  private[memory] def region(bytes: Long): Long = {
    val size = Arena.aligned(bytes)
    if (end - next < size) {
      val segment = Arena.segmentSize(size)
      next = source.allocate(segment)
      end = next + segment
    }
    cut(size)
  }

  /** A region of `bytes` that starts with the `used` bytes at `from`, for `more` that the batch is to hold. */
  private[memory] def move(from: Long, used: Long, bytes: Long, more: Long): Long = {
    beforeGrowth(more)
    val to = region(bytes)
    Platform.copyMemory(null, from, null, to, used)
    moved += used
    to
  }

  private def cut(size: Long): Long = {
    val address = next
    next += size
    address
  }
}

object Arena {
  val Alignment = 64L
  private val SmallestSegment = 64L << 10

  def aligned(bytes: Long): Long = (bytes + Alignment - 1) & -Alignment

  /** Powers of two and the sizes half-way between them: few enough sizes that segments are used again. */
  def segmentSize(bytes: Long): Long = {
    val power = math.max(SmallestSegment, java.lang.Long.highestOneBit(math.max(1L, bytes - 1)) << 1)
    val between = power / 4 * 3
    if (bytes <= between && between >= SmallestSegment) between else power
  }
}
