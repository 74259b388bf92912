// What differs for functions of PySpark between lines of Spark: here 3.5. It lives in Spark's package to reach what is
// private to it; and as PySpark takes for its own only what is thrown there.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.api.python.PythonException
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.execution.python.AggregateInPandasExec

object PythonLine {

  /** Why no function is accelerated; none where they are. */
  val refusal: Option[String] = None

  /** Aggregates of PySpark. */
  def aggregate(node: SparkPlan): Option[PythonAggregate] = node match {
    case AggregateInPandasExec(grouping, functions, output, child) =>
      Some(PythonAggregate(grouping, functions, output, child))
    case _ => None
  }

  /** The error of a function that raised. */
  def raised(traceback: String): RuntimeException = new PythonException(traceback, null)
}
