// Spark's nodes for functions of PySpark over groups, apart into what goes in, what is called and what comes of it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression}
import org.apache.spark.sql.execution.SparkPlan

/** @param output the fields of the function's results */
final case class PythonGroups(
    grouping: Seq[Attribute],
    function: Expression,
    output: Seq[Attribute],
    child: SparkPlan
)

object PythonGroups {
  def unapply(node: SparkPlan): Option[PythonGroups] = PythonLine.groups(node)
}
