// Puts our nodes in the place of Spark's for functions of PySpark, where the results are the same: a physical rule, so that
// Spark's own exchanges and sorts are there already. What it leaves to Spark has a tag that says why.
package org.beringia.spark.accelerate

import org.apache.spark.sql.catalyst.expressions.{Alias, Attribute, Literal}
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.catalyst.trees.TreeNodeTag
import org.apache.spark.sql.execution.{ColumnarToRowExec, SparkPlan}
import org.apache.spark.sql.execution.python.beringia.{
  PythonAggregate,
  PythonCogroups,
  PythonColumns,
  PythonCommands,
  PythonGroups,
  PythonMap,
  PythonScalars,
  PythonWindow,
  WindowBounds
}
import org.beringia.executor.Settings
import org.slf4j.LoggerFactory

object Acceleration extends Rule[SparkPlan] {
  override val ruleName = "org.beringia.spark.accelerate.Acceleration"

  private val logger = LoggerFactory.getLogger("org.beringia.spark.accelerate")

  /** Why a node was left to Spark. */
  val Reason: TreeNodeTag[String] = TreeNodeTag("beringia.reason")

  override def apply(plan: SparkPlan): SparkPlan =
    if (!Settings.accelerates(Option(conf.getConfString(Settings.Accelerate, null)))) plan
    else {
      plan.transformUp {
        case node if node.getTagValue(Reason).isEmpty && Coverage.isPython(node) =>
          accelerated(node).fold(leave(node, _), take(node, _))
      }
    }

  private def accelerated(node: SparkPlan): Either[String, SparkPlan] = node match {
    case PythonGroups(groups) => mappedGroups(groups)
    case PythonCogroups(cogroups) => mappedCogroups(cogroups)
    case PythonAggregate(aggregate) => aggregateInPandas(aggregate)
    case PythonWindow(window) => aggregateOverWindows(window)
    case PythonMap(map) => mappedRows(map)
    case PythonScalars(scalars) => besideRows(scalars)
    case _ => Left("nodes of this kind are not covered")
  }

  private def mappedGroups(node: PythonGroups): Either[String, SparkPlan] = {
    val keys = node.grouping
    val (columns, offsets) = PythonColumns.resolve(node.child.output, keys)
    for {
      command <- PythonCommands.of(Seq(node.function -> offsets.toSeq.map(PythonArgument(_))), conf)
      kind <- Kind.ofGroups(command.evalType)
      _ <- Coverage.keys(keys).toLeft(())
      _ <- Coverage.refusal(command, conf, node.child, columns, node.output).toLeft(())
      _ <- (if (kind.pulls) Coverage.pulling(node.output, conf) else None).toLeft(())
    } yield
      if (kind.pulls) {
        val function = PythonJob.pulling(kind, command, keys.length, columns, pulling(node.child), conf)
        AcceleratedMapExec(kind, Some(keys), columns, function, node.output, node.child)
      } else {
        val function = PythonJob.of(kind, command, keys.length, columns, conf)
        AcceleratedGroupsExec(kind, keys, columns, function, node.output, node.child)
      }
  }

  private def mappedCogroups(node: PythonCogroups): Either[String, SparkPlan] = {
    val (left, leftOffsets) = PythonColumns.resolve(node.left.output, node.leftGrouping)
    val (right, rightOffsets) = PythonColumns.resolve(node.right.output, node.rightGrouping)
    val offsets = (leftOffsets ++ rightOffsets).toSeq
    for {
      command <- PythonCommands.of(Seq(node.function -> offsets.map(PythonArgument(_))), conf)
      kind <- Kind.ofCogroups(command.evalType)
      _ <- node.refusal.toLeft(())
      _ <- Coverage.keys(node.leftGrouping).toLeft(())
      _ <- Coverage.refusal(command, conf, node.left, left, node.output).toLeft(())
      _ <- Coverage.refusal(command, conf, node.right, right, node.output).toLeft(())
    } yield {
      val function = PythonJob.of(kind, command, node.leftGrouping.length, left ++ right, conf)
      AcceleratedCogroupsExec(
        kind,
        SideColumns(node.leftGrouping, left),
        SideColumns(node.rightGrouping, right),
        function,
        node.output,
        node.left,
        node.right
      )
    }
  }

  private def aggregateInPandas(node: PythonAggregate): Either[String, SparkPlan] = {
    for {
      keys <- node.keys
      input <- node.input
      command <- PythonCommands.of(input.functions, conf)
      kind <- Kind.ofAggregates(command.evalType)
      results = node.results
      _ <- Coverage.keys(keys).toLeft(())
      _ <- Coverage.refusal(command, conf, input.plan, input.columns, results).toLeft(())
      _ <- (if (kind.portions) Coverage.portions(conf) else None).toLeft(())
    } yield {
      val function = PythonJob.of(kind, command, keys.length, input.columns, conf)
      node.project(AcceleratedGroupsExec(kind, keys, input.columns, function, keys ++ results, input.plan))
    }
  }

