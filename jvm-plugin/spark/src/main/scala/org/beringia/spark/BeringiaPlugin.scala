// The entry in spark.plugins. The driver's half turns the extensions on and sends the settings; the executor's
// half owns the runtime. In local mode both are in one JVM.
package org.beringia.spark

import java.util.{Collections, Map => JavaMap}

import scala.collection.JavaConverters._

import org.apache.spark.SparkContext
import org.apache.spark.api.plugin.{DriverPlugin, ExecutorPlugin, PluginContext, SparkPlugin}

final class BeringiaPlugin extends SparkPlugin {
  override def driverPlugin(): DriverPlugin = new BeringiaDriverPlugin
  override def executorPlugin(): ExecutorPlugin = new BeringiaExecutorPlugin
}

final class BeringiaDriverPlugin extends DriverPlugin {

  override def init(context: SparkContext, plugin: PluginContext): JavaMap[String, String] = {
    val conf = plugin.conf
    // The session that is about to be built reads this after us.
    val others = conf.get(BeringiaDriverPlugin.Extensions, "").split(',').map(_.trim).filter(_.nonEmpty)
    val ours = classOf[BeringiaExtensions].getName
    conf.set(BeringiaDriverPlugin.Extensions, (others.filter(_ != ours) :+ ours).mkString(","))
    Settings.ours(conf.getAll).asJava
  }
}

object BeringiaDriverPlugin {
  private val Extensions = "spark.sql.extensions"
}

/** Never throws: on a cluster, an executor whose plugin throws is started again for ever. */
final class BeringiaExecutorPlugin extends ExecutorPlugin {

  override def init(plugin: PluginContext, settings: JavaMap[String, String]): Unit = {
    val received = if (settings == null) Collections.emptyMap[String, String] else settings
    ExecutorRuntime.start(received.asScala.toMap)
    ExecutorMetrics.register(plugin.metricRegistry)
  }

  override def shutdown(): Unit = ExecutorRuntime.close()
}
