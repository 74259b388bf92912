// Puts our nodes in the place of Spark's for functions of PySpark, where the results are the same: a physical rule, so that
// Spark's own exchanges and sorts are there already. What it leaves to Spark has a tag that says why.
package org.beringia.spark.accelerate

import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.catalyst.trees.TreeNodeTag
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.python.FlatMapGroupsInPandasExec
import org.apache.spark.sql.execution.python.beringia.{PythonAggregate, PythonColumns, PythonCommands}
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
          accelerated(node).fold(leave(node, _), take(node, _))
      }
    }

  private def accelerated(node: SparkPlan): Either[String, SparkPlan] = node match {
    case groups: FlatMapGroupsInPandasExec => groupsInPandas(groups)
    case PythonAggregate(aggregate) => aggregateInPandas(aggregate)
    case _ => Left("nodes of this kind are not covered")
  }

  private def groupsInPandas(node: FlatMapGroupsInPandasExec): Either[String, SparkPlan] = {
    val kind = Kind.GroupsInPandas
    val (columns, offsets) = PythonColumns.resolve(node.child.output, node.groupingAttributes)
    for {
      command <- PythonCommands.of(Seq(node.func -> offsets.toSeq), conf)
      _ <- Coverage.refusal(kind, command, conf, node.child, columns, node.output).toLeft(())
    } yield {
      val keys = node.groupingAttributes
      val function = PythonJob.of(kind, command, keys.length, conf)
      AcceleratedGroupsExec(kind, keys, columns, function, node.output, node.child)
    }
  }

  private def aggregateInPandas(node: PythonAggregate): Either[String, SparkPlan] = {
    val kind = Kind.AggregateInPandas
    for {
      keys <- node.keys
      input <- node.input
      command <- PythonCommands.of(input.functions, conf)
      results = node.results
      _ <- Coverage.refusal(kind, command, conf, input.plan, keys ++ input.columns, results).toLeft(())
    } yield {
      val function = PythonJob.of(kind, command, keys.length, conf)
      node.project(AcceleratedGroupsExec(kind, keys, input.columns, function, keys ++ results, input.plan))
    }
  }

  private def take(node: SparkPlan, accelerated: SparkPlan): SparkPlan = {
    logger.info(s"${node.nodeName} is accelerated")
    accelerated
  }

  private def leave(node: SparkPlan, reason: String): SparkPlan = {
    logger.info(s"${node.nodeName} is left to Spark: $reason")
    node.setTagValue(Reason, reason)
    node
  }
}
