// The values of a row as bytes, on their way to the task that its group is made in; org.beringia.hail.ValueWriter reads
// them. Numbers are their bytes; text follows its length. An array of numbers is the number of its elements and Hail's
// own array, whole; any other follows the number of its elements, of which each follows a byte that says whether it is
// there, as each field of a struct does. An ndarray is its shape, then its elements, the last axis' one behind the other.
package org.beringia.hail.grouping

import is.hail.types.physical._
import org.apache.spark.unsafe.Platform
import org.beringia.hail.ArrowForms

sealed abstract class ValueCodec extends Serializable {

  /** Writes the value at `address`. */
  def write(address: Long, out: ByteSink): Unit
}

object ValueCodec {
  def of(physical: PType): ValueCodec = ArrowForms.storage(physical) match {
    case fixed if isFixed(fixed) => new FixedCodec(fixed.byteSize.toInt)
    case string: PCanonicalString => new StringCodec(string)
    case array: PCanonicalArray if isBlock(array) => new BlockCodec(array)
    case array: PCanonicalArray => new ArrayCodec(array, of(array.elementType))
    case struct: PCanonicalBaseStruct => new StructCodec(struct, struct.types.map(of).toArray)
    case array: PCanonicalNDArray => new NDArrayCodec(array, of(array.elementType))
    case _ => ArrowForms.unexpected(physical)
  }

  /** Whether an array travels whole: nothing in it points elsewhere. */
  def isBlock(array: PCanonicalArray): Boolean = isFixed(array.elementType)

  private def isFixed(physical: PType): Boolean = physical match {
    case _: PBoolean | _: PInt32 | _: PInt64 | _: PFloat32 | _: PFloat64 | _: PCanonicalCall => true
    case _ => false
  }

  final private class FixedCodec(size: Int) extends ValueCodec {
    override def write(address: Long, out: ByteSink): Unit = size match {
      case 8 => out.putLong(Platform.getLong(null, address))
      case 4 => out.putInt(Platform.getInt(null, address))
      case _ => out.put(null, address, size)
    }
  }

  final private class StringCodec(string: PCanonicalString) extends ValueCodec {
    private[this] val layout = string.binaryRepresentation

    override def write(address: Long, out: ByteSink): Unit = {
      val length = layout.loadLength(address)
      out.putInt(length)
      out.put(null, layout.bytesAddress(address), length)
    }
  }

  final private class BlockCodec(array: PCanonicalArray) extends ValueCodec {
    override def write(address: Long, out: ByteSink): Unit = {
      val n = array.loadLength(address)
      out.putInt(n)
      out.put(null, address, Math.toIntExact(array.contentsByteSize(n)))
    }
  }

  final private class ArrayCodec(array: PCanonicalArray, element: ValueCodec) extends ValueCodec {
    override def write(address: Long, out: ByteSink): Unit = {
      val n = array.loadLength(address)
      out.putInt(n)
      var i = 0
      while (i < n) {
        if (array.isElementDefined(address, i)) {
          out.putByte(1)
          element.write(array.loadElement(address, n, i), out)
        } else out.putByte(0)
        i += 1
      }
    }
  }

  final private class StructCodec(struct: PCanonicalBaseStruct, fields: Array[ValueCodec])
      extends ValueCodec {
    override def write(address: Long, out: ByteSink): Unit = {
      var i = 0
      while (i < fields.length) {
        if (struct.isFieldDefined(address, i)) {
          out.putByte(1)
          fields(i).write(struct.loadField(address, i), out)
        } else out.putByte(0)
        i += 1
      }
    }
  }

  final private class NDArrayCodec(array: PCanonicalNDArray, element: ValueCodec) extends ValueCodec {
    private[this] val layout = new NDArrayLayout(array)
    private[this] val width = array.elementType.byteSize

    override def write(address: Long, out: ByteSink): Unit = {
      var axis = 0
      while (axis < array.nDims) {
        out.putLong(array.loadShape(address, axis))
        axis += 1
      }
      if (layout.isBlock(address)) {
        out.put(null, layout.first(address), Math.toIntExact(layout.count(address) * width))
      } else layout.foreach(address)(element.write(_, out))
    }
  }
}
