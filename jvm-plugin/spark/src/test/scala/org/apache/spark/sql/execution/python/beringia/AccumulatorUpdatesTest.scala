package org.apache.spark.sql.execution.python.beringia

import java.nio.ByteBuffer

import scala.collection.JavaConverters._

import org.apache.spark.util.CollectionAccumulator
import org.junit.Assert._
import org.junit.Test

class AccumulatorUpdatesTest {
  private val accumulator = new CollectionAccumulator[Array[Byte]]
  private val updates = new AccumulatorUpdates(accumulator)

  /** What a worker says: who added, and each update behind its length. */
  private def said(adder: Long, texts: String*): Array[Byte] = {
    val buffer = ByteBuffer.allocate(8 + texts.map(4 + _.length).sum).putLong(adder)
    texts.foreach(text => buffer.putInt(text.length).put(text.getBytes))
    buffer.array
  }

  private def added: Seq[String] = accumulator.value.asScala.map(new String(_)).toSeq

  @Test def theLastThatWasSaidIsAddedAtTheEnd(): Unit = {
    updates.take(said(7, "a 1", "b 0"))
    updates.take(said(7, "a 2", "b 10"))
    assertEquals(Nil, added)
    updates.ended()
    assertEquals(Seq("a 2", "b 10"), added)
  }

  @Test def whatALostWorkerAddedCountsBesideWhatAnotherDid(): Unit = {
    updates.take(said(7, "a 1"))
    updates.take(said(7, "a 2"))
    updates.take(said(-1, "a 5"))
    updates.ended()
    assertEquals(Seq("a 2", "a 5"), added)
  }

  @Test def whereNothingWasSaidNothingIsAdded(): Unit = {
    updates.ended()
    assertEquals(Nil, added)
  }
}
