// What differs for functions of PySpark between lines of Spark: here 4, whose workers read other bytes in each version. It
// lives in Spark's package to reach what is private to it.
package org.apache.spark.sql.execution.python.beringia

import org.apache.spark.{QueryContext, SPARK_VERSION}
import org.apache.spark.api.python.PythonException
import org.apache.spark.sql.catalyst.expressions.NamedExpression
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression
import org.apache.spark.sql.execution.SparkPlan

object PythonLine {

  /** Why no function is accelerated; none where they are. */
  val refusal: Option[String] =
    if (SPARK_VERSION.startsWith("4.3.")) None
    else Some(s"functions of PySpark are accelerated on Spark 3.5 and 4.3, and this is $SPARK_VERSION")

  /** Aggregates of PySpark, whose node 4.0, which this is compiled with, has not. */
  def aggregate(node: SparkPlan): Option[PythonAggregate] =
    if (node.getClass.getSimpleName != "ArrowAggregatePythonExec") None
    else {
      def part[T](i: Int) = (node: Product).productElement(i).asInstanceOf[Seq[T]]
      val (grouping, functions) = (part[NamedExpression](0), part[AggregateExpression](1))
      Some(PythonAggregate(grouping, functions, part[NamedExpression](2), node.children.head))
    }

  /** The error of a function that raised. */
  def raised(traceback: String): RuntimeException = {
    val about = Map("msg" -> "An exception was thrown from the Python worker", "traceback" -> traceback)
    constructor.newInstance("PYTHON_EXCEPTION", about, null, Array.empty[QueryContext], "")
      .asInstanceOf[RuntimeException]
  }

  // By condition and parameters: 4.0, which this is compiled with, has none.
  private lazy val constructor = classOf[PythonException].getConstructor(
    classOf[String],
    classOf[Map[_, _]],
    classOf[Throwable],
    classOf[Array[QueryContext]],
    classOf[String]
  )
}
