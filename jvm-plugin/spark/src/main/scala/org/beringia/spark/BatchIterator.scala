// The results of one node within one task, as Spark's batches of columns: each is one, or several, of its rows one after
// the other. A batch may be read until the next one is asked for: only then is its result given back.
package org.beringia.spark

import org.apache.spark.TaskContext
import org.apache.spark.sql.vectorized.{ColumnarBatch, ColumnVector}
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.executor.TaskPipeline
import org.beringia.spark.columns.ResultVector

/** @param thrown what is thrown of the node's own failures: those of its child are the child's */
final class BatchIterator(
    task: NumpyMapTask,
    source: JobBatches,
    context: TaskContext,
    thrown: BeringiaException => Throwable = new NumpyMapException(_)
) extends Iterator[ColumnarBatch]
    with AutoCloseable {
  private[this] val pipeline = new TaskPipeline(source, context)
  private[this] val outputTypes = task.outputTypes

  private[this] var ready: JobResult = _ // the result that next() hands out
  private[this] var last: JobResult = _ // the one handed out last: its batch may still be read
  private[this] var lengths: Iterator[Int] = Iterator.empty // of batches that the last one has yet to become
  private[this] var at = 0 // which of its rows comes next

  override def hasNext: Boolean = inside {
    if (!lengths.hasNext && ready == null) ready = pipeline.advance()
    lengths.hasNext || ready != null
  }

  override def next(): ColumnarBatch = inside {
    if (!hasNext) throw new NoSuchElementException("no batch is left")
    if (!lengths.hasNext) {
      if (last != null) pipeline.release(last)
      last = ready
      ready = null
      lengths = source.lengths(Math.toIntExact(ArrowArrayStruct.length(last.array)))
      at = 0
    }
    val rows = lengths.next()
    val made = batch(last.array, at, rows)
    at += rows
    made
  }

  /** Ends the job, whatever its state, once nobody is inside. */
  override def close(): Unit = pipeline.close()

  private def inside[T](action: => T): T =
    try pipeline.inside(action)
    catch { case failure: BeringiaException => throw thrown(failure) }

  private def batch(array: Long, from: Int, rows: Int): ColumnarBatch = {
    if (ArrowArrayStruct.children(array) != outputTypes.length) {
      throw new BeringiaException(
        ErrorCode.PROTOCOL,
        s"a result has ${ArrowArrayStruct.children(array)} columns instead of ${outputTypes.length}"
      )
    }
    val offset = ArrowArrayStruct.offset(array) + from
    val columns = outputTypes.zipWithIndex.map { case (dataType, i) =>
      ResultVector.of(dataType, ArrowArrayStruct.child(array, i), offset): ColumnVector
    }
    new ColumnarBatch(columns.toArray, rows)
  }
}
