// What became of the Python nodes of a plan, for people.
package org.beringia.spark.accelerate

import java.util.{List => JavaList}

import scala.collection.JavaConverters._

import org.apache.spark.sql.DataFrame
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanHelper
import org.beringia.executor.Settings

object Explanation extends AdaptiveSparkPlanHelper {

  /** For each Python node of the plan of `data` its name, and why it was left to Spark: empty where it was not. */
  def of(data: DataFrame): JavaList[JavaList[String]] = {
    val session = data.sparkSession
    val otherwise =
      if (!Settings.accelerates(session.conf.getOption(Settings.Accelerate)))
        s"${Settings.Accelerate} is false"
      else "the session was started without Beringia's plugin"
    collectWithSubqueries(data.queryExecution.executedPlan) {
      case node @ (_: AcceleratedExec | _: AcceleratedEvalExec) => (node, "")
      case node if Coverage.isPython(node) =>
        (node, node.getTagValue(Acceleration.Reason).getOrElse(otherwise))
    }.map { case (node, reason) => Seq(node.nodeName, reason).asJava }.asJava
  }
}
