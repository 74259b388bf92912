// A job that gives the first column of every batch back as its result, unless it is told to be silent or to fail.
package org.beringia.executor

import java.util.concurrent.CountDownLatch

import scala.collection.mutable

import org.apache.spark.unsafe.Platform
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.executor.memory.FakeSegments
import org.junit.Assert._

final class EchoJob extends BatchJob {
  private val segments = new FakeSegments
  private val waiting = mutable.Queue.empty[(Long, Long)]
  @volatile private var inside = false

  /** Groups of each batch. */
  val submitted: mutable.ArrayBuffer[Long] = mutable.ArrayBuffer.empty
  @volatile var room = 2
  @volatile var silent = false
  var onSilence: () => Unit = () => ()
  @volatile var failure: Option[RuntimeException] = None
  @volatile var closed = 0
  var onClose: () => Unit = () => ()
  val entered = new CountDownLatch(1)

  override def allocate(bytes: Long): Long = segments.allocate(bytes)

  override def submit(batch: ArrowArrayStruct): Unit = {
    val array = batch.address
    waiting.enqueue((
      ArrowArrayStruct.length(array),
      ArrowArrayStruct.buffer(ArrowArrayStruct.child(array, 0), 1)
    ))
    assertTrue("no more than there is room for", waiting.length <= room)
    submitted += ArrowArrayStruct.length(array)
  }

  override def hasRoom: Boolean = waiting.length < room

  override def next(timeoutMillis: Long, result: JobResult): Boolean = {
    inside = true
    entered.countDown()
    try {
      failure.foreach(e => throw e)
      if (silent) {
        Thread.sleep(timeoutMillis)
        onSilence()
        false
      } else {
        val (groups, keys) = waiting.dequeue()
        val to = result.array
        // A struct of one column: the root has a child, the child two buffers.
        val block = segments.allocate(256)
        Platform.setMemory(block, 0, 256)
        Platform.putLong(null, to, groups)
        Platform.putLong(null, to + 32, 1)
        Platform.putLong(null, to + 48, block)
        Platform.putLong(null, block, block + 64)
        val child = block + 64
        Platform.putLong(null, child, groups)
        Platform.putLong(null, child + 24, 2)
        Platform.putLong(null, child + 40, block + 160)
        Platform.putLong(null, block + 168, keys)
        true
      }
    } finally inside = false
  }

  override def close(): Unit = {
    assertFalse("nobody may be inside", inside)
    closed += 1
    segments.close()
    onClose()
  }
}
