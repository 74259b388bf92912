// Constants: the values of `consts` on their way to the workers. Arrays of primitives go into one block of bytes
// behind the function, as python/beringia/_consts.py lays it out, which every machine holds once; other values
// are JSON in the job's spec.
package org.beringia.spark

import java.nio.{ByteBuffer, ByteOrder}
import java.security.MessageDigest
import java.util.{Collection => JavaCollection, Map => JavaMap}

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import org.beringia.executor.JobSpec

object Constants {
  private val Alignment = 64

  /** `function` followed by the arrays among `consts`; adds to `spec` what it must say of them. */
  def pack(function: Array[Byte], consts: Map[String, Any], spec: ObjectNode): Array[Byte] = {
    val (arrays, values) = consts.toSeq.partition { case (_, value) => isArray(value) }
    if (values.nonEmpty) {
      val node = JobSpec.part(spec, "options").putObject("values")
      values.foreach { case (name, value) => node.put(name, JobSpec.json(plain(name, value))) }
    }
    if (arrays.isEmpty) function else packArrays(function, arrays, spec)
  }

  private def packArrays(function: Array[Byte], arrays: Seq[(String, Any)], spec: ObjectNode): Array[Byte] = {
    val packed = arrays.map { case (name, array) => new PackedArray(name, array) }
    val offsets = packed.scanLeft(0L)((offset, array) => offset + aligned(math.max(1L, array.bytes)))
    val start = aligned(function.length.toLong)
    if (start + offsets.last > Int.MaxValue - 16) {
      throw Refusal(
        s"the function and its constants take ${start + offsets.last} bytes, more than the 2 GiB that the JVM can " +
          "send: let the function read them from a file, on its first call"
      )
    }
    val bytes = java.util.Arrays.copyOf(function, (start + offsets.last).toInt)
    JobSpec.part(spec, "program").put("functionBytes", function.length)
    val described: ArrayNode = JobSpec.part(spec, "options").putArray("arrays")
    packed.zip(offsets).foreach { case (array, offset) =>
      val node = described.addObject().put("name", array.name).put("dtype", array.dtype).put("offset", offset)
      val shape = node.putArray("shape")
      array.shape.foreach(size => shape.add(size))
      array.write(ByteBuffer.wrap(bytes, (start + offset).toInt, array.bytes.toInt))
    }
    val digest = MessageDigest.getInstance("SHA-256")
    digest.update(bytes, start.toInt, bytes.length - start.toInt)
    spec.put("block", digest.digest().map("%02x".format(_)).mkString)
    bytes
  }

  /** An array of primitives, however deep. */
  private def isArray(value: Any): Boolean = value match {
    case nested: Array[AnyRef] => nested.getClass.getName.dropWhile(_ == '[').length == 1
    case other => other != null && other.getClass.isArray
  }

  /** What Jackson writes as JSON. */
  private def plain(name: String, value: Any): Any = value match {
    case number: BigInt => number.bigInteger
    case number: BigDecimal => number.bigDecimal
    case null | _: String | _: Boolean | _: Number => value
    case items: Seq[_] => items.map(plain(name, _)).asJava
    case items: Array[AnyRef] => items.toSeq.map(plain(name, _)).asJava
    case items: JavaCollection[_] => items.asScala.toSeq.map(plain(name, _)).asJava
    case items: Map[_, _] => items.map { case (key, item) => String.valueOf(key) -> plain(name, item) }.asJava
    case items: JavaMap[_, _] => plain(name, items.asScala.toMap[Any, Any])
    case other => throw Refusal(
        s"the constant '$name' has type ${other.getClass.getName}: constants are arrays of primitives, numbers, " +
          "strings, booleans, null, and sequences and maps of these"
      )
  }

  private def aligned(size: Long): Long = (size + Alignment - 1) / Alignment * Alignment
}

/** An array of primitives as NumPy has it: its type, its shape, its values one after the other. */
private final class PackedArray(val name: String, array: Any) {

  val shape: Seq[Int] = shapeOf(array)

  val (dtype: String, width: Int) = array.getClass.getName.last match {
    case 'Z' => ("|b1", 1)
    case 'B' => ("|i1", 1)
    case 'S' => ("<i2", 2)
    case 'I' => ("<i4", 4)
    case 'J' => ("<i8", 8)
    case 'F' => ("<f4", 4)
    case 'D' => ("<f8", 8)
    case _ => throw Refusal(s"the constant '$name' is an array of Char: NumPy has no such type")
  }

  def bytes: Long = shape.foldLeft(width.toLong)(_ * _)

  def write(to: ByteBuffer): Unit = write(array, to.order(ByteOrder.LITTLE_ENDIAN))

  private def write(part: Any, to: ByteBuffer): Unit = (part: @unchecked) match {
    case nested: Array[AnyRef] => nested.foreach(write(_, to))
    case values: Array[Boolean] => values.foreach(value => to.put(if (value) 1: Byte else 0: Byte))
    case values: Array[Byte] => to.put(values): Unit
    case values: Array[Short] => values.foreach(to.putShort)
    case values: Array[Int] => values.foreach(to.putInt)
    case values: Array[Long] => values.foreach(to.putLong)
    case values: Array[Float] => values.foreach(to.putFloat)
    case values: Array[Double] => values.foreach(to.putDouble)
  }

  private def shapeOf(part: Any): Seq[Int] = part match {
    case nested: Array[AnyRef] =>
      val shapes = nested.map(inner => if (inner == null) Nil else shapeOf(inner)).toSeq.distinct
      if (shapes.length > 1) {
        throw Refusal(
          s"the constant '$name' has rows of different lengths: nested arrays must all have the same"
        )
      }
      nested.length +: shapes.headOption.getOrElse(Nil)
    case values => Seq(java.lang.reflect.Array.getLength(values))
  }
}
