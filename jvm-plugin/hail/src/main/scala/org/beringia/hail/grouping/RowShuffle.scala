// Rows sent to the partitions that their keys belong to: by Spark's shuffle, in blocks of many records, since a block
// costs Spark as much as a row would.
package org.beringia.hail.grouping

import is.hail.rvd.RVDContext
import is.hail.sparkextras.ContextRDD
import org.apache.spark.{InterruptibleIterator, Partitioner, TaskContext}
import org.apache.spark.rdd.{RDD, ShuffledRDD}

object RowShuffle {
  private val BlockBytes = 32 << 10
  private val TaskBytes = 32 << 20

  /** Blocks of records, `[length][record]` each, in partitions with the keys from `least` on and up to each of `ends`. */
  def apply(
      rows: ContextRDD[Long],
      layout: RecordLayout,
      least: Array[Byte],
      ends: Array[Array[Byte]]
  ): RDD[Array[Byte]] = {
    val sent = rows.cmapPartitionsWithContext[(Int, Array[Byte])] { (loader, consumer, part) =>
      val producer = consumer.freshContext()
      val cancellable = new InterruptibleIterator(TaskContext.get(), part(loader, producer))
      new BlockIterator(layout, new Ranges(least, ends), cancellable, producer)
    }
    val target = new PartitionByNumber(ends.length)
    new ShuffledRDD[Int, Array[Byte], Array[Byte]](sent.run, target).mapPartitions(_.map(_._2))
  }

  /** The rows of a partition as blocks, without sending them anywhere. */
  def blocks(layout: RecordLayout, rows: Iterator[Long], producer: RVDContext): Iterator[Array[Byte]] =
    new BlockIterator(layout, Everything, rows, producer).map(_._2)

  final private class PartitionByNumber(override val numPartitions: Int) extends Partitioner {
    override def getPartition(key: Any): Int = key.asInstanceOf[Int]
  }

  /** Which partition a group's key belongs to. */
  sealed private trait Targets {
    def count: Int
    def of(key: SortKey): Int
  }

  private object Everything extends Targets {
    override def count: Int = 1
    override def of(key: SortKey): Int = 0
  }

  final private class Ranges(least: Array[Byte], ends: Array[Array[Byte]]) extends Targets {
    private[this] val start = SortKey.of(least)
    private[this] val bounds = ends.map(SortKey.of)

    override def count: Int = bounds.length

    /** The first partition whose greatest key is not less. */
    override def of(key: SortKey): Int = {
      if (key.compareGroup(start) < 0 || key.compareGroup(bounds.last) > 0) throw KeyRanges.changed
      var low = 0
      var high = bounds.length - 1
      while (low < high) {
        val middle = (low + high) >>> 1
        if (key.compareGroup(bounds(middle)) > 0) low = middle + 1
        else high = middle
      }
      low
    }
  }

  /** Fills a block for each partition, and gives out the ones that are full. */
  final private class BlockIterator(
      layout: RecordLayout,
      targets: Targets,
      rows: Iterator[Long],
      producer: RVDContext
  ) extends Iterator[(Int, Array[Byte])] {
    private[this] val full = math.max(1 << 10, math.min(BlockBytes, TaskBytes / targets.count))
    private[this] val blocks = new Array[ByteSink](targets.count)
    private[this] val key = new SortKey
    private[this] var rest = 0 // of the blocks, when there are no more rows
    private[this] var ready: (Int, Array[Byte]) = _

    override def hasNext: Boolean = {
      while (ready == null && rows.hasNext) add(rows.next())
      while (ready == null && rest < blocks.length) {
        give(rest)
        rest += 1
      }
      ready != null
    }

    override def next(): (Int, Array[Byte]) = {
      if (!hasNext) throw new NoSuchElementException("no block is left")
      val block = ready
      ready = null
      block
    }

    private def add(row: Long): Unit = {
      layout.writeKey(row, key)
      val target = targets.of(key)
      if (blocks(target) == null) blocks(target) = new ByteSink(full + full / 4)
      val block = blocks(target)
      val start = block.length
      block.putInt(0)
      layout.write(key, row, block)
      block.setInt(start, block.length - start - 4)
      producer.region.clear()
      if (block.length >= full) give(target)
    }

    private def give(target: Int): Unit = {
      val block = blocks(target)
      if (block != null && block.length > 0) {
        ready = (target, block.copy)
        if (block.bytes.length > 2 * full) blocks(target) = null else block.clear()
      }
    }
  }
}
