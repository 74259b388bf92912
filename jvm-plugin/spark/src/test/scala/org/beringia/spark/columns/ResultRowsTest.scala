package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.{UnsafeProjection, UnsafeRow}
import org.apache.spark.sql.types._
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.ArrowArrayStruct.child
import org.beringia.executor.memory.FakeSegments
import org.junit.{After, Test}
import org.junit.Assert._

class ResultRowsTest {
  import BatchFixture._

  private val segments = new FakeSegments

  @After def free(): Unit = segments.close()

  private val types = Seq(
    BooleanType,
    ByteType,
    ShortType,
    IntegerType,
    DateType,
    FloatType,
    LongType,
    TimestampType,
    DoubleType,
    DecimalType(12, 2)
  )

  private def columns(types: Seq[DataType], rows: Seq[Seq[Any]]): Long = {
    val writer = new BatchWriter(Nil, types.indices.map(column(types)), grouped = false, Limits, segments)
    write(writer, types, rows.map(Seq(_))).address
  }

  private def batch(types: Seq[DataType], rows: Seq[Seq[Any]]): ColumnarBatch = {
    val root = columns(types, rows)
    val vectors = types.indices.map(i => ResultVector.of(types(i), child(root, i)): ColumnVector)
    new ColumnarBatch(vectors.toArray, rows.length)
  }

  private def valuesOf(i: Int): Seq[Any] = {
    val sign = if (i % 2 == 0) 1 else -1
    val decimal = java.math.BigDecimal.valueOf(sign * i.toLong, 2)
    row(i % 3 == 0, (sign * i).toByte, (sign * i).toShort, sign * i, i, sign * i * 0.5f, sign * i.toLong) ++
      row(i * 1000000L, if (i % 5 == 0) Double.NaN else sign * 0.0, decimal)
  }

  /** They are the rows that Spark makes, byte for byte. */
  private def assertSparks(types: Seq[DataType], batches: Seq[ColumnarBatch]): Unit = {
    val toUnsafe = UnsafeProjection.create(types.toArray)
    val made = new ResultRows(batches.iterator, types.length)
    for (batch <- batches; i <- 0 until batch.numRows) {
      assertTrue(made.hasNext)
      assertEquals(toUnsafe(batch.getRow(i)), made.next().asInstanceOf[UnsafeRow])
    }
    assertFalse(made.hasNext)
    assertThrows(classOf[NoSuchElementException], () => made.next(): Unit): Unit
  }

  @Test def theyAreSparksRowsInBlocksAndBatches(): Unit = {
    val sizes = Seq(5, 0, 2000, 1) // a block has some 700 of them
    assertSparks(types, sizes.map(size => batch(types, (0 until size).map(valuesOf))))
  }

  @Test def nullsAreThoseOfTheirBlock(): Unit = {
    val rows = (0 until 2000).map { i =>
      if (i < 1000 && i % 3 == 1) Seq.fill(types.length)(null) else valuesOf(i)
    }
    assertSparks(types, Seq(batch(types, rows), batch(types, rows.drop(1000))))
  }

  @Test def moreFieldsThanAWordHasBits(): Unit = {
    val many = Seq.fill(130)(ShortType)
    val rows = (0 until 40).map(i => (0 until 130).map(j => if (j % 64 == i) null else (i - j).toShort))
    assertSparks(many, Seq(batch(many, rows)))
  }

  @Test def dictionariesAreReadThroughTheirIndices(): Unit = {
    val indices = columns(Seq(IntegerType), Seq(Seq(1), Seq(0), Seq(null), Seq(1)))
    val values = columns(Seq(DoubleType), Seq(Seq(2.5), Seq(-1.0)))
    Platform.putLong(null, child(indices, 0) + 56, child(values, 0))
    val vector: ColumnVector = ResultVector.of(DoubleType, child(indices, 0))
    assertSparks(Seq(DoubleType), Seq(new ColumnarBatch(Array(vector), 4)))
  }

  @Test def otherTypesAreNotCovered(): Unit = {
    assertTrue(ResultRows.cover(types))
    Seq(StringType, BinaryType, ArrayType(LongType), new StructType().add("a", LongType), DecimalType(19, 2))
      .foreach(other => assertFalse(other.toString, ResultRows.cover(types :+ other)))
    assertFalse(ResultRows.cover(Nil))
  }
}
