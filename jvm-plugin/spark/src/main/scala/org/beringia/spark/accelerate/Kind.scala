// The kinds of functions that are accelerated.
package org.beringia.spark.accelerate

/**
 * @param node what explain() shows
 * @param evalType PySpark's number
 * @param caller the class on the worker's side that makes the calls
 * @param aggregates whether a group has one row, which begins with the group's key; else any number, without it
 */
final case class Kind(node: String, evalType: Int, caller: String, aggregates: Boolean) {
  override def toString: String = node
}

object Kind {
  val GroupsInPandas: Kind =
    Kind("AcceleratedGroupsInPandas", 201, "beringia.spark.udf.groups:GroupedMap", false)
  val AggregateInPandas: Kind =
    Kind("AcceleratedAggregateInPandas", 202, "beringia.spark.udf.aggregates:Aggregate", true)
}
