// The results of an accelerated node within one task as Spark's own node would give them: without keys that it hides, and
// with errors that PySpark knows.
package org.beringia.spark.accelerate

import org.apache.spark.sql.execution.python.beringia.PythonLine
import org.apache.spark.sql.vectorized.{ColumnarBatch, ColumnVector}
import org.beringia.{BeringiaException, ErrorCode}

/**
 * @param hidden how many leading columns of `batches` are not shown
 * @param shown how many rows of a batch are
 */
final class AcceleratedBatches(
    batches: Iterator[ColumnarBatch],
    hidden: Int,
    shown: ColumnarBatch => Int = _.numRows
) extends Iterator[ColumnarBatch] {

  override def hasNext: Boolean = translating(batches.hasNext)

  override def next(): ColumnarBatch = {
    val batch = translating(batches.next())
    val columns = (hidden until batch.numCols).map(batch.column(_): ColumnVector)
    new ColumnarBatch(columns.toArray, shown(batch))
  }

  private def translating[T](action: => T): T =
    try action
    catch {
      case e: RuntimeException =>
        throw traceback(e).fold(e)(PythonLine.raised) // what PySpark has no word for stays ours
    }

  private def traceback(error: Throwable): Option[String] =
    Iterator
      .iterate(error)(_.getCause)
      .takeWhile(_ != null)
      .collectFirst { case ours: BeringiaException => ours }
      .filter(_.getCode == ErrorCode.FUNCTION_RAISED.number)
      .flatMap(ours => Option(ours.getTraceback))
}
