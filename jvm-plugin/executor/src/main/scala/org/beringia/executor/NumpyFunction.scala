// The function of a numpy_map, as a plan holds it: equal by content, so that Spark finds equal plans equal
// (exchange reuse, cache), which an array of bytes in the plan would defeat. And as its tasks get it.
package org.beringia.executor

import java.util.Arrays

import com.fasterxml.jackson.databind.node.ObjectNode
import org.apache.spark.{SparkContext, TaskContext}
import org.apache.spark.broadcast.Broadcast

/**
 * @param bytes the function and its constants, or nothing where `spec` names a module's
 * @param spec the job's JSON, without the task
 * @param name for people
 * @param returns names of the fields that it returns, by which values of a dict are found: Spark compares plans without
 *   names
 */
final class NumpyFunction(
    val bytes: Array[Byte],
    val spec: String,
    val name: String,
    private val returns: Seq[String] = Nil
) extends Serializable {
  private val hash = 31 * Arrays.hashCode(bytes) + spec.hashCode

  /** The function for the tasks of one execution; `details` of a task are added to its spec. */
  def ship(context: SparkContext, details: Option[TaskDetails] = None): ShippedFunction =
    if (bytes.length <= NumpyFunction.InTask) new ShippedFunction(spec, bytes, None, details)
    else new ShippedFunction(spec, Array.emptyByteArray, Some(context.broadcast(bytes)), details)

  override def hashCode: Int = hash

  override def equals(other: Any): Boolean = other match {
    case that: NumpyFunction =>
      hash == that.hash && spec == that.spec && returns == that.returns && Arrays.equals(bytes, that.bytes)
    case _ => false
  }

  override def toString: String = name
}

object NumpyFunction {

  /** Up to so many bytes a function is part of every task; a larger one is sent to each executor once. */
  val InTask: Int = 64 << 10
}

/** A function on its way into a plan: no plain array, which py4j would hand back to Python. */
final class FunctionBytes(val bytes: Array[Byte])

/** What a function has to know of the task that runs it, beside its numbers. */
trait TaskDetails extends Serializable {

  /** Adds it to a job's spec. */
  def add(spec: ObjectNode, context: TaskContext): Unit

  /** What takes what the convention says beside results of one run; none where nobody wants to know. */
  def asides: Option[Asides] = None
}

/** What is said beside the results of one run. */
trait Asides {

  /** It was said beside the next result. */
  def take(aside: Array[Byte]): Unit

  /** There are no more results. */
  def ended(): Unit
}

/** @param large the function's bytes where they are too many to be part of a task */
final class ShippedFunction(
    spec: String,
    small: Array[Byte],
    large: Option[Broadcast[Array[Byte]]],
    details: Option[TaskDetails] = None
) extends Serializable {
  def bytes: Array[Byte] = large.fold(small)(_.value)

  def asides: Option[Asides] = details.flatMap(_.asides)

  /** The job's JSON for a task. */
  def specOf(context: TaskContext): String = JobSpec.ofTask(spec, context, details)
}
