// The entry in spark.plugins. The driver's half turns the extensions on and sends the settings; the executor's
// half owns the runtime. In local mode both are in one JVM.
package org.beringia.spark

import java.util.{Collections, Map => JavaMap}

import scala.collection.JavaConverters._

import org.apache.spark.SparkContext
import org.apache.spark.api.plugin.{DriverPlugin, ExecutorPlugin, PluginContext, SparkPlugin}
import org.apache.spark.sql.beringia.SparkInternals
import org.beringia.executor.{ExecutorMetrics, ExecutorRuntime, Settings}

final class BeringiaPlugin extends SparkPlugin {
  override def driverPlugin(): DriverPlugin = {
    SparkLine.require() // before a class is loaded that another Scala lacks something of
    new BeringiaDriverPlugin
  }
  override def executorPlugin(): ExecutorPlugin = new BeringiaExecutorPlugin
}

final class BeringiaDriverPlugin extends DriverPlugin {
  private[this] var local = false

  override def init(context: SparkContext, plugin: PluginContext): JavaMap[String, String] = {
    FirstJobClasses.loadAhead()
    val conf = plugin.conf
    // The session that is about to be built reads the one after us, a Spark Connect server the others.
    for ((setting, ours) <- BeringiaDriverPlugin.Extensions) {
      val others = conf.get(setting, "").split(',').map(_.trim).filter(_.nonEmpty)
      conf.set(setting, (others.filter(_ != ours) :+ ours).mkString(","))
    }
    local = context.isLocal
    Settings.ours(conf.getAll).asJava
  }

  /** In local mode the executor is in this JVM, and starts before the application has the name of its metrics. */
  override def registerMetrics(application: String, plugin: PluginContext): Unit =
    if (local) ExecutorMetrics.register(plugin.metricRegistry)
}

object BeringiaDriverPlugin {

  /** The settings that name classes of ours, and these. */
  private val Extensions = Seq("spark.sql.extensions" -> classOf[BeringiaExtensions].getName) ++
    SparkInternals.ConnectClasses
}

/** Never throws: on a cluster, an executor whose plugin throws is started again for ever. */
final class BeringiaExecutorPlugin extends ExecutorPlugin {

  override def init(plugin: PluginContext, settings: JavaMap[String, String]): Unit = {
    val received = if (settings == null) Collections.emptyMap[String, String] else settings
    ExecutorRuntime.start(received.asScala.toMap)
    if (plugin.executorID != BeringiaExecutorPlugin.Driver) ExecutorMetrics.register(plugin.metricRegistry)
  }

  override def shutdown(): Unit = ExecutorRuntime.close()
}

object BeringiaExecutorPlugin {

  /** What Spark calls the executor that is in the driver's JVM. */
  private val Driver = "driver"
}
