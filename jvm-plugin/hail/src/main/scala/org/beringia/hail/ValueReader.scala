// Results back to regions: values of an Arrow column written in Hail's layout. A reader stands for one column of
// one batch; it never keeps an address of the region it writes to.
package org.beringia.hail

import is.hail.annotations.Region
import is.hail.types.physical._
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.{BeringiaException, ErrorCode}

abstract class ValueReader(array: Long, protected val offset: Long) {
  private[this] val validity =
    if (ArrowArrayStruct.nullCount(array) == 0) 0L else ArrowArrayStruct.buffer(array, 0)

  def mayMiss: Boolean = validity != 0

  def isMissing(index: Long): Boolean = validity != 0 && !Region.loadBit(validity, offset + index)

  /** Writes value `index`, which is present, at `to`: a field of a struct or an element of an array. */
  def store(index: Long, region: Region, to: Long): Unit

  /** Fills an array at `address`, initialised for `n` elements, with the values from `start` on. */
  def storeAll(start: Long, n: Int, region: Region, elements: PCanonicalArray, address: Long): Unit = {
    var i = 0
    while (i < n) {
      if (isMissing(start + i)) elements.setElementMissing(address, i)
      else store(start + i, region, elements.elementOffset(address, n, i))
      i += 1
    }
  }
}

object ValueReader {

  /** A reader of the `ArrowArray` at `array`; `outer` is the offset of the struct that it is a child of. */
  def of(physical: PType, array: Long, outer: Long = 0): ValueReader = {
    val offset = outer + ArrowArrayStruct.offset(array)
    if (ArrowArrayStruct.dictionary(array) != 0) {
      new DictionaryReader(physical, array, offset)
    } else {
      ArrowForms.storage(physical) match {
        case _: PBoolean => new BooleanReader(array, offset)
        case _: PInt32 | _: PFloat32 | _: PCanonicalCall => new FixedReader(array, offset, 4)
        case _: PInt64 | _: PFloat64 => new FixedReader(array, offset, 8)
        case string: PCanonicalString => new StringReader(array, offset, string)
        case list: PCanonicalArray => new ListReader(array, offset, list)
        case struct: PCanonicalBaseStruct => new StructReader(array, offset, struct)
        case _ => ArrowForms.unexpected(physical)
      }
    }
  }
}

final class FixedReader(array: Long, offset: Long, width: Int) extends ValueReader(array, offset) {
  private[this] val values = ArrowArrayStruct.buffer(array, 1) + offset * width

  def long(index: Long): Long = Platform.getLong(null, values + 8 * index)

  override def store(index: Long, region: Region, to: Long): Unit =
    if (width == 4) Platform.putInt(null, to, Platform.getInt(null, values + 4 * index))
    else Platform.putLong(null, to, Platform.getLong(null, values + 8 * index))

  override def storeAll(
      start: Long,
      n: Int,
      region: Region,
      elements: PCanonicalArray,
      address: Long
  ): Unit = {
    Platform.copyMemory(
      null,
      values + start * width,
      null,
      elements.firstElementOffset(address, n),
      n.toLong * width
    )
    if (mayMiss) {
      var i = 0
      while (i < n) {
        if (isMissing(start + i)) elements.setElementMissing(address, i)
        i += 1
      }
    }
  }
}

final class BooleanReader(array: Long, offset: Long) extends ValueReader(array, offset) {
  private[this] val bits = ArrowArrayStruct.buffer(array, 1)

  override def store(index: Long, region: Region, to: Long): Unit =
    Region.storeBoolean(to, Region.loadBit(bits, offset + index))
}

final class StringReader(array: Long, offset: Long, string: PCanonicalString)
    extends ValueReader(array, offset) {
  private[this] val ends = ArrowArrayStruct.buffer(array, 1) + 8 * offset
  private[this] val bytes = ArrowArrayStruct.buffer(array, 2)
  private[this] val layout = string.binaryRepresentation

  override def store(index: Long, region: Region, to: Long): Unit = {
    val start = Platform.getLong(null, ends + 8 * index)
    val length = Math.toIntExact(Platform.getLong(null, ends + 8 * index + 8) - start)
    val text = layout.allocate(region, length)
    layout.storeLength(text, length)
    Platform.copyMemory(null, bytes + start, null, layout.bytesAddress(text), length.toLong)
    Region.storeAddress(to, text)
  }
}

final class ListReader(array: Long, offset: Long, list: PCanonicalArray) extends ValueReader(array, offset) {
  private[this] val ends = ArrowArrayStruct.buffer(array, 1) + 8 * offset
  private[this] val items = ValueReader.of(list.elementType, ArrowArrayStruct.child(array, 0))

  override def store(index: Long, region: Region, to: Long): Unit = {
    val start = Platform.getLong(null, ends + 8 * index)
    val n = Math.toIntExact(Platform.getLong(null, ends + 8 * index + 8) - start)
    val elements = list.allocate(region, n)
    list.initialize(elements, n)
    items.storeAll(start, n, region, list, elements)
    Region.storeAddress(to, elements)
  }
}

/** Structs, and what Hail stores as such, in place. */
final class StructReader(array: Long, offset: Long, struct: PCanonicalBaseStruct)
    extends ValueReader(array, offset) {
  private[this] val fields = struct.types.zipWithIndex.map { case (field, i) =>
    ValueReader.of(field, ArrowArrayStruct.child(array, i), offset)
  }.toArray
  private[this] val offsets = FieldOffsets.of(struct)

  override def store(index: Long, region: Region, to: Long): Unit = {
    struct.initialize(to)
    var i = 0
    while (i < fields.length) {
      if (!fields(i).isMissing(index)) fields(i).store(index, region, to + offsets(i))
      else if (!struct.types(i).required) struct.setFieldMissing(to, i)
      else throw new BeringiaException(ErrorCode.PROTOCOL, s"a part of $struct is missing in a result")
      i += 1
    }
  }
}

/** Any column that came as 32-bit indices into a dictionary of its values. */
final class DictionaryReader(physical: PType, array: Long, offset: Long) extends ValueReader(array, offset) {
  private[this] val indices = ArrowArrayStruct.buffer(array, 1) + 4 * offset
  private[this] val values = ValueReader.of(physical, ArrowArrayStruct.dictionary(array))

  def index(row: Long): Long = Platform.getInt(null, indices + 4 * row).toLong

  override def mayMiss: Boolean = super.mayMiss || values.mayMiss

  override def isMissing(row: Long): Boolean = super.isMissing(row) || values.isMissing(index(row))

  override def store(row: Long, region: Region, to: Long): Unit = values.store(index(row), region, to)

  /** The number at `row` of a dictionary of 64-bit numbers. */
  def long(row: Long): Long = values.asInstanceOf[FixedReader].long(index(row))
}
