package org.beringia.spark.columns

import org.apache.spark.sql.types._
import org.apache.spark.sql.vectorized.ColumnVector
import org.apache.spark.unsafe.Platform
import org.beringia.bridge.ArrowArrayStruct.child
import org.beringia.executor.memory.FakeSegments
import org.junit.{After, Test}
import org.junit.Assert._

class ResultVectorTest {
  import BatchFixture._

  private val segments = new FakeSegments

  @After def free(): Unit = segments.close()

  private def columns(types: Seq[DataType], rows: Seq[Any]*): Long = {
    val writer = new BatchWriter(Nil, types.indices.map(column(types)), grouped = false, Limits, segments)
    write(writer, types, rows.map(Seq(_))).address
  }

  /** Cuts the array to `count` values from `offset` on, as a slice across the boundary comes. */
  private def slice(array: Long, offset: Long, count: Long): Unit = {
    Platform.putLong(null, array, count)
    Platform.putLong(null, array + 8, -1)
    Platform.putLong(null, array + 16, offset)
  }

  @Test def anOffsetIsAppliedToEveryBuffer(): Unit = {
    val types =
      Seq(BooleanType, ByteType, ShortType, IntegerType, DoubleType, StringType, ArrayType(LongType))
    val rows = (0 until 40).map { i =>
      if (i % 6 == 5) Seq.fill(types.length)(null)
      else row(i % 3 == 0, i.toByte, i.toShort, i, i * 0.5, s"s$i", (0 until i % 4).map(_.toLong))
    }
    val root = columns(types, rows: _*)
    types.indices.foreach { i =>
      slice(child(root, i), 13, 20)
      assertEquals(rows.slice(13, 33).map(_(i)), read(types(i), child(root, i)))
      val vector = ResultVector.of(types(i), child(root, i))
      assertTrue(vector.hasNull)
      assertEquals(rows.slice(13, 33).count(_(i) == null), vector.numNulls)
    }
  }

  @Test def theOffsetOfTheOuterStructAddsUp(): Unit = {
    val root = columns(Seq(IntegerType), (0 until 10).map(Seq(_)): _*)
    val vector = ResultVector.of(IntegerType, child(root, 0), outer = 4)
    assertEquals(4, vector.getInt(0))
  }

  @Test def dictionariesAreReadThroughTheirIndices(): Unit = {
    val indices = columns(Seq(IntegerType), Seq(2), Seq(0), Seq(null), Seq(1), Seq(2))
    val words = columns(Seq(StringType), Seq("a"), Seq(null), Seq("ccc"))
    val array = child(indices, 0)
    Platform.putLong(null, array + 56, child(words, 0))
    assertEquals(Seq("ccc", "a", null, null, "ccc"), read(StringType, array))
    assertEquals(2, ResultVector.of(StringType, array).numNulls)
    slice(array, 3, 2)
    assertEquals(Seq(null, "ccc"), read(StringType, array))
  }

  @Test def aDictionaryMayBeInsideAList(): Unit = {
    val lists = columns(Seq(ArrayType(IntegerType)), Seq(Seq(1, 0)), Seq(Seq()), Seq(Seq(0)))
    val words = columns(Seq(StringType), Seq("x"), Seq("y"))
    Platform.putLong(null, child(child(lists, 0), 0) + 56, child(words, 0))
    assertEquals(Seq(Seq("y", "x"), Seq(), Seq("x")), read(ArrayType(StringType), child(lists, 0)))
  }

  @Test def bulkReadsGiveTheSameValues(): Unit = {
    val root = columns(Seq(DoubleType, LongType), (0 until 10).map(i => row(i * 0.5, i.toLong)): _*)
    def vector(i: Int, dataType: DataType): ColumnVector = ResultVector.of(dataType, child(root, i))
    assertArrayEquals(Array(1.0, 1.5, 2.0), vector(0, DoubleType).getDoubles(2, 3), 0.0)
    assertArrayEquals(Array(2L, 3L, 4L), vector(1, LongType).getLongs(2, 3))
  }

  @Test def whatATypeDoesNotHaveIsRefused(): Unit = {
    val vector = ResultVector.of(StringType, child(columns(Seq(StringType), Seq("a")), 0))
    assertThrows(classOf[UnsupportedOperationException], () => vector.getInt(0): Unit): Unit
  }
}
