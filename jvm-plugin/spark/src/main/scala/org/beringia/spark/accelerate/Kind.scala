// The kinds of functions that are accelerated.
package org.beringia.spark.accelerate

/**
 * @param node what explain() shows
 * @param evalType PySpark's number
 * @param caller the class on the worker's side that makes the calls
 * @param aggregates whether a group has one row, which begins with the group's key; else any number, without it
 * @param portions whether an aggregate gets its group in portions
 * @param pulls whether a function runs once for a partition, and pulls its rows, or those of its groups one after the other
 */
final case class Kind(
    node: String,
    evalType: Int,
    caller: String,
    aggregates: Boolean = false,
    portions: Boolean = false,
    pulls: Boolean = false
) {
  override def toString: String = node
}

object Kind {
  private val GroupsInPandas =
    Kind("AcceleratedGroupsInPandas", 201, "beringia.spark.udf.groups:GroupedMap")
  private val GroupsInArrow =
    Kind("AcceleratedGroupsInArrow", 209, "beringia.spark.udf.tables:GroupedMap")
  private val PulledGroupsInPandas =
    Kind("AcceleratedGroupsInPandas", 216, "beringia.spark.udf.pulling:GroupsInPandas", pulls = true)
  private val PulledGroupsInArrow =
    Kind("AcceleratedGroupsInArrow", 215, "beringia.spark.udf.pulling:GroupsInArrow", pulls = true)
  private val CoGroupsInPandas =
    Kind("AcceleratedCoGroupsInPandas", 206, "beringia.spark.udf.groups:CogroupedMap")
  private val CoGroupsInArrow =
    Kind("AcceleratedCoGroupsInArrow", 210, "beringia.spark.udf.tables:CogroupedMap")
  private val AggregateInPandas =
    Kind("AcceleratedAggregateInPandas", 202, "beringia.spark.udf.aggregates:Aggregate", aggregates = true)

  private val AggregateInArrow =
    Kind("AcceleratedAggregateInArrow", 252, "beringia.spark.udf.tables:Aggregate", aggregates = true)
  private val PortionsInPandas =
    Kind(
      "AcceleratedAggregateInPandas",
      217,
      "beringia.spark.udf.tables:Portions",
      aggregates = true,
      portions = true
    )
  private val PortionsInArrow =
    Kind(
      "AcceleratedAggregateInArrow",
      254,
      "beringia.spark.udf.tables:Portions",
      aggregates = true,
      portions = true
    )

  private val WindowInPandas =
    Kind("AcceleratedWindowInPandas", 203, "beringia.spark.udf.windows:Window")
  private val WindowInArrow =
    Kind("AcceleratedWindowInArrow", 253, "beringia.spark.udf.tables:Aggregate")

  private val MapInPandas =
    Kind("AcceleratedMapInPandas", 205, "beringia.spark.udf.pulling:MapInPandas", pulls = true)
  private val MapInArrow =
    Kind("AcceleratedMapInArrow", 207, "beringia.spark.udf.pulling:MapInArrow", pulls = true)

  private val EvalInPandas =
    Kind("AcceleratedEvalInPandas", 200, "beringia.spark.udf.scalars:Scalars")
  private val EvalInArrow =
    Kind("AcceleratedEvalInArrow", 250, "beringia.spark.udf.tables:Scalars")
  private val PullingInPandas =
    Kind("AcceleratedEvalInPandas", 204, "beringia.spark.udf.pulling:EvalInPandas", pulls = true)
  private val PullingInArrow =
    Kind("AcceleratedEvalInArrow", 251, "beringia.spark.udf.pulling:EvalInArrow", pulls = true)

  /** The kind of a function over groups; or why there is none. */
  def ofGroups(evalType: Int): Either[String, Kind] =
    of(evalType, GroupsInPandas, GroupsInArrow, PulledGroupsInPandas, PulledGroupsInArrow)

  /** The kind of a function over the groups of two children; or why there is none. */
  def ofCogroups(evalType: Int): Either[String, Kind] = of(evalType, CoGroupsInPandas, CoGroupsInArrow)

  /** The kind of an aggregate; or why there is none. */
  def ofAggregates(evalType: Int): Either[String, Kind] =
    of(evalType, AggregateInPandas, AggregateInArrow, PortionsInPandas, PortionsInArrow)

  /** The kind of an aggregate over windows, by its number as one over groups; or why there is none. */
  def ofWindows(evalType: Int): Either[String, Kind] =
    of(evalType, AggregateInPandas, AggregateInArrow).map {
      case AggregateInPandas => WindowInPandas
      case _ => WindowInArrow
    }

  /** The kind of a function that pulls rows; or why there is none. */
  def ofIterators(evalType: Int): Either[String, Kind] = of(evalType, MapInPandas, MapInArrow)

  /** The kind of a scalar function; or why there is none. */
  def ofScalars(evalType: Int): Either[String, Kind] =
    of(evalType, EvalInPandas, EvalInArrow, PullingInPandas, PullingInArrow)

  private def of(evalType: Int, kinds: Kind*): Either[String, Kind] =
    kinds.find(_.evalType == evalType).toRight(s"functions of kind $evalType are not covered")
}
