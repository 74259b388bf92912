// Where a row lies: its contig, and the ordinal of its position (see Extent).
package org.beringia.hail.windows

import java.nio.charset.StandardCharsets

import is.hail.types.physical._
import org.apache.spark.unsafe.Platform
import org.beringia.executor.windows.FloatExtent
import org.beringia.hail.{ArrowForms, RowField}

final class RowPositions(row: PStruct, plan: WindowPlan) {
  private[this] val contigField = plan.contig.map(new RowField(row, _)).orNull
  private[this] val positionField = new RowField(row, plan.position)
  private[this] val layout =
    if (contigField == null) null
    else
      contigField.physical match {
        case string: PCanonicalString => string.binaryRepresentation
        case other => ArrowForms.unexpected(other)
      }

  private[this] val read: Long => Long = positionField.physical match {
    case _: PInt32 => Platform.getInt(null, _).toLong
    case _: PInt64 => Platform.getLong(null, _)
    case _: PFloat32 => address => float(Platform.getFloat(null, address).toDouble)
    case _: PFloat64 => address => float(Platform.getDouble(null, address))
    case other => ArrowForms.unexpected(other)
  }
  private[this] var isFinite = true
  private[this] var name: String = _ // of the contig
  private[this] var bytes = Array.emptyByteArray

  /** The contig of the last row; null where there are none. */
  def contig: String = name

  /** The ordinal of the last row's position. */
  var ordinal = 0L

  /** Reads a row; false if it has no contig, or no position that is finite. */
  def at(address: Long): Boolean = {
    isFinite = true
    val isThere =
      positionField.isDefined(address) && (contigField == null || contigField.isDefined(address))
    if (isThere) {
      if (contigField != null) readContig(contigField.load(address))
      ordinal = read(positionField.load(address))
    }
    isThere && isFinite
  }

  private def float(value: Double): Long = {
    isFinite = !value.isNaN && !value.isInfinite
    FloatExtent.ordinal(value)
  }

  /** Rows of one contig come one after the other: its name is made once for them. */
  private def readContig(address: Long): Unit = {
    val length = layout.loadLength(address)
    val at = layout.bytesAddress(address)
    var same = name != null && length == bytes.length
    var i = 0
    while (same && i < length) {
      same = bytes(i) == Platform.getByte(null, at + i)
      i += 1
    }
    if (!same) {
      bytes = new Array[Byte](length)
      Platform.copyMemory(null, at, bytes, Platform.BYTE_ARRAY_OFFSET.toLong, length.toLong)
      name = new String(bytes, StandardCharsets.UTF_8)
    }
  }
}
