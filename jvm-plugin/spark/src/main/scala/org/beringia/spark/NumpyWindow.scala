// Windows as Scala and Java programs write them: an option of numpyMap.
package org.beringia.spark

import java.math.BigDecimal
import java.time.Duration

import org.apache.spark.sql.Column
import org.apache.spark.sql.beringia.SparkInternals
import org.beringia.spark.windows.Windows

/**
 * Windows over a column: each has the rows from a multiple of `step` on, to before `size` more, and a row may lie in several.
 * Of the rows with equal grouping columns each window that has some is a group; its key is the column `window` behind
 * these, a struct of `start` and `end`.
 */
final class NumpyWindow private (
    column: Column,
    private[spark] val size: BigDecimal,
    private[spark] val step: BigDecimal,
    private[spark] val unit: Windows.Unit
) {
  private[spark] def windows: Windows =
    Windows(SparkInternals.expression(column), size, step, unit, place = Int.MaxValue)
}

object NumpyWindow {
  import Windows.Unit

  /** Over whole numbers. */
  def apply(column: Column, size: Long, step: Long): NumpyWindow =
    new NumpyWindow(column, BigDecimal.valueOf(size), BigDecimal.valueOf(step), Unit.Numbers)

  /** Over floats. */
  def apply(column: Column, size: Double, step: Double): NumpyWindow =
    new NumpyWindow(column, BigDecimal.valueOf(size), BigDecimal.valueOf(step), Unit.Numbers)

  /** Over dates, timestamps or durations. */
  def apply(column: Column, size: Duration, step: Duration): NumpyWindow =
    new NumpyWindow(column, micros(size), micros(step), Unit.Microseconds)

  /** Of so many rows, in the order of the column. */
  def ofRows(column: Column, size: Long, step: Long): NumpyWindow =
    new NumpyWindow(column, BigDecimal.valueOf(size), BigDecimal.valueOf(step), Unit.Rows)

  private def micros(duration: Duration) =
    BigDecimal.valueOf(Math.addExact(
      Math.multiplyExact(duration.getSeconds, 1000000L),
      duration.getNano / 1000L
    ))
}
