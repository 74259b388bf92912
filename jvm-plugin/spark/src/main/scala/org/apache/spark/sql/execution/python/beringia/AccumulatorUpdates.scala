// What functions add to accumulators of PySpark in one run of a task, as its own worker says it: once, at the end. A task
// that fails, or whose rows nobody wants to the last, says nothing.
package org.apache.spark.sql.execution.python.beringia

import java.io.{ByteArrayInputStream, DataInputStream}

import scala.collection.mutable

import org.apache.spark.util.CollectionAccumulator
import org.beringia.executor.Asides

/** Beside each result comes what was added so far, behind a number of who did: where a worker was lost there are two. */
final class AccumulatorUpdates(accumulator: CollectionAccumulator[Array[Byte]]) extends Asides {
  private[this] val added = mutable.LinkedHashMap.empty[Long, Array[Byte]]

  override def take(aside: Array[Byte]): Unit = {
    val stream = new DataInputStream(new ByteArrayInputStream(aside))
    added(stream.readLong()) = aside
  }

  override def ended(): Unit = added.values.foreach { aside =>
    val stream = new DataInputStream(new ByteArrayInputStream(aside))
    stream.readLong(): Unit
    while (stream.available > 0) {
      val update = new Array[Byte](stream.readInt())
      stream.readFully(update)
      accumulator.add(update)
    }
  }
}
