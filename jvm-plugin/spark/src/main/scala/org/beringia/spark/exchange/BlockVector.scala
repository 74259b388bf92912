// A column of a block, where it lies: on the heap, in the row that Spark read, valid until the next block; or of a
// table of blocks, whose rows may be read in another order.
package org.beringia.spark.exchange

import java.math.{BigDecimal, BigInteger}

import org.apache.spark.sql.types.{DataType, Decimal}
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarArray, ColumnarMap}
import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.types.UTF8String
import org.beringia.spark.columns.StoringVector
import org.beringia.{BeringiaException, ErrorCode}

/** Bytes in terms of Spark's `Platform`. */
final case class Place(base: AnyRef, at: Long)

/** @param order which row is the first, the second and so on; null: as they are */
final class BlockVector(dataType: DataType, order: Array[Int] = null) extends ColumnVector(dataType)
    with StoringVector {
  override val width: Int = ScatteredColumn.width(dataType)
  private[this] var missingBase: AnyRef = _
  private[this] var missingAt = 0L
  private[this] var anyMissing = false
  private[this] var fixedBase: AnyRef = _
  private[this] var fixedAt = 0L
  private[this] var dataBase: AnyRef = _
  private[this] var dataAt = 0L
  private[this] var size = 0
  private[this] var rows = 0

  /** Takes the column whose two numbers are at `head` and whose values begin at `at`; returns where these end. */
  def show(base: AnyRef, rows: Int, head: Long, at: Long): Long = {
    val missing = Platform.getInt(base, head) != 0
    val fixed = if (missing) at + rows else at
    val data = fixed + rows.toLong * width
    val bytes = Platform.getInt(base, head + 4)
    show(rows, if (missing) Some(Place(base, at)) else None, Place(base, fixed), Place(base, data), bytes)
    if (bytes < 0) throw BlockVector.broken()
    data + bytes
  }

  /** Takes a column whose parts lie anywhere, `bytes` of no fixed width among them. */
  def show(rows: Int, missing: Option[Place], fixed: Place, data: Place, bytes: Int): Unit = {
    this.rows = rows
    anyMissing = missing.isDefined
    missing.foreach { place =>
      missingBase = place.base
      missingAt = place.at
    }
    fixedBase = fixed.base
    fixedAt = fixed.at
    dataBase = data.base
    dataAt = data.at
    size = bytes
  }

  /** A byte for each row, where values are missing. */
  def missing: Place = Place(missingBase, missingAt)

  /** What has one width. */
  def fixed: Place = Place(fixedBase, fixedAt)

  /** What has none. */
  def data: Place = Place(dataBase, dataAt)
  def dataBytes: Int = size

  override def close(): Unit = ()
  override def hasNull: Boolean = anyMissing
  override def numNulls: Int = if (anyMissing) (0 until rows).count(isNullAt) else 0
  override def isNullAt(row: Int): Boolean =
    anyMissing && Platform.getByte(missingBase, missingAt + at(row)) != 0
  override def getBoolean(row: Int): Boolean = Platform.getBoolean(fixedBase, fixedAt + at(row))
  override def getByte(row: Int): Byte = Platform.getByte(fixedBase, fixedAt + at(row))
  override def getShort(row: Int): Short = Platform.getShort(fixedBase, fixedAt + 2L * at(row))
  override def getInt(row: Int): Int = Platform.getInt(fixedBase, fixedAt + 4L * at(row))
  override def getLong(row: Int): Long = Platform.getLong(fixedBase, fixedAt + 8L * at(row))
  override def getFloat(row: Int): Float = Platform.getFloat(fixedBase, fixedAt + 4L * at(row))
  override def getDouble(row: Int): Double = Platform.getDouble(fixedBase, fixedAt + 8L * at(row))

  override def store(start: Int, count: Int, to: Long): Unit =
    if (order == null)
      Platform.copyMemory(fixedBase, fixedAt + start.toLong * width, null, to, count.toLong * width)
    else width match {
      case 8 =>
        var i = 0
        while (i < count) {
          Platform.putLong(null, to + 8L * i, Platform.getLong(fixedBase, fixedAt + 8L * order(start + i)))
          i += 1
        }
      case 4 =>
        var i = 0
        while (i < count) {
          Platform.putInt(null, to + 4L * i, Platform.getInt(fixedBase, fixedAt + 4L * order(start + i)))
          i += 1
        }
      case 2 =>
        var i = 0
        while (i < count) {
          Platform.putShort(null, to + 2L * i, Platform.getShort(fixedBase, fixedAt + 2L * order(start + i)))
          i += 1
        }
      case _ =>
        var i = 0
        while (i < count) {
          Platform.putByte(null, to + i, Platform.getByte(fixedBase, fixedAt + order(start + i)))
          i += 1
        }
    }

  override def getUTF8String(row: Int): UTF8String = if (isNullAt(row)) null
  else {
    val stored = at(row)
    UTF8String.fromAddress(dataBase, dataAt + start(stored), length(stored))
  }

  override def getBinary(row: Int): Array[Byte] = if (isNullAt(row)) null
  else {
    val stored = at(row)
    val bytes = new Array[Byte](length(stored))
    val to = Platform.BYTE_ARRAY_OFFSET.toLong
    Platform.copyMemory(dataBase, dataAt + start(stored), bytes, to, bytes.length.toLong)
    bytes
  }

  override def getDecimal(row: Int, precision: Int, scale: Int): Decimal = if (isNullAt(row)) null
  else if (precision <= Decimal.MAX_LONG_DIGITS) Decimal.createUnsafe(getLong(row), precision, scale)
  else Decimal(new BigDecimal(new BigInteger(getBinary(row)), scale), precision, scale)

  override def getArray(row: Int): ColumnarArray = throw new UnsupportedOperationException("no array")
  override def getMap(row: Int): ColumnarMap = throw new UnsupportedOperationException("no map")
  override def getChild(ordinal: Int): ColumnVector = throw new UnsupportedOperationException("no struct")

  /** Which row is meant. */
  private def at(row: Int): Int = if (order == null) row else order(row)

  /** Where a value of no fixed width ends among the bytes, by its place. */
  private[exchange] def endOf(stored: Int): Int = Platform.getInt(fixedBase, fixedAt + 4L * stored)

  private def start(stored: Int): Int = if (stored == 0) 0 else endOf(stored - 1)

  private def length(stored: Int): Int = {
    val from = start(stored)
    val end = endOf(stored)
    if (from < 0 || end < from || end > size) throw BlockVector.broken()
    end - from
  }
}

object BlockVector {

  /** As nodes tell of their vectors. */
  val name: String = classOf[BlockVector].getName

  private[exchange] def broken() =
    new BeringiaException(ErrorCode.INTERNAL, "a block of the exchange is not as it was written")
}
