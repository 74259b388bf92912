// Functions as PySpark gave them to Spark: what our worker, and what runs there of PySpark, has to know of them.
package org.beringia.spark.accelerate

import java.util.concurrent.atomic.AtomicLong

import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.spark.{SparkContext, TaskContext}
import org.apache.spark.sql.execution.python.beringia.PythonTask
import org.beringia.executor.{Asides, JobSpec, NumpyFunction, ShippedFunction, TaskDetails}

/**
 * What a function is given.
 *
 * @param offset as Spark counts them
 * @param name where it is given by its name
 */
final case class PythonArgument(offset: Int, name: Option[String] = None)

/** @param pickled the function and the type that it returns; behind those whose result it is given, if there are any */
final case class PickledFunction(pickled: Seq[Array[Byte]], arguments: Seq[PythonArgument])

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

  /** The same with a setting more. */
  def set(setting: (String, String)): PythonCommand = copy(settings = settings + setting)

  /** All functions, one behind the other. */
  def pickled: Array[Byte] = Array.concat(functions.flatMap(_.pickled): _*)
}

/** A function for our workers, as a plan holds it: equal by content. */
final class AcceleratedFunction(private val function: NumpyFunction, task: PythonTask) extends Serializable {

  def ship(context: SparkContext): ShippedFunction = function.ship(context, Some(task))

  /** The same for one node of a plan: no other node of a task has its calls. */
  def shipAlone(context: SparkContext): ShippedFunction =
    function.ship(context, Some(new Alone(task, AcceleratedFunction.nodes.incrementAndGet())))

  override def hashCode: Int = function.hashCode

  override def equals(other: Any): Boolean = other match {
    case that: AcceleratedFunction => function == that.function
    case _ => false
  }

  override def toString: String = function.toString
}

object AcceleratedFunction {
  private val nodes = new AtomicLong
}

/** A task's details, and which node of the plan it is that runs. */
private final class Alone(task: PythonTask, node: Long) extends TaskDetails {
  override def add(spec: ObjectNode, context: TaskContext): Unit = {
    task.add(spec, context)
    JobSpec.part(spec, "options").put("node", node): Unit
  }

  override def asides: Option[Asides] = task.asides
}
