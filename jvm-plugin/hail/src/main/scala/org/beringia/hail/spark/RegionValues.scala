// Values of Spark's rows, in whatever form they come, written to regions in Hail's layout.
package org.beringia.hail.spark

import is.hail.annotations.Region
import is.hail.types.physical._
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{SpecializedGetters, UnsafeArrayData, UnsafeRow}
import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.bitset.BitSetMethods
import org.beringia.hail.ArrowForms

/** Writes a value of a row or array, which is there, to a field of a struct or an element of an array. */
sealed abstract class RegionValue {
  def store(from: SpecializedGetters, ordinal: Int, region: Region, to: Long): Unit
}

object RegionValue {
  def of(physical: PType): RegionValue = physical match {
    case _: PBoolean => RegionBoolean
    case _: PInt32 => RegionInt
    case _: PInt64 => RegionLong
    case _: PFloat32 => RegionFloat
    case _: PFloat64 => RegionDouble
    case string: PCanonicalString => new RegionText(string.binaryRepresentation)
    case array: PCanonicalArray => new RegionArray(array)
    case struct: PCanonicalBaseStruct => new RegionStruct(struct)
    case _ => ArrowForms.unexpected(physical)
  }
}

object RegionBoolean extends RegionValue {
  override def store(from: SpecializedGetters, ordinal: Int, region: Region, to: Long): Unit =
    Region.storeBoolean(to, from.getBoolean(ordinal))
}

object RegionInt extends RegionValue {
  override def store(from: SpecializedGetters, ordinal: Int, region: Region, to: Long): Unit =
    Platform.putInt(null, to, from.getInt(ordinal))
}

object RegionLong extends RegionValue {
  override def store(from: SpecializedGetters, ordinal: Int, region: Region, to: Long): Unit =
    Platform.putLong(null, to, from.getLong(ordinal))
}

object RegionFloat extends RegionValue {
  override def store(from: SpecializedGetters, ordinal: Int, region: Region, to: Long): Unit =
    Platform.putFloat(null, to, from.getFloat(ordinal))
}

object RegionDouble extends RegionValue {
  override def store(from: SpecializedGetters, ordinal: Int, region: Region, to: Long): Unit =
    Platform.putDouble(null, to, from.getDouble(ordinal))
}

final class RegionText(layout: PBinary) extends RegionValue {
  override def store(from: SpecializedGetters, ordinal: Int, region: Region, to: Long): Unit = {
    val text = from.getUTF8String(ordinal)
    val address = layout.allocate(region, text.numBytes)
    layout.storeLength(address, text.numBytes)
    text.writeToMemory(null, layout.bytesAddress(address))
    Region.storeAddress(to, address)
  }
}

final class RegionArray(array: PCanonicalArray) extends RegionValue {
  private[this] val element = RegionValue.of(array.elementType)

  /** How many bytes an element takes, if it takes the same in Spark's own arrays. */
  private[this] val width: Long = array.elementType match {
    case _: PInt32 | _: PFloat32 => 4
    case _: PInt64 | _: PFloat64 => 8
    case _ => 0
  }

  override def store(from: SpecializedGetters, ordinal: Int, region: Region, to: Long): Unit = {
    val values = from.getArray(ordinal)
    val n = values.numElements
    val address = array.allocate(region, n)
    array.initialize(address, n)
    values match {
      case block: UnsafeArrayData if width > 0 =>
        val nulls = block.getBaseOffset + 8 // bits in whole words, after the length
        val elements = block.getBaseOffset + UnsafeArrayData.calculateHeaderPortionInBytes(n)
        Platform.copyMemory(
          block.getBaseObject,
          elements,
          null,
          array.firstElementOffset(address, n),
          n * width
        )
        if (BitSetMethods.anySet(block.getBaseObject, nulls, (elements - nulls) / 8)) {
          var i = 0
          while (i < n) {
            if (values.isNullAt(i)) array.setElementMissing(address, i)
            i += 1
          }
        }
      case _ =>
        var i = 0
        while (i < n) {
          if (values.isNullAt(i)) array.setElementMissing(address, i)
          else element.store(values, i, region, array.elementOffset(address, n, i))
          i += 1
        }
    }
    Region.storeAddress(to, address)
  }
}

final class RegionStruct(struct: PCanonicalBaseStruct) extends RegionValue {
  private[this] val fields = struct.types.map(RegionValue.of).toArray
  private[this] val places = FieldPlaces.of(struct)
  private[this] val values =
    UnsafeRow.calculateBitSetWidthInBytes(fields.length) // where they begin in a binary row

  override def store(from: SpecializedGetters, ordinal: Int, region: Region, to: Long): Unit =
    store(from.getStruct(ordinal, fields.length), region, to)

  /** Writes a whole row. */
  def store(row: InternalRow, region: Region, to: Long): Unit = {
    struct.initialize(to)
    row match {
      case binary: UnsafeRow if !binary.anyNull => storeWhole(binary, region, to)
      case _ =>
        var i = 0
        while (i < fields.length) {
          if (row.isNullAt(i)) struct.setFieldMissing(to, i)
          else fields(i).store(row, i, region, to + places.offsets(i))
          i += 1
        }
    }
  }

  private def storeWhole(row: UnsafeRow, region: Region, to: Long): Unit = {
    val base = row.getBaseObject
    val start = row.getBaseOffset + values
    val offsets = places.offsets
    val wide = places.wide
    var i = 0
    while (i < wide.length) {
      val field = wide(i)
      Platform.putLong(null, to + offsets(field), Platform.getLong(base, start + 8L * field))
      i += 1
    }
    val narrow = places.narrow
    i = 0
    while (i < narrow.length) {
      val field = narrow(i)
      Platform.putInt(null, to + offsets(field), Platform.getInt(base, start + 8L * field))
      i += 1
    }
    val others = places.others
    i = 0
    while (i < others.length) {
      val field = others(i)
      fields(field).store(row, field, region, to + offsets(field))
      i += 1
    }
  }
}
