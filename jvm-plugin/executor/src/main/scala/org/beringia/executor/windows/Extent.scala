// Which windows a position lies in. Window number k has the positions from k steps on, to before a size more. A position is
// an ordinal: a whole number that sorts as it does. The windows of a row are those from the first that has not ended to the
// last that has begun, none if that is before the first; both only grow with the ordinal.
package org.beringia.executor.windows

import org.beringia.{BeringiaException, ErrorCode}

sealed abstract class Extent extends Serializable {

  /** How many positions a window has. */
  def size: Any

  /** How many there are from the beginning of one to that of the next. */
  def step: Any

  /** The first window that ends behind the position. */
  def first(ordinal: Long): Long

  /** The last window that begins at the position, or before. */
  def last(ordinal: Long): Long

  /** Where a window begins: an Int, a Long or a Double. */
  def start(window: Long): Any

  /** Where it ends. */
  def end(window: Long): Any

  /** Where it ends if it has so many rows. */
  def end(window: Long, rows: Long): Any = end(window)

  final protected def tooFar(position: Any, step: Any): BeringiaException = new BeringiaException(
    ErrorCode.ARGUMENT,
    s"a window cannot be found: position $position is too far from 0 for steps of $step"
  )
}

/**
 * Of whole numbers, which are their own ordinals.
 *
 * @param fromZero whether no window begins before 0
 * @param most the largest bound that there may be
 * @param asInts whether bounds are of 32 bits
 */
final case class WholeExtent(
    size: Long,
    step: Long,
    fromZero: Boolean = false,
    most: Long = Long.MaxValue,
    asInts: Boolean = false
) extends Extent {
  override def first(ordinal: Long): Long = {
    if (ordinal < Long.MinValue + size) throw tooFar(ordinal, step)
    val number = Math.floorDiv(ordinal - size, step) + 1
    if (fromZero) math.max(0L, number) else number
  }

  override def last(ordinal: Long): Long = {
    val number = Math.floorDiv(ordinal, step)
    if (ordinal > most - size && number * step > most - size) throw tooFar(ordinal, step)
    number
  }

  override def start(window: Long): Any = bound(window * step)

  override def end(window: Long): Any = {
    val start = window * step
    if (start > most - size) throw tooFar(start, step)
    bound(start + size)
  }

  private def bound(value: Long): Any =
    if (!asInts) value
    else if (value.isValidInt) value.toInt
    else throw tooFar(value, step)
}

/** Of rows, whose ordinals are their numbers. The last windows end with the rows. */
final case class RowExtent(size: Long, step: Long) extends Extent {
  private[this] val numbers = WholeExtent(size, step, fromZero = true)

  override def first(ordinal: Long): Long = numbers.first(ordinal)
  override def last(ordinal: Long): Long = Math.floorDiv(ordinal, step)
  override def start(window: Long): Any = numbers.start(window)
  override def end(window: Long): Any = numbers.end(window)
  override def end(window: Long, rows: Long): Any = window * step + math.min(size, rows)
}

/** Of floats, whose ordinals are their bits. */
final case class FloatExtent(size: Double, step: Double) extends Extent {
  import FloatExtent._

  // What a window has is said by its bounds, whatever the quotient was rounded to.
  override def first(ordinal: Long): Long = {
    val position = valueOf(ordinal)
    var number = quotient(position, position - size)
    while (number * step + size <= position) number += 1
    number
  }

  override def last(ordinal: Long): Long = {
    val position = valueOf(ordinal)
    var number = quotient(position, position) + 1
    while (number * step > position) number -= 1
    number
  }

  override def start(window: Long): Any = window * step
  override def end(window: Long): Any = window * step + size

  private def quotient(position: Double, from: Double): Long = {
    val steps = math.floor(from / step)
    if (math.abs(steps) >= Farthest) throw tooFar(position, step)
    steps.toLong
  }
}

object FloatExtent {
  private val Farthest = (1L << 52).toDouble // from here on numbers of windows are not exact

  /** The ordinal of a value that is finite: zero is one. */
  def ordinal(value: Double): Long = {
    val bits = java.lang.Double.doubleToRawLongBits(value + 0.0)
    bits ^ ((bits >> 63) & Long.MaxValue)
  }

  def valueOf(ordinal: Long): Double =
    java.lang.Double.longBitsToDouble(ordinal ^ ((ordinal >> 63) & Long.MaxValue))
}
