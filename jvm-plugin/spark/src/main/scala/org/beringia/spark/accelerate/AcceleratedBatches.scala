// The results of an accelerated node within one task as Spark's own node would give them: without keys that it hides, and
// with errors that PySpark knows.
package org.beringia.spark.accelerate

import org.apache.spark.sql.execution.python.beringia.PythonLine
import org.apache.spark.sql.vectorized.{ColumnarBatch, ColumnVector}
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.spark.NumpyMapException

/**
 * @param hidden how many leading columns of `batches` are not shown
 * @param shown how many rows of a batch are
 */
final class AcceleratedBatches(
    batches: Iterator[ColumnarBatch],
    hidden: Int,
    shown: ColumnarBatch => Int = _.numRows
) extends Iterator[ColumnarBatch] {

  override def hasNext: Boolean = batches.hasNext

  override def next(): ColumnarBatch = {
    val batch = batches.next()
    val columns = (hidden until batch.numCols).map(batch.column(_): ColumnVector)
    new ColumnarBatch(columns.toArray, shown(batch))
  }
}

object AcceleratedBatches {

  /** What a function raised as PySpark has it; what PySpark has no word for stays ours. */
  def thrown(failure: BeringiaException): Throwable =
    if (failure.getCode == ErrorCode.FUNCTION_RAISED.number && failure.getTraceback != null) {
      PythonLine.raised(failure.getTraceback)
    } else new NumpyMapException(failure)
}
