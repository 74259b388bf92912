// What differs for functions of PySpark between lines of Spark: here 4, whose workers read other bytes in each version. It
// lives in Spark's package to reach what is private to it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.{QueryContext, SPARK_VERSION}
import org.apache.spark.api.python.PythonException
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression, NamedExpression, SortOrder}
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.execution.{ExternalAppendOnlyUnsafeRowArray, SparkPlan}
import org.apache.spark.sql.execution.metric.SQLMetric
import org.apache.spark.sql.execution.python._
import org.apache.spark.sql.execution.window.{WindowEvaluatorFactoryBase, WindowExecBase, WindowFunctionFrame}
import org.apache.spark.sql.internal.SQLConf

object PythonLine {

  /** Why no function is accelerated; none where they are. */
  val refusal: Option[String] =
    if (SPARK_VERSION.startsWith("4.3.")) None
    else Some(s"functions of PySpark are accelerated on Spark 3.5 and 4.3, and this is $SPARK_VERSION")

  /** Functions over groups, of pandas and of Arrow. */
  def groups(node: SparkPlan): Option[PythonGroups] = node match {
    case FlatMapGroupsInPandasExec(grouping, function, output, child) =>
      Some(PythonGroups(grouping, function, output, child))
    case FlatMapGroupsInArrowExec(grouping, function, output, child) =>
      Some(PythonGroups(grouping, function, output, child))
    case _ => None
  }

  /** Functions over the groups of two children, of pandas and of Arrow. */
  def cogroups(node: SparkPlan): Option[PythonCogroups] = node match {
    case FlatMapCoGroupsInPandasExec(leftGroup, rightGroup, function, output, left, right) =>
      Some(PythonCogroups(leftGroup, rightGroup, function, output, left, right))
    case FlatMapCoGroupsInArrowExec(leftGroup, rightGroup, function, output, left, right) =>
      Some(PythonCogroups(leftGroup, rightGroup, function, output, left, right))
    case _ => None
  }

  /** Aggregates of PySpark, whose node 4.0, which this is compiled with, has not. */
  def aggregate(node: SparkPlan): Option[PythonAggregate] =
    if (node.getClass.getSimpleName != "ArrowAggregatePythonExec") None
    else {
      def part[T](i: Int) = (node: Product).productElement(i).asInstanceOf[Seq[T]]
      val (grouping, functions) = (part[NamedExpression](0), part[AggregateExpression](1))
      Some(PythonAggregate(grouping, functions, part[NamedExpression](2), node.children.head))
    }

  /** Aggregates of PySpark over windows, whose node 4.0 has not. */
  def window(node: SparkPlan): Option[PythonWindow] = node match {
    case window: WindowExecBase if node.getClass.getSimpleName == "ArrowWindowPythonExec" =>
      val (expressions, partition, order) = (window.windowExpression, window.partitionSpec, window.orderSpec)
      val frames = new LineFrames(expressions, partition, order, window.child.output)
      Some(PythonWindow(expressions, partition, order, frames, window.child))
    case _ => None
  }

  /** The setting by which PySpark's worker knows which windows are bounded. */
  val WindowBounds = "window_bound_types"

  /** Room for the rows of a group of windows. 4.3 bounds their bytes, too, which 4.0 does not know. */
  def rowArray(conf: SQLConf): ExternalAppendOnlyUnsafeRowArray = {
    val (memory, spill) = (conf.windowExecBufferInMemoryThreshold, conf.windowExecBufferSpillThreshold)
    val unbounded: Object = Long.box(Long.MaxValue)
    classOf[ExternalAppendOnlyUnsafeRowArray]
      .getConstructor(classOf[Int], classOf[Long], classOf[Int], classOf[Long])
      .newInstance(Int.box(memory), unbounded, Int.box(spill), unbounded)
  }

  /** Functions that pull rows. */
  def map(node: SparkPlan): Option[PythonMap] = node match {
    case MapInPandasExec(function, output, child, barrier, profile) =>
      Some(PythonMap(function, output, child, barrier, profile.nonEmpty))
    case MapInArrowExec(function, output, child, barrier, profile) =>
      Some(PythonMap(function, output, child, barrier, profile.nonEmpty))
    case _ => None
  }

  /** The error of a function that raised. */
  def raised(traceback: String): RuntimeException = {
    val about = Map("msg" -> "An exception was thrown from the Python worker", "traceback" -> traceback)
    constructor.newInstance("PYTHON_EXCEPTION", about, null, Array.empty[QueryContext], "")
      .asInstanceOf[RuntimeException]
  }

  // By condition and parameters: 4.0, which this is compiled with, has none.
  private lazy val constructor = classOf[PythonException].getConstructor(
    classOf[String],
    classOf[Map[_, _]],
    classOf[Throwable],
    classOf[Array[QueryContext]],
    classOf[String]
  )
}

/** The frames of windows, by the code of Spark's own node. */
private final class LineFrames(
    override val windowExpression: Seq[NamedExpression],
    override val partitionSpec: Seq[Expression],
    override val orderSpec: Seq[SortOrder],
    override val childOutput: Seq[Attribute]
) extends WindowFrames
    with WindowEvaluatorFactoryBase {
  override def spillSize: SQLMetric = null

  override def all: Seq[(Seq[Expression], InternalRow => WindowFunctionFrame)] =
    windowFrameExpressionFactoryPairs.map { case (expressions, frame) => (expressions.toSeq, frame) }
}
