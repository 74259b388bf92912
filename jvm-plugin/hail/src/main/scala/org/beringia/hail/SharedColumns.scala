// Globals on their way to the workers: Arrow columns of one row, in one block of bytes that all workers of a machine share.
// What is said of a column is its type, as in Arrow's C data interface, and where in the block its buffers lie.
package org.beringia.hail

import java.io.ByteArrayOutputStream
import java.security.MessageDigest

import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import is.hail.types.physical.PStruct
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.ArrowField
import org.beringia.executor.memory.{Arena, SegmentSource}

import scala.collection.JavaConverters._
import scala.collection.mutable.ArrayBuffer

object SharedColumns {

  /**
   * The fields `names` of the struct at `address`, one after another.
   *
   * @param start where in the block these bytes begin, a multiple of 64
   * @param places gets what is said of each
   */
  def write(
      struct: PStruct,
      address: Long,
      names: Seq[String],
      start: Int,
      places: ArrayNode
  ): Array[Byte] = {
    val memory = new OwnMemory
    try {
      val arena = new Arena(memory)
      val fields = names.map(new RowField(struct, _))
      val writers = fields.map(field => ValueWriter.of(field.physical, arena))
      arena.begin(1.0)
      val block = new Block(start)
      names.indices.foreach { i =>
        writers(i).begin()
        fields(i).append(address, writers(i))
        block.place(
          ArrowForms.field(names(i), fields(i).physical.virtualType),
          writers(i),
          places.addObject()
        )
      }
      block.bytes
    } finally memory.close()
  }

  def digest(block: Array[Byte]): String =
    MessageDigest.getInstance("SHA-256").digest(block).take(16).map(b => f"$b%02x").mkString

  final private class Block(start: Int) {
    private[this] val stream = new ByteArrayOutputStream

    def bytes: Array[Byte] = stream.toByteArray

    def place(field: ArrowField, column: ValueWriter, node: ObjectNode): Unit = {
      node.put("name", field.name).put("format", field.format).put("length", column.length)
      val metadata = node.putObject("metadata")
      field.metadata.asScala.foreach { case (key, value) => metadata.put(key, value) }
      if (column.validity != 0) copy(column.validity, (column.length + 7) / 8, node.putArray("validity"))
      val buffers = node.putArray("buffers")
      column.buffers.foreach(buffer => copy(buffer.address, buffer.used, buffers.addArray()))
      val children = node.putArray("children")
      field.children.asScala.zip(column.children).foreach { case (part, child) =>
        place(part, child, children.addObject())
      }
    }

    private def copy(address: Long, size: Long, place: ArrayNode): Unit = {
      while (stream.size % 64 != 0) stream.write(0)
      place.add(start + stream.size).add(size): Unit
      val copy = new Array[Byte](Math.toIntExact(size))
      Platform.copyMemory(null, address, copy, Platform.BYTE_ARRAY_OFFSET.toLong, size)
      stream.write(copy, 0, copy.length)
    }
  }

  /** Memory of this process. */
  final private class OwnMemory extends SegmentSource with AutoCloseable {
    private[this] val blocks = ArrayBuffer.empty[Long]

    override def allocate(bytes: Long): Long = {
      val address = Platform.allocateMemory(bytes)
      blocks += address
      address
    }

    override def close(): Unit = blocks.foreach(Platform.freeMemory)
  }
}
