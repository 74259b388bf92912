// The metrics of this executor's runtime in Spark's own registry, from which its sinks (JMX, Prometheus, the page
// of metrics) take them, as they are when they are asked for.
package org.beringia.executor

import scala.collection.JavaConverters._

import com.codahale.metrics.{Gauge, Histogram, MetricRegistry, UniformReservoir, WeightedSnapshot}
import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}

object ExecutorMetrics {
  private val mapper = new ObjectMapper

  /** Names of the numbers that the native side tells: those of this moment, and those that only grow. */
  val Names: Seq[String] = Seq(
    "workers",
    "workersIdle",
    "workersStarted",
    "workersLost",
    "leases",
    "leaseWaitNanos",
    "jobsWaiting",
    "jobsFailed",
    "batches",
    "groups",
    "rows",
    "bytesIn",
    "bytesOut",
    "bytesCopied",
    "bytesMoved",
    "bytesLeased",
    "bytesIdle",
    "bytesResults",
    "workerNanos",
    "functionNanos"
  )

  def register(registry: MetricRegistry): Unit = {
    Names.foreach { name =>
      registry.register(
        name,
        new Gauge[Long] {
          override def getValue: Long = snapshot().path(name).asLong
        }
      )
    }
    registry.register("callNanos", new Calls): Unit
  }

  private def snapshot(): JsonNode = mapper.readTree(ExecutorRuntime.metrics())

  /** Calls of functions by duration: how many fell into each power of two of nanoseconds. */
  private final class Calls extends Histogram(new UniformReservoir(1)) {
    private def counts: Seq[Long] = snapshot().path("durations").elements.asScala.map(_.asLong).toSeq

    override def getCount: Long = counts.sum

    override def getSnapshot: WeightedSnapshot = {
      val samples = counts.zipWithIndex.collect {
        // A bucket counts from 2^i to 2^(i+1): its middle stands for all.
        case (count, i) if count > 0 => new WeightedSnapshot.WeightedSample(3L << i >> 1, count.toDouble)
      }
      new WeightedSnapshot(samples.asJava)
    }
  }
}
