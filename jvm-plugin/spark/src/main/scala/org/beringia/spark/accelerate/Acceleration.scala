// Puts our nodes in the place of Spark's for functions of PySpark, where the results are the same: a physical rule, so that
// Spark's own exchanges and sorts are there already. What it leaves to Spark has a tag that says why.
package org.beringia.spark.accelerate

import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.catalyst.trees.TreeNodeTag
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.python.FlatMapGroupsInPandasExec
import org.apache.spark.sql.execution.python.beringia.{PythonColumns, PythonCommands}
import org.beringia.executor.Settings
import org.slf4j.LoggerFactory

object Acceleration extends Rule[SparkPlan] {
  override val ruleName = "org.beringia.spark.accelerate.Acceleration"

  private val logger = LoggerFactory.getLogger("org.beringia.spark.accelerate")

  /** Why a node was left to Spark. */
  val Reason: TreeNodeTag[String] = TreeNodeTag("beringia.reason")

  override def apply(plan: SparkPlan): SparkPlan =
    if (!Settings.accelerates(conf.getAllConfs)) plan
    else {
      plan.transformUp {
        case node if node.getTagValue(Reason).isEmpty && Coverage.isPython(node) =>
          accelerated(node).fold(leave(node, _), identity)
      }
    }

  private def accelerated(node: SparkPlan): Either[String, SparkPlan] = node match {
    case groups: FlatMapGroupsInPandasExec => groupsInPandas(groups)
    case _ => Left("nodes of this kind are not covered")
  }

  private def groupsInPandas(node: FlatMapGroupsInPandasExec): Either[String, SparkPlan] = {
    val (columns, offsets) = PythonColumns.resolve(node.child.output, node.groupingAttributes)
    for {
      command <- PythonCommands.of(node.func, offsets, conf)
      _ <- Coverage.refusal(command, node.child, columns, node.output).toLeft(())
    } yield {
      logger.info(s"${node.nodeName} of ${command.name} is accelerated")
      val function = PythonJob.of(command, offsets, conf)
      AcceleratedGroupsInPandasExec(node.groupingAttributes, columns, function, node.output, node.child)
    }
  }

  private def leave(node: SparkPlan, reason: String): SparkPlan = {
    logger.info(s"${node.nodeName} is left to Spark: $reason")
    node.setTagValue(Reason, reason)
    node
  }
}
