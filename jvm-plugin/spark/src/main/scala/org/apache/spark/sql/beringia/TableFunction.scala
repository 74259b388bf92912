// A table function as Spark's catalog has it, and the table that one is called with.
package org.apache.spark.sql.beringia

import org.apache.spark.sql.catalyst.FunctionIdentifier
import org.apache.spark.sql.catalyst.expressions.{Expression, ExpressionInfo, SortOrder}
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan

/**
 * @param usage what DESCRIBE FUNCTION says, where the function is built in
 * @param build the plan of a call, of its arguments
 */
final case class TableFunction(name: String, usage: String, build: Seq[Expression] => LogicalPlan) {
  def identifier: FunctionIdentifier = FunctionIdentifier(name)

  def info: ExpressionInfo =
    new ExpressionInfo(getClass.getName, null, name, usage, "", "", "", "", "", "", "built-in")
}

/** What `TABLE(…)` names, and the clauses behind it: of each of these, nothing where it is not there. */
final case class TableArgument(
    plan: LogicalPlan,
    partitionBy: Seq[Expression],
    singlePartition: Boolean,
    orderBy: Seq[SortOrder]
)
