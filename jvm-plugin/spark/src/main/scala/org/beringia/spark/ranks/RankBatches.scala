// A rank within its task: each batch is an answer, and its result the rank's next question, which goes to the driver
// (python/beringia/collectives/relay.py). The last result is what the rank returned.
package org.beringia.spark.ranks

import java.nio.charset.StandardCharsets.UTF_8

import org.apache.spark.TaskContext
import org.apache.spark.beringia.QuestionLine
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection
import org.apache.spark.sql.types.{BinaryType, DataType}
import org.beringia.BeringiaException
import org.beringia.bridge.{ArrowArrayStruct, JobResult}
import org.beringia.executor.TaskPipeline
import org.beringia.spark.{NumpyMapTask, TaskBatches}
import org.beringia.spark.columns.ResultVector

final class RankBatches(task: NumpyMapTask, line: QuestionLine, context: TaskContext)
    extends TaskBatches(task, context) {
  import RankBatches._

  private[this] val toRow = UnsafeProjection.create(Array[DataType](BinaryType))
  private[this] var answer = Begin // what the rank gets next; null while it is at work, and when it has ended
  private[this] var returned: Array[Byte] = _

  /** Runs the rank; what it returned, or why there is nothing. */
  def run(): Array[Byte] = {
    val pipeline = new TaskPipeline(this, context)
    try {
      var result = pipeline.inside(pipeline.advance())
      while (result != null) {
        pipeline.inside(pipeline.release(result))
        result = pipeline.inside(pipeline.advance())
      }
      returned
    } catch {
      // The other ranks are to know; and Spark would make all of them again.
      case failure: BeringiaException =>
        line.ask(Lost +: s"${failure.getCode} ${failure.getMessage}".getBytes(UTF_8)): Unit
        Array(Lost)
    } finally pipeline.close()
  }

  override def hasGroup: Boolean = answer != null

  override def goesOn: Boolean = true

  override def writeGroup(): Boolean = {
    val row = toRow(InternalRow(answer))
    answer = null
    writer.startGroup(row, () => "")
    writer.append(row)
    writer.endGroup(): Unit
    true
  }

  override def received(result: JobResult, nanos: Long): Unit = {
    super.received(result, nanos)
    val array = result.array
    val column =
      ResultVector.of(BinaryType, ArrowArrayStruct.child(array, 0), ArrowArrayStruct.offset(array))
    val says = column.getBinary(0)
    if (says(0) == Returned) {
      returned = says
      line.ask(Array(Returned)): Unit
    } else answer = line.ask(says)
  }
}

object RankBatches {
  private val Begin = Array.emptyByteArray

  // What a result is, and what is said of a rank that is lost, by its first byte.
  val Asks: Byte = '?'.toByte
  private val Returned = '='.toByte
  private val Lost = '!'.toByte
}
