// Where the bytes of a block go: to an array, or to a file.
package org.beringia.hail.exchange

import java.io.{Closeable, OutputStream}

import org.apache.spark.unsafe.Platform

/** @param start where in a larger block the bytes begin, a multiple of 64 */
final class BlockSink(out: OutputStream, start: Long = 0) extends Closeable {
  private[this] val staged = new Array[Byte](BlockSink.Staged)
  private[this] var filled = 0
  private[this] var position = start

  /** Appends memory at the next multiple of 64; returns where in the block that is. */
  def append(address: Long, size: Long): Long = {
    val padding = (-position & 63).toInt
    java.util.Arrays.fill(room(padding), filled, filled + padding, 0.toByte)
    filled += padding
    val place = position + padding
    var copied = 0L
    while (copied < size) {
      if (filled == staged.length) flush()
      val part = math.min(size - copied, (staged.length - filled).toLong).toInt
      Platform.copyMemory(
        null,
        address + copied,
        staged,
        Platform.BYTE_ARRAY_OFFSET.toLong + filled,
        part.toLong
      )
      filled += part
      copied += part
    }
    position = place + size
    place
  }

  private def room(bytes: Int): Array[Byte] = {
    if (staged.length - filled < bytes) flush()
    staged
  }

  def flush(): Unit = {
    out.write(staged, 0, filled)
    filled = 0
  }

  override def close(): Unit = {
    flush()
    out.close()
  }
}

object BlockSink {
  private val Staged = 256 << 10 // what a core keeps near
}
