// The function of a numpy_map, as a plan holds it: equal by content, so that Spark finds equal plans equal
// (exchange reuse, cache), which an array of bytes in the plan would defeat.
package org.beringia.spark

import java.util.Arrays

/**
 * @param bytes the pickled function, or nothing where `spec` names a module's
 * @param spec the job's JSON, without the task
 * @param name for people
 */
final class NumpyFunction(val bytes: Array[Byte], val spec: String, val name: String) extends Serializable {
  private val hash = 31 * Arrays.hashCode(bytes) + spec.hashCode

  override def hashCode: Int = hash

  override def equals(other: Any): Boolean = other match {
    case that: NumpyFunction => hash == that.hash && spec == that.spec && Arrays.equals(bytes, that.bytes)
    case _ => false
  }

  override def toString: String = name
}
