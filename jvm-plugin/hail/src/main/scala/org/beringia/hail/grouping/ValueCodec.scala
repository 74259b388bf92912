// The values of a column on their way from one region to another: as bytes between tasks, or copied. Numbers are their
// bytes; arrays of numbers are Hail's own, whole.
package org.beringia.hail.grouping

import is.hail.annotations.Region
import is.hail.types.physical._
import org.apache.spark.unsafe.Platform
import org.beringia.{BeringiaException, ErrorCode}

sealed abstract class ValueCodec extends Serializable {

  /** Writes the value at `address`. */
  def write(address: Long, out: ByteSink): Unit

  /** Reads a value, and writes to `to` what a field or an element holds for it; its parts go to `region`. */
  def read(in: ByteSource, region: Region, to: Long): Unit

  /** Does so with a copy of the value at `address`. */
  def copy(address: Long, region: Region, to: Long): Unit
}

object ValueCodec {
  def of(physical: PType): ValueCodec = physical match {
    case fixed if isFixed(fixed) => new FixedCodec(fixed.byteSize.toInt)
    case string: PCanonicalString => new StringCodec(string)
    case array: PCanonicalArray if isFixed(array.elementType) => new BlockCodec(array)
    case array: PCanonicalArray => new ArrayCodec(array, of(array.elementType))
    case _ =>
      throw new BeringiaException(
        ErrorCode.INTERNAL,
        s"numpy_map met values in an unexpected form: $physical"
      )
  }

  private def isFixed(physical: PType): Boolean = physical match {
    case _: PBoolean | _: PInt32 | _: PInt64 | _: PFloat32 | _: PFloat64 | _: PCanonicalCall => true
    case _ => false
  }

  final private class FixedCodec(size: Int) extends ValueCodec {
    override def write(address: Long, out: ByteSink): Unit = out.put(null, address, size)
    override def read(in: ByteSource, region: Region, to: Long): Unit = in.copyTo(to, size.toLong)
    override def copy(address: Long, region: Region, to: Long): Unit =
      Platform.copyMemory(null, address, null, to, size.toLong)
  }

  /** Values that a field or an element points to. */
  sealed abstract private class PointedCodec extends ValueCodec {

    /** Reads a value into `region`; returns its address. */
    def make(in: ByteSource, region: Region): Long

    /** Copies the value at `address` into `region`; returns its address there. */
    def made(address: Long, region: Region): Long

    final override def read(in: ByteSource, region: Region, to: Long): Unit =
      Region.storeAddress(to, make(in, region))

    final override def copy(address: Long, region: Region, to: Long): Unit =
      Region.storeAddress(to, made(address, region))
  }

  final private class StringCodec(string: PCanonicalString) extends PointedCodec {
    private[this] val layout = string.binaryRepresentation

    override def write(address: Long, out: ByteSink): Unit = {
      val length = layout.loadLength(address)
      out.putInt(length)
      out.put(null, layout.bytesAddress(address), length)
    }

    override def make(in: ByteSource, region: Region): Long = {
      val length = in.int()
      val text = layout.allocate(region, length)
      layout.storeLength(text, length)
      in.copyTo(layout.bytesAddress(text), length.toLong)
      text
    }

    override def made(address: Long, region: Region): Long = {
      val length = layout.loadLength(address)
      val text = layout.allocate(region, length)
      Platform.copyMemory(null, address, null, text, layout.contentByteSize(length))
      text
    }
  }

  /** Arrays without pointers: one block of memory each. */
  final private class BlockCodec(array: PCanonicalArray) extends PointedCodec {
    override def write(address: Long, out: ByteSink): Unit = {
      val n = array.loadLength(address)
      out.putInt(n)
      out.put(null, address, Math.toIntExact(array.contentsByteSize(n)))
    }

    override def make(in: ByteSource, region: Region): Long = {
      val n = in.int()
      val elements = array.allocate(region, n)
      in.copyTo(elements, array.contentsByteSize(n))
      elements
    }

    override def made(address: Long, region: Region): Long = {
      val n = array.loadLength(address)
      val elements = array.allocate(region, n)
      Platform.copyMemory(null, address, null, elements, array.contentsByteSize(n))
      elements
    }
  }

  final private class ArrayCodec(array: PCanonicalArray, element: ValueCodec) extends PointedCodec {
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

    override def make(in: ByteSource, region: Region): Long = {
      val n = in.int()
      val result = array.allocate(region, n)
      array.initialize(result, n)
      var i = 0
      while (i < n) {
        if (in.byte() != 0) element.read(in, region, array.elementOffset(result, n, i))
        else array.setElementMissing(result, i)
        i += 1
      }
      result
    }

    override def made(address: Long, region: Region): Long = {
      val n = array.loadLength(address)
      val result = array.allocate(region, n)
      array.initialize(result, n)
      var i = 0
      while (i < n) {
        if (array.isElementDefined(address, i))
          element.copy(array.loadElement(address, n, i), region, array.elementOffset(result, n, i))
        else array.setElementMissing(result, i)
        i += 1
      }
      result
    }
  }
}
