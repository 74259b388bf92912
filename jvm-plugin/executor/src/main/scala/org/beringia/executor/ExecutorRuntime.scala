// The runtime of this executor: one per JVM, opened by the plugin or else by the first task, shared by all.
package org.beringia.executor

import org.apache.spark.SparkEnv
import org.apache.spark.beringia.ExecutorInternals
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.Runtime
import org.slf4j.LoggerFactory

object ExecutorRuntime {
  private val log = LoggerFactory.getLogger(getClass.getName.stripSuffix("$"))

  private[this] var runtime: Runtime = _
  private[this] var failure: BeringiaException = _
  private[this] var hooked = false

  /** Opens the runtime when the executor starts. Never throws: the first task will (see [[get]]). */
  def start(settings: Map[String, String]): Unit = synchronized {
    // One that an attached session of an earlier context left open has that one's settings.
    try {
      close()
      get(settings): Unit
    } catch {
      case e: BeringiaException => keep(e)
      case e: Throwable => keep(new BeringiaException(ErrorCode.INTERNAL, s"Beringia did not start: $e", e))
    }
  }

  /** The runtime, opened now unless it is open. Throws what went wrong at the executor's start. */
  def get(settings: Map[String, String]): Runtime = synchronized {
    if (failure != null) {
      throw new BeringiaException(failure.getErrorCode, failure.getMessage, failure)
    }
    if (runtime == null) {
      Settings.checkEncryption(settings, SparkEnv.get.conf)
      runtime = Runtime.open(JobSpec.runtime(Settings.withCores(settings, SparkEnv.get.conf)))
      if (!hooked) {
        hooked = true
        ExecutorInternals.onShutdown(() => close())
      }
    }
    runtime
  }

  /** Has workers start for a job whose tasks will run in this JVM, if its executor is there. */
  def expect(spec: String, cpus: Int): Unit = synchronized {
    if (runtime != null) runtime.expect(JobSpec.expected(spec, cpus))
  }

  /** What the runtime does and has done, as a JSON object: an empty one unless it is open. */
  def metrics(): String = synchronized(if (runtime == null) "{}" else runtime.metrics())

  /** Closes the runtime; the next context of this JVM opens a new one. */
  def close(): Unit = synchronized {
    val closing = runtime
    runtime = null
    failure = null
    if (closing != null) closing.close()
  }

  private def keep(e: BeringiaException): Unit = {
    failure = e
    log.error("Beringia is not available on this executor; tasks that need it will fail", e)
  }
}
