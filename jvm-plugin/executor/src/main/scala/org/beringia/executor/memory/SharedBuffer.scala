// One growing buffer of a batch, in shared memory. When it is full it moves to a region of twice the size.
// Addresses taken from it hold until the next call that makes room.
package org.beringia.executor.memory

import org.apache.spark.unsafe.Platform

/** @param initial bytes to expect in the first batch, when there is nothing to learn from */
final class SharedBuffer(arena: Arena, initial: Long) {
  private[this] var start = 0L
  private[this] var position = 0L
  private[this] var limit = 0L
  private[this] var known = false

  arena.register(this)

  def address: Long = start
  def used: Long = position - start

  /** Sees to it that `bytes` more have room. */
  def reserve(bytes: Long): Unit = if (limit - position < bytes) grow(bytes)

  /** Room for `bytes` more: where they go. */
  def advance(bytes: Long): Long = {
    reserve(bytes)
    val at = position
    position = at + bytes
    at
  }

  def appendLong(value: Long): Unit = Platform.putLong(null, advance(8), value)

  private[memory] def expected(scale: Double): Long = {
    val bytes = if (known) (used * scale).toLong else initial
    // Batches differ a little: an eighth is cheaper than a move.
    bytes + bytes / 8 + Arena.Alignment
  }

  private[memory] def open(region: Long, size: Long): Unit = {
    start = region
    position = region
    limit = region + size
    known = true
  }

  private def grow(bytes: Long): Unit = {
    val size = math.max(2 * (limit - start), Arena.aligned(used + bytes))
    val length = used
    start = arena.move(start, length, size, bytes)
    position = start + length
    limit = start + size
  }
}
