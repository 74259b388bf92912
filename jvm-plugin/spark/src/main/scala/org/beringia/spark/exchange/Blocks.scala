// Rows as blocks of columns, one for each partition at a time, and back. A block is a value in a row of Spark's,
// beside a number that Spark's own exchange hashes to the partition: head (how many rows; of each column whether
// values are missing, and its bytes of no fixed width), then the columns one after the other.
package org.beringia.spark.exchange

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{
  Attribute,
  MutableProjection,
  SpecificInternalRow,
  UnsafeRow
}
import org.apache.spark.sql.catalyst.plans.physical.HashPartitioning
import org.apache.spark.sql.types.{DataType, IntegerType}
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}
import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.hash.Murmur3_x86_32
import org.beringia.spark.Input

/**
 * The blocks of what a task gets.
 *
 * @param budget bytes of all partitions at which their blocks go out
 */
final class BlockIterator(
    keys: Seq[Attribute],
    partitions: Int,
    columns: Seq[Attribute],
    input: Input,
    budget: Long
) extends Iterator[InternalRow] {
  private[this] val scattered = columns.map(column => ScatteredColumn.of(column.dataType, partitions)).toArray
  private[this] val partition = new SpecificInternalRow(Seq(IntegerType))
  private[this] lazy val toPartition = {
    val id = HashPartitioning(keys, partitions).partitionIdExpression
    MutableProjection.create(Seq(id), columns).target(partition)
  }
  private[this] val preimages = Blocks.preimages(partitions)
  private[this] val partitionOfRow = new Array[Int](Blocks.Rows)

  private[this] val row = new UnsafeRow(2)
  private[this] var block = Array.emptyByteArray
  private[this] var draining = partitions // the next partition whose block goes out; all have: rows are taken

  override def hasNext: Boolean = {
    hasBlock || fill() && {
      draining = 0
      hasBlock
    }
  }

  override def next(): InternalRow = {
    if (!hasNext) throw new NoSuchElementException("no block is left")
    encode(draining)
    draining += 1
    row
  }

  /** Goes on to a partition that has rows, while blocks go out. */
  private def hasBlock: Boolean = {
    while (draining < partitions && scattered(0).rowsOf(draining) == 0) draining += 1
    draining < partitions
  }

  /** Takes rows until there are enough; false when there are none. */
  private def fill(): Boolean = {
    // Rows that come sorted fill the buffers of one partition after the other: not all can stay so large.
    if (scattered.map(_.capacity).sum > 2 * budget) scattered.foreach(_.release())
    var bytes = 0L
    var any = false
    while (bytes < budget && takeSome()) {
      any = true
      bytes = used
    }
    any
  }

  private[this] var batch: ColumnarBatch = _
  private[this] var at = 0 // the next row of the batch

  // Rows of columns that are taken together: few where they may be wide.
  private[this] val step =
    if (columns.exists(column => ScatteredColumn.isVariable(column.dataType))) Blocks.WideRows
    else Blocks.Rows

  private def takeSome(): Boolean = input match {
    case Input.Rows(rows) => takeRows(rows)
    case Input.Columns(batches) =>
      while ((batch == null || at == batch.numRows) && batches.hasNext) {
        batch = batches.next()
        at = 0
      }
      val any = batch != null && at < batch.numRows
      if (any) takeColumns()
      any
  }

  private def takeRows(rows: Iterator[InternalRow]): Boolean = {
    var count = 0
    var wide = 0L
    while (count < Blocks.Rows && wide < budget && rows.hasNext) {
      val row = rows.next()
      val partition = partitionOf(row)
      var i = 0
      while (i < scattered.length) {
        scattered(i).append(partition, row, i)
        i += 1
      }
      wide += (row match {
        case row: UnsafeRow => row.getSizeInBytes.toLong
        case _ => 0L
      })
      count += 1
    }
    count > 0
  }

  private def takeColumns(): Unit = {
    val end = at + math.min(batch.numRows - at, Blocks.Rows)
    val before = wide
    do takeColumns(math.min(end - at, step)) while (at < end && wide - before < budget)
  }

  private def takeColumns(count: Int): Unit = {
    var i = 0
    while (partitions > 1 && i < count) {
      partitionOfRow(i) = partitionOf(batch.getRow(at + i))
      i += 1
    }
    i = 0
    while (i < scattered.length) {
      scattered(i).appendAll(partitionOfRow, batch.column(i), at, count)
      i += 1
    }
    at += count
  }

  /** Bytes so far of values of no fixed width. */
  private def wide: Long = scattered.map(_.wide).sum

  private def partitionOf(row: InternalRow): Int =
    if (partitions == 1) 0
    else {
      toPartition(row)
      partition.getInt(0)
    }

  private def used: Long = {
    var bytes = 0L
    scattered.foreach { column =>
      var partition = 0
      while (partition < partitions) {
        bytes += column.bytesOf(partition)
        partition += 1
      }
    }
    bytes
  }

  private def encode(partition: Int): Unit = {
    val head = Blocks.Fields + 4
    val values = head + 8 * scattered.length
    val end = scattered.foldLeft(values)((end, column) => Math.addExact(end, column.bytesOf(partition)))
    val padded = Math.addExact(end, 7) & -8 // as the sizes of rows are
    if (block.length < padded) block = new Array[Byte](padded + padded / 4 & -8)
    java.util.Arrays.fill(block, end, padded, 0.toByte)
    Platform.putInt(block, Blocks.Origin + Blocks.Fields, scattered(0).rowsOf(partition))
    var at = values
    var i = 0
    while (i < scattered.length) {
      at = scattered(i).take(partition, block, head + 8 * i, at)
      i += 1
    }
    Platform.putLong(block, Blocks.Origin, 0) // none is missing
    Platform.putLong(block, Blocks.Origin + 8, preimages(partition).toLong)
    Platform.putLong(block, Blocks.Origin + 16, Blocks.Fields.toLong << 32 | (end - Blocks.Fields))
    row.pointTo(block, padded)
  }
}

