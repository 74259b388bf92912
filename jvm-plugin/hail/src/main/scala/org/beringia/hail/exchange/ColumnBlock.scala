// Columns in one block of bytes. What is said of a column is its type, as in Arrow's C data interface, and where in the
// block its buffers lie.
package org.beringia.hail.exchange

import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import org.beringia.bridge.ArrowField
import org.beringia.hail.ValueWriter

import scala.collection.JavaConverters._

object ColumnBlock {

  /** Appends a column's buffers to the block; `node` gets what is said of it. */
  def place(field: ArrowField, column: ValueWriter, node: ObjectNode, block: BlockSink): Unit = {
    node.put("name", field.name).put("format", field.format).put("length", column.length)
    val metadata = node.putObject("metadata")
    field.metadata.asScala.foreach { case (key, value) => metadata.put(key, value) }
    if (column.validity != 0) {
      append(column.validity, (column.length + 7) / 8, node.putArray("validity"), block)
    }
    val buffers = node.putArray("buffers")
    column.buffers.foreach(buffer => append(buffer.address, buffer.used, buffers.addArray(), block))
    val children = node.putArray("children")
    field.children.asScala.zip(column.children).foreach { case (part, child) =>
      place(part, child, children.addObject(), block)
    }
  }

  private def append(address: Long, size: Long, place: ArrayNode, block: BlockSink): Unit =
    place.add(block.append(address, size)).add(size): Unit
}
