// A function as PySpark gave it to Spark: what our worker, and what runs there of PySpark, has to know of it. Each line of
// Spark has its own way to make it (PythonCommands).
package org.beringia.spark.accelerate

import org.apache.spark.SparkContext
import org.apache.spark.sql.execution.python.beringia.PythonTask
import org.beringia.executor.{NumpyFunction, ShippedFunction}

/**
 * @param payload what PySpark's own worker reads behind the kind of function: settings, arguments, the pickled functions
 * @param environment variables of its process
 * @param raised what PySpark takes for the error of a function that raised, with its traceback
 */
final case class PythonCommand(
    name: String,
    evalType: Int,
    payload: Array[Byte],
    interpreter: String,
    version: String,
    environment: Map[String, String],
    task: PythonTask,
    raised: String => RuntimeException
)

/** A function for our workers, as a plan holds it: equal by content. */
final class AcceleratedFunction(
    private val function: NumpyFunction,
    task: PythonTask,
    val raised: String => RuntimeException
) extends Serializable {

  def ship(context: SparkContext): ShippedFunction = function.ship(context, Some(task))

  override def hashCode: Int = function.hashCode

  override def equals(other: Any): Boolean = other match {
    case that: AcceleratedFunction => function == that.function
    case _ => false
  }

  override def toString: String = function.toString
}
