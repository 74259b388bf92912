// Functions as PySpark gave them to Spark: what our worker, and what runs there of PySpark, has to know of them.
package org.beringia.spark.accelerate

import org.apache.spark.SparkContext
import org.apache.spark.sql.execution.python.beringia.PythonTask
import org.beringia.executor.{NumpyFunction, ShippedFunction}

/**
 * @param pickled the function and the type that it returns
 * @param offsets its arguments, as Spark counts them
 */
final case class PickledFunction(pickled: Array[Byte], offsets: Seq[Int])

/**
 * @param functions that are called together, on the same rows
 * @param settings of the session, that PySpark's own worker gets
 * @param environment variables of its process
 */
final case class PythonCommand(
    name: String,
    evalType: Int,
    functions: Seq[PickledFunction],
    settings: Map[String, String],
    interpreter: String,
    version: String,
    environment: Map[String, String],
    task: PythonTask
) {

  /** All functions, one behind the other. */
  def pickled: Array[Byte] = functions.flatMap(_.pickled).toArray
}

/** A function for our workers, as a plan holds it: equal by content. */
final class AcceleratedFunction(private val function: NumpyFunction, task: PythonTask) extends Serializable {

  def ship(context: SparkContext): ShippedFunction = function.ship(context, Some(task))

  override def hashCode: Int = function.hashCode

  override def equals(other: Any): Boolean = other match {
    case that: AcceleratedFunction => function == that.function
    case _ => false
  }

  override def toString: String = function.toString
}
