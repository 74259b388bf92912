// The logical node: a function over the groups of its child. It stands between two projections that
// NumpyMapBuilder puts there: below, one that computes keys, arguments and sort orders, so that all of them
// are attributes here; above, one that gives the output its own identity, which self-joins and set operations
// need, as Spark's deduplication of relations knows Spark's nodes only.
package org.beringia.spark

import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeSet, SortOrder}
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, UnaryNode}
import org.beringia.executor.NumpyFunction

/**
 * @param keys columns that make the groups; with none, all rows are one group
 * @param block what brings rows together beside them, if anything: of windows, their block
 * @param arguments columns that the function gets or the output keeps, in the order of the input schema
 * @param orderBy order of the rows within a group
 * @param fields the output beside the keys: a window's key, or kept columns, then what the function returns
 * @param per what one call gets
 * @param batchBytes bytes of a batch, where it is not the session's
 */
final case class NumpyMap(
    keys: Seq[Attribute],
    block: Option[Attribute],
    arguments: Seq[Attribute],
    orderBy: Seq[SortOrder],
    fields: Seq[Attribute],
    function: NumpyFunction,
    per: Per,
    batchBytes: Option[Long],
    child: LogicalPlan
) extends UnaryNode {

  override def output: Seq[Attribute] = keys ++ fields

  override def producedAttributes: AttributeSet = AttributeSet(fields)

  override protected def withNewChildInternal(newChild: LogicalPlan): NumpyMap = copy(child = newChild)
}
