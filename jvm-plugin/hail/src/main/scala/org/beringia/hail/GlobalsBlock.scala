// Globals on their way to the workers: one block of bytes that python/beringia/hail/_globals.py reads. A value
// is a byte (1 where it is missing), then what its type says:
//
//   number     little-endian, after padding to a multiple of 8
//   boolean    a byte
//   string     int64 length (padded to 8), UTF-8
//   array      int64 length (padded to 8), then a byte for each element (1 where it is missing), then the
//              elements: numbers as one run that begins at a multiple of 64, others one by one as values
package org.beringia.hail

import java.io.ByteArrayOutputStream
import java.nio.{ByteBuffer, ByteOrder}
import java.security.MessageDigest

import is.hail.types.physical._
import org.apache.spark.unsafe.Platform
import org.beringia.{BeringiaException, ErrorCode}

object GlobalsBlock {

  /** The fields `names` of the struct at `address`, one after another. */
  def write(struct: PStruct, address: Long, names: Seq[String]): Array[Byte] = {
    val out = new Output
    names.foreach { name =>
      val i = struct.fieldIdx(name)
      if (struct.isFieldDefined(address, i)) out.value(struct.types(i), struct.loadField(address, i))
      else out.missing()
    }
    out.bytes
  }

  def digest(block: Array[Byte]): String =
    MessageDigest.getInstance("SHA-256").digest(block).take(16).map(b => f"$b%02x").mkString

  final private class Output {
    private[this] val stream = new ByteArrayOutputStream

    def bytes: Array[Byte] = stream.toByteArray

    def missing(): Unit = stream.write(1)

    def value(physical: PType, address: Long): Unit = {
      stream.write(0)
      physical match {
        case _: PBoolean => stream.write(Platform.getByte(null, address).toInt)
        case string: PCanonicalString =>
          val layout = string.binaryRepresentation
          val text = layout.loadBytes(address)
          length(text.length)
          stream.write(text, 0, text.length)
        case array: PCanonicalArray => elements(array, address)
        case number => raw(address, number.byteSize, 8)
      }
    }

    private def elements(array: PCanonicalArray, address: Long): Unit = {
      val n = array.loadLength(address)
      length(n)
      (0 until n).foreach(i => stream.write(if (array.isElementDefined(address, i)) 0 else 1))
      array.elementType match {
        case _: PBoolean | _: PCanonicalString | _: PCanonicalArray =>
          (0 until n).foreach { i =>
            if (array.isElementDefined(address, i)) value(array.elementType, array.loadElement(address, n, i))
            else missing()
          }
        case number: PType if GlobalsBlock.isNumber(number) =>
          raw(array.firstElementOffset(address, n), n * number.byteSize, 64)
        case other =>
          throw new BeringiaException(
            ErrorCode.INTERNAL,
            s"numpy_map met globals in an unexpected form: $other"
          )
      }
    }

    private def length(n: Int): Unit = {
      pad(8)
      stream.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(n.toLong).array, 0, 8)
    }

    private def raw(address: Long, size: Long, alignment: Int): Unit = {
      pad(alignment)
      val copy = new Array[Byte](Math.toIntExact(size))
      Platform.copyMemory(null, address, copy, Platform.BYTE_ARRAY_OFFSET.toLong, size)
      stream.write(copy, 0, copy.length)
    }

    private def pad(alignment: Int): Unit = while (stream.size % alignment != 0) stream.write(0)
  }

  private def isNumber(physical: PType): Boolean = physical match {
    case _: PInt32 | _: PInt64 | _: PFloat32 | _: PFloat64 | _: PCanonicalCall => true
    case _ => false
  }
}
