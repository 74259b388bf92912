// Spark's node for aggregates of PySpark, apart into what goes in, what is called and what comes of it. It lives in Spark's
// package to reach what is private to it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression, NamedExpression, PythonUDAF}
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.execution.{ProjectExec, SparkPlan}
import org.apache.spark.sql.types.{DoubleType, FloatType}
import org.beringia.spark.accelerate.PythonArgument

/**
 * @param grouping expressions of the key
 * @param functions that are called
 * @param output expressions over the key and the results
 */
final case class PythonAggregate(
    grouping: Seq[NamedExpression],
    functions: Seq[AggregateExpression],
    output: Seq[NamedExpression],
    child: SparkPlan
) {
  private val udafs = functions.map(_.aggregateFunction.asInstanceOf[PythonUDAF])

  /** The columns of the key; or why that cannot be. */
  def keys: Either[String, Seq[Attribute]] = PythonAggregate.keys(grouping)

  def results: Seq[Attribute] = functions.map(_.resultAttribute)

  /** What the functions are given, each once, in columns of a plan; or why that cannot be. */
  def input: Either[String, PythonAggregate.Input] =
    PythonArguments.of(udafs.map(udaf => udaf -> udaf.children)).map { arguments =>
      val (plan, columns) = arguments.over(child)
      PythonAggregate.Input(plan, columns, arguments.functions)
    }

  /** What Spark's node gives, of a plan that gives keys and results. */
  def project(plan: SparkPlan): SparkPlan = ProjectExec(output, plan)
}

object PythonAggregate {

  /** @param functions each with the columns that it is given */
  final case class Input(
      plan: SparkPlan,
      columns: Seq[Attribute],
      functions: Seq[(Expression, Seq[PythonArgument])]
  )

  /** The columns that `grouping` is; or why that cannot be. */
  def keys(grouping: Seq[Expression]): Either[String, Seq[Attribute]] = {
    val attributes = grouping.collect { case attribute: Attribute => attribute }
    // The sign of a zero, which Spark's node keeps and ours does not.
    val float = grouping.find(key => key.dataType == FloatType || key.dataType == DoubleType)
    float.map { key =>
      val name = key.references.headOption.fold("")(column => s" '${column.name}'")
      s"the key$name is of type ${key.dataType.catalogString}"
    }
      .orElse(if (attributes.length < grouping.length) Some("a key is no column") else None)
      .toLeft(attributes)
  }

  def unapply(node: SparkPlan): Option[PythonAggregate] = PythonLine.aggregate(node)
}
