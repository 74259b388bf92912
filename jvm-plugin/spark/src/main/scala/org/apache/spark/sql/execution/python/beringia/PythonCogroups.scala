// Spark's nodes for functions of PySpark over the groups of two plans, apart into what goes in, what is called and what comes
// of it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression}
import org.apache.spark.sql.execution.SparkPlan

/** @param output the fields of the function's results */
final case class PythonCogroups(
    leftGrouping: Seq[Attribute],
    rightGrouping: Seq[Attribute],
    function: Expression,
    output: Seq[Attribute],
    left: SparkPlan,
    right: SparkPlan
) {

  /** Why rows of both plans cannot be compared by their keys; none where they can. */
  def refusal: Option[String] = {
    val types = leftGrouping.zip(rightGrouping).find { case (one, other) => one.dataType != other.dataType }
    if (leftGrouping.length != rightGrouping.length) Some("the keys of both sides differ in number")
    else
      types.map { case (one, other) =>
        s"the key '${one.name}' is of type ${one.dataType.catalogString} on one side, " +
          s"and '${other.name}' of type ${other.dataType.catalogString} on the other"
      }
  }
}

object PythonCogroups {
  def unapply(node: SparkPlan): Option[PythonCogroups] = PythonLine.cogroups(node)
}
