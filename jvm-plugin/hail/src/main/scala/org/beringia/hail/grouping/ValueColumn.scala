// An array of Hail's in the making: its elements lie in a region from the start, with room before them for the array's
// header, and move only when there is no room after them.
package org.beringia.hail.grouping

import java.util.BitSet

import is.hail.annotations.Region
import is.hail.types.physical.PCanonicalArray
import org.apache.spark.unsafe.Platform
import org.beringia.{BeringiaException, ErrorCode}

/** All calls up to `finish` are given the same region. */
final class ValueColumn(array: PCanonicalArray, element: ValueCodec) {
  private[this] val width = array.elementType.byteSize
  private[this] val missing = new BitSet
  private[this] var elements = 0L // address of the first one
  private[this] var capacity = 0
  private[this] var count = 0
  private[this] var usual = ValueColumn.Least

  /** Appends what comes next: a byte that says whether it is there, and the value. */
  def append(in: ByteSource, region: Region): Unit =
    if (in.byte() != 0) element.read(in, region, place(region)) else appendMissing(region)

  /** Appends a copy of the value at `address`. */
  def append(address: Long, region: Region): Unit = element.copy(address, region, place(region))

  def appendMissing(region: Region): Unit = {
    missing.set(count)
    Platform.setMemory(place(region), 0, width)
  }

  /** Returns the array's address, and begins another. */
  def finish(region: Region): Long = {
    if (capacity == 0) grow(region, 1)
    val result = elements - array.elementsOffset(count)
    array.initialize(result, count)
    var i = missing.nextSetBit(0)
    while (i >= 0) {
      array.setElementMissing(result, i)
      i = missing.nextSetBit(i + 1)
    }
    usual = math.max(ValueColumn.Least, math.min(count, ValueColumn.Most))
    missing.clear()
    capacity = 0
    count = 0
    result
  }

  private def place(region: Region): Long = {
    if (count == capacity) grow(region, if (count == 0) usual.toLong else 2L * count)
    count += 1
    elements + (count - 1) * width
  }

  private def grow(region: Region, wanted: Long): Unit = {
    val most = Int.MaxValue - 15
    if (count >= most) {
      throw new BeringiaException(
        ErrorCode.TOO_LARGE.number,
        s"numpy_map: a group has more than $most rows. Group more finely.",
        null,
        null,
        null
      )
    }
    val room = math.min(wanted, most.toLong).toInt
    val header = array.elementsOffset(room)
    val larger = region.allocate(8, header + room * width) + header
    if (count > 0) Platform.copyMemory(null, elements, null, larger, count * width)
    elements = larger
    capacity = room
  }
}

object ValueColumn {

  // How many elements there is room for at first: as many as the last array had, within these.
  private val Least = 16
  private val Most = 1 << 16
}
