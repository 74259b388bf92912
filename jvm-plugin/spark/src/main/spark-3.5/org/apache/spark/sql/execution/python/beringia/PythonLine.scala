// What differs for functions of PySpark between lines of Spark: here 3.5. It lives in Spark's package to reach what is
// private to it; and as PySpark takes for its own only what is thrown there.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.api.python.PythonException
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.python._

object PythonLine {

  /** Why no function is accelerated; none where they are. */
  val refusal: Option[String] = None

  /** Functions over groups. */
  def groups(node: SparkPlan): Option[PythonGroups] = node match {
    case FlatMapGroupsInPandasExec(grouping, function, output, child) =>
      Some(PythonGroups(grouping, function, output, child))
    case _ => None
  }

  /** Aggregates of PySpark. */
  def aggregate(node: SparkPlan): Option[PythonAggregate] = node match {
    case AggregateInPandasExec(grouping, functions, output, child) =>
      Some(PythonAggregate(grouping, functions, output, child))
    case _ => None
  }

  /** Functions that pull rows. */
  def map(node: SparkPlan): Option[PythonMap] = node match {
    case MapInPandasExec(function, output, child, barrier) =>
      Some(PythonMap(function, output, child, barrier, profile = false))
    case PythonMapInArrowExec(function, output, child, barrier) =>
      Some(PythonMap(function, output, child, barrier, profile = false))
    case _ => None
  }

  /** The error of a function that raised. */
  def raised(traceback: String): RuntimeException = new PythonException(traceback, null)
}
