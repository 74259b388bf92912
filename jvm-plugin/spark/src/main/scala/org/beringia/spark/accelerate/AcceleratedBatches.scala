// The results of an accelerated node within one task as Spark's own node would give them: without the keys, and with
// errors that PySpark knows.
package org.beringia.spark.accelerate

import org.apache.spark.sql.vectorized.{ColumnarBatch, ColumnVector}
import org.beringia.{BeringiaException, ErrorCode}

/**
 * @param keys how many leading columns of `batches` are keys
 * @param raised the error of a function that raised, with its traceback; what PySpark has no word for stays ours
 */
final class AcceleratedBatches(
    batches: Iterator[ColumnarBatch],
    keys: Int,
    raised: String => RuntimeException
) extends Iterator[ColumnarBatch] {

  override def hasNext: Boolean = translating(batches.hasNext)

  override def next(): ColumnarBatch = {
    val batch = translating(batches.next())
    val columns = (keys until batch.numCols).map(batch.column(_): ColumnVector)
    new ColumnarBatch(columns.toArray, batch.numRows)
  }

  private def translating[T](action: => T): T =
    try action
    catch {
      case e: RuntimeException =>
        throw traceback(e).fold(e)(raised)
    }

  private def traceback(error: Throwable): Option[String] =
    Iterator
      .iterate(error)(_.getCause)
      .takeWhile(_ != null)
      .collectFirst { case ours: BeringiaException => ours }
      .filter(_.getCode == ErrorCode.FUNCTION_RAISED.number)
      .flatMap(ours => Option(ours.getTraceback))
}
