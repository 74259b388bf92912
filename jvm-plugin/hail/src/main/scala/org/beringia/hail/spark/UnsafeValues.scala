// Values of regions as those of Spark's rows, in their binary form: a writer for each field, element and nesting level. The
// elements of a Hail array of numbers are those of Spark's array too, and are copied whole.
package org.beringia.hail.spark

import is.hail.types.physical._
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData
import org.apache.spark.sql.catalyst.expressions.codegen.{UnsafeArrayWriter, UnsafeRowWriter, UnsafeWriter}
import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.types.UTF8String
import org.beringia.hail.ArrowForms

/** Writes values to places of `out`. */
sealed abstract class UnsafeValue(out: UnsafeWriter) {

  /** Writes the value at `address`. */
  def write(ordinal: Int, address: Long): Unit

  def writeMissing(ordinal: Int): Unit
}

object UnsafeValue {
  def of(physical: PType, out: UnsafeWriter): UnsafeValue = physical match {
    case _: PBoolean => new UnsafeBoolean(out)
    case _: PInt32 | _: PFloat32 => new UnsafeFixed4(out)
    case _: PInt64 | _: PFloat64 => new UnsafeFixed8(out)
    case string: PCanonicalString => new UnsafeText(out, string)
    case array: PCanonicalArray => new UnsafeArray(out, array)
    case struct: PCanonicalBaseStruct => new UnsafeStruct(out, struct)
    case _ => ArrowForms.unexpected(physical)
  }
}

final class UnsafeBoolean(out: UnsafeWriter) extends UnsafeValue(out) {
  override def write(ordinal: Int, address: Long): Unit =
    out.write(ordinal, Platform.getByte(null, address) != 0)

  override def writeMissing(ordinal: Int): Unit = out.setNull1Bytes(ordinal)
}

/** Numbers of 32 bits. Floats too: their bits are not looked at. */
final class UnsafeFixed4(out: UnsafeWriter) extends UnsafeValue(out) {
  override def write(ordinal: Int, address: Long): Unit = out.write(ordinal, Platform.getInt(null, address))

  override def writeMissing(ordinal: Int): Unit = out.setNull4Bytes(ordinal)
}

final class UnsafeFixed8(out: UnsafeWriter) extends UnsafeValue(out) {
  override def write(ordinal: Int, address: Long): Unit = out.write(ordinal, Platform.getLong(null, address))

  override def writeMissing(ordinal: Int): Unit = out.setNull8Bytes(ordinal)
}

final class UnsafeText(out: UnsafeWriter, string: PCanonicalString) extends UnsafeValue(out) {
  private[this] val layout = string.binaryRepresentation

  override def write(ordinal: Int, address: Long): Unit =
    out.write(ordinal, UTF8String.fromAddress(null, layout.bytesAddress(address), layout.loadLength(address)))

  override def writeMissing(ordinal: Int): Unit = out.setNull8Bytes(ordinal)
}

final class UnsafeStruct(out: UnsafeWriter, struct: PCanonicalBaseStruct) extends UnsafeValue(out) {
  private[this] val row = new UnsafeRowWriter(out, struct.size)
  private[this] val fields = new UnsafeFields(row, struct)

  override def write(ordinal: Int, address: Long): Unit = {
    val start = out.cursor
    row.resetRowWriter()
    fields.write(address)
    out.setOffsetAndSizeFromPreviousCursor(ordinal, start)
  }

  override def writeMissing(ordinal: Int): Unit = out.setNull8Bytes(ordinal)
}

/** The fields of a struct, in a row. */
final class UnsafeFields(row: UnsafeRowWriter, struct: PBaseStruct) {
  private[this] val fields = struct.types.map(UnsafeValue.of(_, row)).toArray
  private[this] val places = FieldPlaces.of(struct)

  /** Where the bits are that tell what is missing: with those after the last, which may be anything. */
  private[this] val (missingBytes, lastBits) = struct match {
    case canonical: PCanonicalBaseStruct =>
      (canonical.nMissingBytes, 0xff >> (8 * canonical.nMissingBytes - canonical.nMissing))
    case _ => (-1, 0) // they lie anywhere
  }

  def write(address: Long): Unit =
    if (isWhole(address)) writeWhole(address)
    else {
      var i = 0
      while (i < fields.length) {
        if (struct.isFieldDefined(address, i)) fields(i).write(i, struct.loadField(address, i))
        else row.setNullAt(i)
        i += 1
      }
    }

  /** Whether no field is missing: where in doubt, it is not. */
  private def isWhole(address: Long): Boolean = {
    var i = 0
    while (i < missingBytes - 1 && Platform.getByte(null, address + i) == 0) i += 1
    missingBytes == 0 || i == missingBytes - 1 && (Platform.getByte(null, address + i) & lastBits) == 0
  }

  private def writeWhole(address: Long): Unit = {
    val offsets = places.offsets
    val wide = places.wide
    val buffer = row.getBuffer
    var i = 0
    while (i < wide.length) {
      val field = wide(i)
      Platform.putLong(buffer, row.getFieldOffset(field), Platform.getLong(null, address + offsets(field)))
      i += 1
    }
    val narrow = places.narrow
    i = 0
    while (i < narrow.length) {
      val field = narrow(i)
      row.write(field, Platform.getInt(null, address + offsets(field)))
      i += 1
    }
    val others = places.others
    i = 0
    while (i < others.length) {
      val field = others(i)
      fields(field).write(field, struct.loadField(address, field))
      i += 1
    }
  }
}

final class UnsafeArray(out: UnsafeWriter, array: PCanonicalArray) extends UnsafeValue(out) {
  private[this] val width: Int = array.elementType match {
    case _: PBoolean => 1
    case _: PInt32 | _: PFloat32 => 4
    case _ => 8 // of what lies elsewhere: where
  }

  private[this] val isBlock = array.elementType match {
    case _: PBoolean | _: PInt32 | _: PFloat32 | _: PInt64 | _: PFloat64 => true
    case _ => false
  }

  private[this] val elements = new UnsafeArrayWriter(out, width)
  private[this] val element = UnsafeValue.of(array.elementType, elements)

  override def write(ordinal: Int, address: Long): Unit = {
    val start = out.cursor
    val n = array.loadLength(address)
    elements.initialize(n)
    if (isBlock) {
      val to = start.toLong + UnsafeArrayData.calculateHeaderPortionInBytes(n)
      Platform.copyMemory(null, address + array.elementsOffset(n), out.getBuffer, to, n.toLong * width)
    }
    var i = 0
    if (!isBlock || !array.elementType.required) while (i < n) {
      if (!array.isElementDefined(address, i)) element.writeMissing(i)
      else if (!isBlock) element.write(i, array.loadElement(address, n, i))
      i += 1
    }
    out.setOffsetAndSizeFromPreviousCursor(ordinal, start)
  }

  override def writeMissing(ordinal: Int): Unit = out.setNull8Bytes(ordinal)
}