/** The blocks of a partition as batches of columns, each valid until the next. */
final class BlockBatches(types: Seq[DataType], rows: Iterator[InternalRow]) extends Iterator[ColumnarBatch] {
  private[this] val vectors = types.map(new BlockVector(_)).toArray
  private[this] val batch = new ColumnarBatch(vectors.map(vector => vector: ColumnVector))

  override def hasNext: Boolean = rows.hasNext

  override def next(): ColumnarBatch = {
    val row = rows.next().asInstanceOf[UnsafeRow]
    val place = row.getLong(1)
    val start = row.getBaseOffset + (place >>> 32)
    val end = start + place.toInt
    val values = start + 4 + 8L * vectors.length
    if (place.toInt < 0 || end > row.getBaseOffset + row.getSizeInBytes || values > end)
      throw BlockVector.broken()
    val count = Blocks.rowsOf(row)
    if (count < 0) throw BlockVector.broken()
    var at = values
    var i = 0
    while (i < vectors.length) {
      at = vectors(i).show(row.getBaseObject, count, start + 4 + 8L * i, at)
      i += 1
    }
    if (at != end) throw BlockVector.broken()
    batch.setNumRows(count)
    batch
  }
}

object Blocks {

  /** What blocks of all partitions have in a task before they go out, in bytes; fewer where there is little memory. */
  private val Budget = 8L << 20
  private val LeastBudget = 64L << 10

  /** And those of one partition: objects of half a region or more are a burden to G1, whose least region has 1 MiB. */
  private val PartitionBudget = 256L << 10

  /** Buffers that grow take up to twice what is in them, and are kept at as much again. */
  private val OfBudget = 4

  /** How many bytes they may have, by what Spark's memory has for them until the task ends. */
  def budget(context: TaskContext, partitions: Int): Long = {
    val memory = TaskMemory.onHeap(context)
    val granted = memory.upTo(OfBudget * math.min(Budget, partitions * PartitionBudget))
    context.addTaskCompletionListener[Unit](_ => memory.freeMemory(memory.getUsed))
    math.max(LeastBudget, granted / OfBudget)
  }

  /** What is `input` as batches of block vectors, each valid until the next. */
  def of(columns: Seq[Attribute], input: Input): Iterator[ColumnarBatch] =
    // Those of one partition come out as they go in.
    new BlockBatches(columns.map(_.dataType), new BlockIterator(Nil, 1, columns, input, BatchBytes))

  private val BatchBytes = 1L << 20

  /** How many rows a block has. */
  def rowsOf(row: UnsafeRow): Int = {
    val start = row.getLong(1) >>> 32
    if (start + 4 > row.getSizeInBytes) throw BlockVector.broken()
    Platform.getInt(row.getBaseObject, row.getBaseOffset + start)
  }

  /** Rows that are taken between two looks at how many bytes there are. */
  private[exchange] val Rows = 1024
  private[exchange] val WideRows = 64

  /** Where the fields of a row end: what says that none is missing, the number, the place of the block. */
  private[exchange] val Fields = 24
  private[exchange] val Origin = Platform.BYTE_ARRAY_OFFSET.toLong

  /** For each partition a number that Spark hashes to it. */
  def preimages(partitions: Int): Array[Int] = {
    val found = new Array[Int](partitions)
    val has = new Array[Boolean](partitions)
    var left = partitions
    var number = 0
    while (left > 0) {
      val partition = Math.floorMod(Murmur3_x86_32.hashInt(number, 42), partitions)
      if (!has(partition)) {
        has(partition) = true
        found(partition) = number
        left -= 1
      }
      number += 1
    }
    found
  }
}
