// What differs for functions of PySpark between lines of Spark: here 3.5. It lives in Spark's package to reach what is
// private to it; and as PySpark takes for its own only what is thrown there.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.api.python.PythonException
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.execution.{ExternalAppendOnlyUnsafeRowArray, SparkPlan}
import org.apache.spark.sql.execution.python._
import org.apache.spark.sql.execution.window.WindowFunctionFrame
import org.apache.spark.sql.internal.SQLConf

object PythonLine {

  /** Why no function is accelerated; none where they are. */
  val refusal: Option[String] = None

  /** Functions over groups. */
  def groups(node: SparkPlan): Option[PythonGroups] = node match {
    case FlatMapGroupsInPandasExec(grouping, function, output, child) =>
      Some(PythonGroups(grouping, function, output, child))
    case _ => None
  }

  /** Functions over the groups of two children. */
  def cogroups(node: SparkPlan): Option[PythonCogroups] = node match {
    case FlatMapCoGroupsInPandasExec(leftGroup, rightGroup, function, output, left, right) =>
      Some(PythonCogroups(leftGroup, rightGroup, function, output, left, right))
    case _ => None
  }

  /** Aggregates of PySpark. */
  def aggregate(node: SparkPlan): Option[PythonAggregate] = node match {
    case AggregateInPandasExec(grouping, functions, output, child) =>
      Some(PythonAggregate(grouping, functions, output, child))
    case _ => None
  }

  /** Aggregates of PySpark over windows. */
  def window(node: SparkPlan): Option[PythonWindow] = node match {
    case window @ WindowInPandasExec(expressions, partition, order, child) =>
      Some(PythonWindow(expressions, partition, order, new NodeFrames(window), child))
    case _ => None
  }

  /** The setting by which PySpark's worker knows which windows are bounded. */
  val WindowBounds = "pandas_window_bound_types"

  /** Room for the rows of a group of windows. */
  def rowArray(conf: SQLConf) = new ExternalAppendOnlyUnsafeRowArray(
    conf.windowExecBufferInMemoryThreshold,
    conf.windowExecBufferSpillThreshold
  )

  /** Functions that pull rows. */
  def map(node: SparkPlan): Option[PythonMap] = node match {
    case MapInPandasExec(function, output, child, barrier) =>
      Some(PythonMap(function, output, child, barrier, profile = false))
    case PythonMapInArrowExec(function, output, child, barrier) =>
      Some(PythonMap(function, output, child, barrier, profile = false))
    case _ => None
  }

  /** The error of a function that raised. */
  def raised(traceback: String): RuntimeException = new PythonException(traceback, null)
}

/** The frames of a node, which keeps them to itself. */
private final class NodeFrames(node: WindowInPandasExec) extends WindowFrames {
  override val all: Seq[(Seq[Expression], InternalRow => WindowFunctionFrame)] =
    node.getClass.getMethod("windowFrameExpressionFactoryPairs").invoke(node)
      .asInstanceOf[Seq[(Seq[Expression], InternalRow => WindowFunctionFrame)]]
}
