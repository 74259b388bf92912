// The function of a numpy_map, as a plan holds it: equal by content, so that Spark finds equal plans equal
// (exchange reuse, cache), which an array of bytes in the plan would defeat. And as its tasks get it.
package org.beringia.executor

import java.util.Arrays

import org.apache.spark.SparkContext
import org.apache.spark.broadcast.Broadcast

/**
 * @param bytes the function and its constants, or nothing where `spec` names a module's
 * @param spec the job's JSON, without the task
 * @param name for people
 */
final class NumpyFunction(val bytes: Array[Byte], val spec: String, val name: String) extends Serializable {
  private val hash = 31 * Arrays.hashCode(bytes) + spec.hashCode

  /** The function for the tasks of one execution. */
  def ship(context: SparkContext): ShippedFunction =
    if (bytes.length <= NumpyFunction.InTask) new ShippedFunction(spec, bytes, None)
    else new ShippedFunction(spec, Array.emptyByteArray, Some(context.broadcast(bytes)))

  override def hashCode: Int = hash

  override def equals(other: Any): Boolean = other match {
    case that: NumpyFunction => hash == that.hash && spec == that.spec && Arrays.equals(bytes, that.bytes)
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

/** @param large the function's bytes where they are too many to be part of a task */
final class ShippedFunction(val spec: String, small: Array[Byte], large: Option[Broadcast[Array[Byte]]])
    extends Serializable {
  def bytes: Array[Byte] = large.fold(small)(_.value)
}
