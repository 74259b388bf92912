package org.beringia.spark.exchange

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{
  Attribute,
  AttributeReference,
  BoundReference,
  Literal,
  Murmur3Hash,
  Pmod,
  UnsafeProjection,
  UnsafeRow
}
import org.apache.spark.sql.execution.vectorized.OnHeapColumnVector
import org.apache.spark.sql.types._
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}
import org.apache.spark.unsafe.types.UTF8String
import org.beringia.BeringiaException
import org.beringia.spark.Input
import org.junit.Assert._
import org.junit.Test

import scala.collection.JavaConverters._

/** Rows that become blocks and columns again, without an exchange between. */
class BlocksTest {
  private val columns: Seq[Attribute] =
    Seq(LongType, StringType, DoubleType, DecimalType(30, 2), BooleanType).zipWithIndex.map {
      case (dataType, i) =>
        AttributeReference(s"c$i", dataType)()
    }
  private val types = columns.map(_.dataType)
  private val toUnsafe = UnsafeProjection.create(types.toArray)

  private def row(i: Int): UnsafeRow = toUnsafe(InternalRow(
    if (i % 11 == 0) null else (i % 7).toLong,
    if (i % 5 == 0) null else UTF8String.fromString("é" * (i % 4)),
    if (i % 3 == 0) Double.NaN else i / 2.0,
    if (i % 13 == 0) null else Decimal(BigDecimal(-i) * BigDecimal("1e20"), 30, 2),
    i % 2 == 0
  )).copy()

  private def blocks(count: Int, partitions: Int, budget: Long): Seq[UnsafeRow] = {
    val rows = Iterator.range(0, count).map(row)
    new BlockIterator(columns.take(1), partitions, columns, Input.Rows(rows), budget).map {
      case block: UnsafeRow => block.copy()
      case other => fail(other.toString); null
    }.toList
  }

  private def values(blocks: Seq[UnsafeRow]): Seq[Seq[Any]] =
    new BlockBatches(types, blocks.iterator).flatMap { batch =>
      batch.rowIterator.asScala.map(_.copy().toSeq(types)).toList
    }.toList

  @Test def everyRowComesBackOnceFromItsPartition(): Unit =
    for (partitions <- Seq(1, 2, 200); budget <- Seq(1L, 4096L, 1L << 20)) {
      val found = blocks(5000, partitions, budget)
      val expected = Seq.tabulate(5000)(row(_).toSeq(types).toString)
      assertEquals(expected.sorted, values(found).map(_.toString).sorted)
      val hash = Pmod(new Murmur3Hash(Seq(BoundReference(0, LongType, nullable = true))), Literal(partitions))
      val ofNumber =
        Pmod(new Murmur3Hash(Seq(BoundReference(0, IntegerType, nullable = true))), Literal(partitions))
      found.foreach { block =>
        val partition = ofNumber.eval(block)
        values(Seq(block)).foreach(row => assertEquals(partition, hash.eval(InternalRow(row.head))))
      }
    }

  @Test def rowsOfAPartitionKeepTheirOrder(): Unit =
    assertEquals(
      Seq.tabulate(3000)(row(_).toSeq(types).toString),
      values(blocks(3000, 1, 4096)).map(_.toString)
    )

  @Test def blocksOfWideColumnsEndInTimeToo(): Unit = {
    val text = UTF8String.fromString("x" * 4000)
    val column = Seq(AttributeReference("c", StringType)())
    val child = new OnHeapColumnVector(5000, StringType)
    (0 until 5000).foreach(i => child.putByteArray(i, if (i < 100) Array.emptyByteArray else text.getBytes))
    val batch = new ColumnarBatch(Array[ColumnVector](child), 5000)
    val input = Input.Columns(Iterator.single(batch))
    val sizes = new BlockIterator(Nil, 1, column, input, 64L << 10).map { row =>
      val block = row.asInstanceOf[UnsafeRow]
      (Blocks.rowsOf(block), block.getSizeInBytes)
    }.toList
    assertEquals(5000, sizes.map(_._1).sum)
    assertTrue(sizes.toString, sizes.map(_._2).max < (512 << 10))
  }

  @Test def noRowsAreNoBlocks(): Unit = assertEquals(Nil, blocks(0, 3, 1L << 20))

  @Test def aBlockThatIsNotAsItWasWrittenIsRefused(): Unit = {
    val written = blocks(100, 1, 1L << 20).head
    // How many rows there are; how many bytes the first column has, and the text.
    for (number <- Seq(24, 32, 40)) {
      val bytes = written.getBytes.clone
      bytes(number + 2) = 0x7f
      val broken = new UnsafeRow(2)
      broken.pointTo(bytes, bytes.length)
      assertThrows(classOf[BeringiaException], () => values(Seq(broken)): Unit)
    }
  }
}
