// The rows of a table on their way to the driver's Python, a partition at a time: each is a Spark job of its own, and ends
// as one block of columns in a file that Python made. Where tasks run in this process they write the file themselves;
// from a cluster, the block comes back as the task's result.
package org.beringia.hail.exchange

import java.io.{ByteArrayOutputStream, FileOutputStream, OutputStream}

import com.fasterxml.jackson.databind.ObjectMapper
import is.hail.rvd.RVD
import org.apache.spark.FutureAction
import org.beringia.{BeringiaException, ErrorCode}

import scala.concurrent.Await
import scala.concurrent.duration.Duration

final class TableExport(rows: RVD) {
  private[this] val batches = rows.crdd.cmapPartitionsWithContext(RowBatches.of(rows.rowPType)).run[RowBatch]
  private[this] val context = rows.sparkContext

  /** What Spark takes of a task, in bytes. */
  private[this] val resultLimit: Long = {
    val configured = context.getConf.getSizeAsBytes(TableExport.LimitSetting, "1g")
    if (configured == 0) TableExport.LargestArray else math.min(configured, TableExport.LargestArray)
  }

  def partitions: Int = batches.getNumPartitions

  /** How many partitions are computed at a time. */
  def parallelism: Int = context.defaultParallelism

  /** Starts to write a partition to the file at `path`. */
  def start(partition: Int, path: String): PartitionExport = {
    val write = if (context.isLocal) TableExport.toFile(path) else TableExport.toBytes(resultLimit)
    var result: ExportedBlock = null
    val job = context.submitJob[RowBatch, ExportedBlock, ExportedBlock](
      batches,
      write,
      Seq(partition),
      (_, block) => result = block,
      result
    )
    new PartitionExport(job, path)
  }
}

/** @param bytes the block's, where it is not in its file yet */
final case class ExportedBlock(places: String, bytes: Option[Array[Byte]])

/** A partition on its way. */
final class PartitionExport(job: FutureAction[ExportedBlock], path: String) {

  /** Waits for the file to be whole; returns where in it the columns of each batch are, as JSON. */
  def result(): String = {
    val block = Await.result(job, Duration.Inf)
    block.bytes.foreach { bytes =>
      val file = new FileOutputStream(path)
      try file.write(bytes)
      finally file.close()
    }
    block.places
  }

  def cancel(): Unit = job.cancel()
}

// The closures of tasks.
object TableExport {
  private val LimitSetting = "spark.driver.maxResultSize"
  private val MemorySetting = "spark.executor.memory"
  private val LargestArray = Int.MaxValue - 64L
  private val mapper = new ObjectMapper

  private def toFile(path: String): Iterator[RowBatch] => ExportedBlock = batches =>
    ExportedBlock(write(batches, new FileOutputStream(path)), None)

  private def toBytes(driverTakes: Long): Iterator[RowBatch] => ExportedBlock = batches => {
    // While it grows and is sent, a block is there several times, and an executor has several tasks.
    val memory = java.lang.Runtime.getRuntime.maxMemory / 8
    val bytes =
      if (memory < driverTakes) new BoundedBytes(memory, "an executor has memory for", MemorySetting)
      else new BoundedBytes(driverTakes, "the driver takes", s"$LimitSetting, at most to 2g")
    val places = write(batches, bytes)
    ExportedBlock(places, Some(bytes.toByteArray))
  }

  private def write(batches: Iterator[RowBatch], out: OutputStream): String = {
    val block = new BlockSink(out)
    try {
      val places = mapper.createArrayNode
      batches.foreach(_.place(block, places.addObject()))
      block.flush()
      places.toString
    } finally out.close()
  }

  /**
   * Bytes of a result, refused where they become too many.
   *
   * @param whose who takes no more, and what
   * @param setting what raises the limit
   */
  final private class BoundedBytes(limit: Long, whose: String, setting: String)
      extends ByteArrayOutputStream {
    override def write(bytes: Array[Byte], from: Int, n: Int): Unit = {
      if (size.toLong + n > limit) {
        throw new BeringiaException(
          ErrorCode.TOO_LARGE,
          s"a partition has more than ${size.toLong + n} bytes, and $whose $limit of a task: use more " +
            s"partitions (Table.repartition, MatrixTable.repartition), or raise $setting"
        )
      }
      super.write(bytes, from, n)
    }
  }
}
