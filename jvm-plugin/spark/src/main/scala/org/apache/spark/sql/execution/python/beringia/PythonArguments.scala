// The arguments of functions of PySpark that are called together. It lives in Spark's package to reach what is private to it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.sql.catalyst.expressions.{
  Alias,
  Attribute,
  Expression,
  NamedArgumentExpression,
  PythonFuncExpression
}
import org.apache.spark.sql.execution.{ProjectExec, SparkPlan}
import org.beringia.spark.accelerate.PythonArgument

/**
 * @param expressions what the functions are given, each once
 * @param functions each with those that it is given
 */
final case class PythonArguments(
    expressions: Seq[Expression],
    functions: Seq[(Expression, Seq[PythonArgument])]
) {

  /** A plan that gives the columns of `child` and the arguments; and these. */
  def over(child: SparkPlan): (SparkPlan, Seq[Attribute]) = {
    val columns = expressions.map {
      case attribute: Attribute => attribute
      case expression => Alias(expression, "argument")()
    }
    val aliases = columns.collect { case alias: Alias => alias }
    val plan = if (aliases.isEmpty) child else ProjectExec(child.output ++ aliases, child)
    (plan, columns.map(_.toAttribute))
  }
}

object PythonArguments {

  /** Those of functions, each with what it is given; or why that cannot be. */
  def of(functions: Seq[(Expression, Seq[Expression])]): Either[String, PythonArguments] = {
    val named = functions.map { case (function, arguments) =>
      function -> arguments.map {
        case NamedArgumentExpression(name, value) => value -> Some(name)
        case value => value -> None
      }
    }
    val all = named.flatMap(_._2).map(_._1)
    if (all.isEmpty) Left("there are no columns")
    else if (all.exists(_.exists(_.isInstanceOf[PythonFuncExpression])))
      Left("an argument is another function's result")
    else {
      val distinct = all.foldLeft(Vector.empty[Expression]) { (seen, argument) =>
        if (seen.exists(isSame(_, argument))) seen else seen :+ argument
      }
      val placed = named.map { case (function, arguments) =>
        function -> arguments.map { case (value, name) =>
          PythonArgument(distinct.indexWhere(isSame(_, value)), name)
        }
      }
      Right(PythonArguments(distinct, placed))
    }
  }

  private def isSame(one: Expression, other: Expression) = (one eq other) || one.semanticEquals(other)
}
