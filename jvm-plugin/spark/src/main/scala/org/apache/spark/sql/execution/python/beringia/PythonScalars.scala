// Spark's node for scalar functions of PySpark, apart into what goes in, what is called and what comes of it. It lives in
// Spark's package to reach what is private to it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression, Literal, PythonUDF}
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.python.ArrowEvalPythonExec
import org.beringia.spark.accelerate.Coverage

/**
 * @param functions that are called together
 * @param results what they return, which the node puts behind the child's columns
 * @param takesBatches whether functions are given the child's batches as they are, and not so many rows at a time
 */
final case class PythonScalars(
    functions: Seq[PythonUDF],
    results: Seq[Attribute],
    takesBatches: Boolean,
    child: SparkPlan
) {

  /** What the functions are given; or why that cannot be. */
  def arguments: Either[String, PythonArguments] =
    PythonArguments.of(functions.map(function => function -> PythonCommands.chain(function).head.children))

  /** Whether the child gives `arguments` as columns, beside constants. */
  def hasColumns(arguments: Seq[Expression]): Boolean =
    child.supportsColumnar && arguments.forall {
      case column: Attribute => child.outputSet.contains(column)
      case constant: Literal => Coverage.isScalar(constant.dataType)
      case _ => false
    }
}

object PythonScalars {
  def unapply(node: SparkPlan): Option[PythonScalars] = node match {
    case eval @ ArrowEvalPythonExec(functions, results, child, _) =>
      Some(PythonScalars(functions, results, eval.supportsColumnar, child)) // from Spark 4.2 on it can
    case _ => None
  }
}
