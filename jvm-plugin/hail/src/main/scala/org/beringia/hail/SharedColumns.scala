// Globals on their way to the workers: Arrow columns of one row, in one block of bytes that all workers of a machine share.
package org.beringia.hail

import java.io.ByteArrayOutputStream
import java.security.MessageDigest

import com.fasterxml.jackson.databind.node.ArrayNode
import is.hail.types.physical.PStruct
import org.beringia.executor.memory.Arena
import org.beringia.hail.exchange.{BlockSink, ColumnBlock, OwnMemory}

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
      val bytes = new ByteArrayOutputStream
      val block = new BlockSink(bytes, start.toLong)
      names.indices.foreach { i =>
        writers(i).begin()
        fields(i).append(address, writers(i))
        val field = ArrowForms.field(names(i), fields(i).physical.virtualType)
        ColumnBlock.place(field, writers(i), places.addObject(), block)
      }
      block.close()
      bytes.toByteArray
    } finally memory.close()
  }

  def digest(block: Array[Byte]): String =
    MessageDigest.getInstance("SHA-256").digest(block).take(16).map(b => f"$b%02x").mkString
}
