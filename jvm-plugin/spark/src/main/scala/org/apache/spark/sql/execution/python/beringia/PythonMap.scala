// Spark's nodes for functions of PySpark that pull the rows of a partition, apart into what goes in, what is called and what
// comes of it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.sql.catalyst.expressions.{Attribute, Expression}
import org.apache.spark.sql.execution.SparkPlan

/**
 * @param output the fields of the function's results
 * @param barrier whether its tasks run all at once or not at all
 * @param profile whether it asks for resources of its own
 */
final case class PythonMap(
    function: Expression,
    output: Seq[Attribute],
    child: SparkPlan,
    barrier: Boolean,
    profile: Boolean
)

object PythonMap {
  def unapply(node: SparkPlan): Option[PythonMap] = PythonLine.map(node)
}