  private def aggregateOverWindows(node: PythonWindow): Either[String, SparkPlan] = {
    val kept = node.child.output
    for {
      keys <- node.keys
      input <- node.input
      command <- PythonCommands.of(input.functions, conf).map(_.set(node.setting))
      kind <- Kind.ofWindows(command.evalType)
      _ <- Coverage.keys(keys).toLeft(())
      _ <- Coverage.refusal(command, conf, input.plan, input.arguments, node.results).toLeft(())
      _ <- Coverage.keeping(kept).toLeft(())
    } yield {
      val (columns, places) = carried(input.bounds ++ input.arguments, kept, keys.length)
      node.project(AcceleratedWindowExec(
        kind,
        keys,
        node.order,
        columns,
        kept,
        node.results,
        WindowBounds(node.frames, input.boundedFrames, input.bounds, keys, input.plan.output),
        PythonJob.of(kind, command, keys.length, input.bounds ++ input.arguments, conf, places),
        input.plan
      ))
    }
  }

  private def mappedRows(node: PythonMap): Either[String, SparkPlan] = {
    val columns = node.child.output
    for {
      command <- PythonCommands.of(Seq(node.function -> Seq(PythonArgument(0))), conf)
      kind <- Kind.ofIterators(command.evalType)
      _ <- Coverage.refusal(command, conf, node.child, columns, node.output).toLeft(())
      _ <- Coverage.pulling(node, conf).toLeft(())
    } yield {
      val function = PythonJob.pulling(kind, command, keys = 0, columns, pulling(node.child), conf)
      AcceleratedMapExec(kind, None, columns, function, node.output, node.child)
    }
  }

  private def besideRows(node: PythonScalars): Either[String, SparkPlan] =
    for {
      arguments <- node.arguments
      command <- PythonCommands.of(arguments.functions, conf)
      kind <- Kind.ofScalars(command.evalType)
      columns = arguments.expressions.map(AcceleratedEvalExec.column)
      _ <- Coverage.refusal(command, conf, node.child, columns, node.results).toLeft(())
      _ <- Coverage.portions(conf).toLeft(())
      carries = !kind.pulls && node.hasColumns(arguments.expressions) &&
        Coverage.keeping(node.child.output).isEmpty
      takesBatches = takesBatchesOf(node)
      _ <- Coverage.batches(takesBatches, carries).toLeft(())
    } yield
      if (carries) {
        val (all, places) = carried(columns, node.child.output, keys = 0)
        val function = PythonJob.of(kind, command, keys = 0, columns, conf, places)
        val constants = arguments.expressions.zip(columns).collect { case (value: Literal, column) =>
          Alias(value, column.name)(column.exprId)
        }
        AcceleratedEvalColumnsExec(kind, all, constants, function, node.results, takesBatches, node.child)
      } else {
        val function =
          if (kind.pulls) PythonJob.pulling(kind, command, keys = 0, columns, pulling(node.child), conf)
          else PythonJob.of(kind, command, keys = 0, columns, conf)
        AcceleratedEvalExec(kind, arguments.expressions, function, node.results, node.child)
      }

  /** Whether functions would be given the batches of what the child stands for as they are. */
  private def takesBatchesOf(node: PythonScalars): Boolean = node.takesBatches && (node.child match {
    case eval: AcceleratedEvalColumnsExec => eval.takesBatches
    case child => !child.isInstanceOf[AcceleratedExec] // Spark's own gives rows
  })

  /** Behind what functions are given, columns that are kept, each once; and where these are, behind the keys. */
  private def carried(
      arguments: Seq[Attribute],
      kept: Seq[Attribute],
      keys: Int
  ): (Seq[Attribute], Seq[Int]) = {
    val columns = (arguments ++ kept).foldLeft(Vector.empty[Attribute]) { (distinct, column) =>
      if (distinct.exists(_.exprId == column.exprId)) distinct else distinct :+ column
    }
    (columns, kept.map(column => keys + columns.indexWhere(_.exprId == column.exprId)))
  }

  /** How many functions of a plan pull rows. */
  private def pulling(plan: SparkPlan): Int = plan.collect {
    case map: AcceleratedMapExec => map
    case eval: AcceleratedEvalExec if eval.kind.pulls => eval
  }.length

  private def take(node: SparkPlan, accelerated: SparkPlan): SparkPlan = {
    logger.info(s"${node.nodeName} is accelerated")
    accelerated
  }

  private def leave(node: SparkPlan, reason: String): SparkPlan = {
    logger.info(s"${node.nodeName} is left to Spark: $reason")
    val left = node match {
      case PythonScalars(scalars) if scalars.takesBatches && !takesBatchesOf(scalars) =>
        node.withNewChildren(Seq(ColumnarToRowExec(scalars.child)))
      case _ => node
    }
    left.setTagValue(Reason, reason)
    left
  }
}
