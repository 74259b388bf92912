// Spark's nodes for aggregates of PySpark over windows, apart into what goes in, what is called and what comes of it. It lives
// in Spark's package to reach what is private to it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.execution.{ProjectExec, SparkPlan}
import org.apache.spark.sql.execution.window.WindowFunctionFrame
import org.apache.spark.sql.types.IntegerType
import org.beringia.spark.accelerate.PythonArgument

/**
 * @param expressions over the windows' results
 * @param partition what makes the groups
 * @param order of a group's rows
 */
final case class PythonWindow(
    expressions: Seq[NamedExpression],
    partition: Seq[Expression],
    order: Seq[SortOrder],
    frames: WindowFrames,
    child: SparkPlan
) {

  /** The calls over windows, in the order in which Spark's node makes them. */
  private val calls: Seq[WindowExpression] =
    frames.all.flatMap(_._1).map(_.asInstanceOf[WindowExpression])

  /** Which calls get a window for each row; others get all rows of a group, once. */
  private val bounded = calls.map(_.windowSpec.frameSpecification).map {
    case SpecifiedWindowFrame(_, UnboundedPreceding, UnboundedFollowing) => false
    case _ => true
  }

  /** Of each call its result. */
  val results: Seq[Attribute] = calls.map { call =>
    AttributeReference("result", call.dataType, call.nullable)()
  }

  /** The setting by which PySpark's worker knows which windows are bounded. */
  def setting: (String, String) =
    PythonLine.WindowBounds -> bounded.map(if (_) "bounded" else "unbounded").mkString(",")

  /** The columns that make the groups; or why that cannot be. */
  def keys: Either[String, Seq[Attribute]] = PythonAggregate.keys(partition)

  /** What the functions are given, each once, in columns of a plan; or why that cannot be. */
  def input: Either[String, PythonWindow.Input] = {
    val udafs = calls.map(_.windowFunction.asInstanceOf[AggregateExpression].aggregateFunction)
    PythonArguments.of(udafs.map(udaf => udaf -> udaf.children)).map { arguments =>
      val (plan, columns) = arguments.over(child)
      // The frames of bounded windows, each with two columns: where a row's window begins, and where it ends.
      val frameOfCall = frames.all.zipWithIndex.flatMap { case ((calls, _), frame) => calls.map(_ => frame) }
      val boundedFrames = frameOfCall.zip(bounded).collect { case (frame, true) => frame }.distinct
      val bounds = boundedFrames.indices.flatMap { i =>
        Seq(s"begin_$i", s"end_$i").map(AttributeReference(_, IntegerType, nullable = false)())
      }
      val functions = arguments.functions.zip(frameOfCall).map { case ((udaf, given), frame) =>
        val i = boundedFrames.indexOf(frame)
        val places = if (i < 0) Nil else Seq(PythonArgument(2 * i), PythonArgument(2 * i + 1))
        udaf -> (places ++ given.map(argument => argument.copy(offset = argument.offset + bounds.length)))
      }
      PythonWindow.Input(plan, bounds, boundedFrames, columns, functions)
    }
  }

  /** What Spark's node gives, of a plan that gives the child's columns and results. */
  def project(plan: SparkPlan): SparkPlan = {
    val resultOf: Map[Expression, Attribute] = calls.zip(results).toMap
    val named = expressions.map(_.transform { case call: WindowExpression => resultOf(call) })
      .collect { case expression: NamedExpression => expression }
    ProjectExec(child.output ++ named, plan)
  }
}

object PythonWindow {

  /**
   * @param bounds columns that are put before those of `plan`
   * @param boundedFrames the frames that they are of
   * @param functions each with the columns that it is given, of bounds and arguments
   */
  final case class Input(
      plan: SparkPlan,
      bounds: Seq[Attribute],
      boundedFrames: Seq[Int],
      arguments: Seq[Attribute],
      functions: Seq[(Expression, Seq[PythonArgument])]
  )

  def unapply(node: SparkPlan): Option[PythonWindow] = PythonLine.window(node)
}

/** The frames of windows, as Spark's nodes make them: what is called over each, and what finds its bounds. */
trait WindowFrames extends Serializable {
  def all: Seq[(Seq[Expression], InternalRow => WindowFunctionFrame)]
}
