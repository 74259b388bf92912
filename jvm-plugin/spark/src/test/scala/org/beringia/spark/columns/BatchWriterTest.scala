package org.beringia.spark.columns

import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.Platform
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.bridge.ArrowArrayStruct.{buffer, child, length, nullCount}
import org.beringia.executor.memory.{Arena, BatchLimits, FakeSegments, SegmentSource}
import org.junit.{After, Test}
import org.junit.Assert._

class BatchWriterTest {
  import BatchFixture._

  private val segments = new FakeSegments

  @After def free(): Unit = segments.close()

  private def writer(
      types: Seq[DataType],
      keys: Int,
      grouped: Boolean = true,
      limits: BatchLimits = Limits,
      source: SegmentSource = segments
  ) = {
    val (k, a) = types.indices.map(column(types)).splitAt(keys)
    new BatchWriter(k, a, grouped, limits, source)
  }

  private def written(
      types: Seq[DataType],
      keys: Int,
      grouped: Boolean = true
  )(groups: Seq[Seq[Any]]*): Long =
    write(writer(types, keys, grouped), types, groups).address

  @Test def groupsAreListsThatShareOneOffsetsBuffer(): Unit = {
    val root = written(Seq(IntegerType, DoubleType, LongType), keys = 1)(
      Seq(row(7, 1.0, 10L), row(7, 2.0, 20L)),
      Seq(row(8, 3.0, 30L))
    )
    assertEquals(2, length(root))
    assertEquals(Seq(7, 8), read(IntegerType, child(root, 0)))
    assertEquals(Seq(Seq(1.0, 2.0), Seq(3.0)), readLists(DoubleType, child(root, 1)))
    assertEquals(Seq(Seq(10L, 20L), Seq(30L)), readLists(LongType, child(root, 2)))
    assertEquals(buffer(child(root, 1), 1), buffer(child(root, 2), 1))
    assertEquals(
      Seq(0L, 2L, 3L),
      (0 to 2).map(i => Platform.getLong(null, buffer(child(root, 1), 1) + 8 * i))
    )
  }

  @Test def everyBufferIsAlignedAndNoneButValidityIsNull(): Unit = {
    val types =
      Seq(StringType, BooleanType, ByteType, ShortType, FloatType, BinaryType, ArrayType(StringType))
    val root =
      written(types, keys = 1)(Seq(Seq("k", true, 1.toByte, 2.toShort, 3f, Array[Byte](4), Seq("a"))))
    def check(array: Long): Unit = {
      val buffers = Platform.getLong(null, array + 24).toInt
      (1 until buffers).foreach { i =>
        assertNotEquals(0, buffer(array, i))
        assertEquals(0, buffer(array, i) % 64)
      }
      assertEquals(0, buffer(array, 0))
      (0 until ArrowArrayStruct.children(array).toInt).foreach(i => check(child(array, i)))
    }
    check(root)
  }

  @Test def everyScalarComesBack(): Unit = {
    val types = Seq(
      BooleanType,
      ByteType,
      ShortType,
      IntegerType,
      LongType,
      FloatType,
      DoubleType,
      DateType,
      TimestampType,
      TimestampNTZType,
      StringType,
      BinaryType
    )
    val rows = Seq(
      row(true, 1.toByte, -2.toShort, 3, -4L, 5.5f, Double.NaN, 7, 8L, 9L, "", Array[Byte]()),
      row(
        false,
        -1.toByte,
        2.toShort,
        -3,
        4L,
        -5.5f,
        -0.0,
        -7,
        -8L,
        -9L,
        "häß" * 40,
        Array.fill[Byte](99)(3)
      ),
      Seq.fill(types.length)(null)
    )
    val root = written(types, keys = 0, grouped = false)(rows.map(Seq(_)): _*)
    assertEquals(3, length(root))
    types.zipWithIndex.foreach { case (dataType, i) =>
      val expected = rows.map(_(i)).map { case bytes: Array[Byte] => bytes.toSeq; case other => other }
      assertEquals(
        dataType.toString,
        expected.toList.toString,
        read(dataType, child(root, i)).toList.toString
      )
      assertEquals(1, nullCount(child(root, i)))
    }
  }

  @Test def booleansOfManyBytesComeBack(): Unit = {
    val values = (0 until 1000).map(i => if (i % 11 == 0) null else i % 3 == 0)
    val root = written(Seq(BooleanType), keys = 0)(values.map(Seq(_)))
    assertEquals(Seq(values), readLists(BooleanType, child(root, 0)))
    assertEquals(values.count(_ == null), nullCount(child(child(root, 0), 0)))
  }

  @Test def validityComesWithTheFirstNullAndCoversWhatFollows(): Unit = {
    val values = (0 until 5000).map(i => if (i > 600 && i % 7 == 0) null else i.toLong)
    val root = written(Seq(LongType), keys = 0)(values.map(Seq(_)))
    assertEquals(Seq(values), readLists(LongType, child(root, 0)))
    // Two columns, nulls in one of them: the other has no validity.
    val pair = written(Seq(LongType, LongType), keys = 0)(Seq(Seq(null, 1L), Seq(2L, 3L)))
    assertNotEquals(0, buffer(child(child(pair, 0), 0), 0))
    assertEquals(0, buffer(child(child(pair, 1), 0), 0))
  }

  @Test def nullKeysAreOneValue(): Unit = {
    val root =
      written(Seq(StringType, IntegerType), keys = 1)(Seq(Seq(null, 1), Seq(null, 2)), Seq(Seq("a", 3)))
    assertEquals(Seq(null, "a"), read(StringType, child(root, 0)))
    assertEquals(1, nullCount(child(root, 0)))
  }

  @Test def arraysNestAndKeepTheirNulls(): Unit = {
    val nested = ArrayType(ArrayType(DoubleType))
    val rows = Seq(
      Seq(Seq(1, null, 3), Seq(Seq(1.0, 2.0), Seq()), Seq("a", null)),
      Seq(null, null, null),
      Seq(Seq(), Seq(null, Seq(3.0)), Seq()),
      Seq((0 until 200).map(i => if (i == 77) null else i), Seq(Seq(null, 4.0)), Seq("ccc"))
    )
    val types = Seq(ArrayType(IntegerType), nested, ArrayType(StringType))
    val root = written(types, keys = 0)(rows)
    types.zipWithIndex.foreach { case (dataType, i) =>
      assertEquals(Seq(rows.map(_(i))), readLists(dataType, child(root, i)))
    }
  }

  @Test def arraysOfBooleansAndSmallIntegersComeBack(): Unit = {
    val types = Seq(ArrayType(BooleanType), ArrayType(ByteType), ArrayType(ShortType), ArrayType(FloatType))
    val row = Seq(
      Seq(true, null, false),
      Seq(1.toByte, 2.toByte),
      Seq(null, 5.toShort),
      Seq(1f, 2f, null)
    )
    val root = written(types, keys = 0, grouped = false)(Seq(row), Seq(row))
    types.zipWithIndex.foreach { case (dataType, i) =>
      assertEquals(Seq(row(i), row(i)), read(dataType, child(root, i)))
    }
  }

  @Test def decimalsOfAnyPrecisionComeBack(): Unit = {
    def number(text: String) = new java.math.BigDecimal(text)
    val types = Seq(
      DecimalType(18, 2),
      DecimalType(38, 4),
      ArrayType(DecimalType(5, 1)),
      ArrayType(DecimalType(30, 0)),
      DayTimeIntervalType()
    )
    val most = "9" * 34 + ".9999"
    val rows = Seq(
      row(number("-1.25"), number("-0.0001"), Seq(number("-0.1"), null), Seq(number("-1"), null), -5L),
      row(number("9999999999999999.99"), number(most), Seq(), Seq(number("9" * 30)), 86400000000L),
      row(number("0.00"), number(s"-$most"), Seq(number("1.0")), Seq(number("256"), number("-256")), 0L),
      Seq.fill(types.length)(null)
    )
    val root = written(types, keys = 0, grouped = false)(rows.map(Seq(_)): _*)
    types.zipWithIndex.foreach { case (dataType, i) =>
      assertEquals(dataType.toString, rows.map(_(i)), read(dataType, child(root, i)))
      assertEquals(1, nullCount(child(root, i)))
    }
  }

  @Test def structsNestAndKeepTheirNulls(): Unit = {
    val inner = StructType.fromDDL("x double, s string")
    val types = Seq[DataType](
      StructType.fromDDL("i int, b boolean, v array<bigint>").add("inner", inner),
      ArrayType(inner)
    )
    def point(x: Any, s: Any): Map[Int, Any] = Map(0 -> x, 1 -> s)
    val rows = Seq(
      row(
        Map(0 -> 1, 1 -> true, 2 -> Seq(1L, null), 3 -> point(0.5, "a")),
        Seq(point(1.0, null), null, point(null, "bb"))
      ),
      row(Map(0 -> null, 1 -> false, 2 -> null, 3 -> null), Seq()),
      row(null, null),
      row(Map(0 -> 4, 1 -> null, 2 -> Seq(), 3 -> point(null, null)), Seq(point(2.0, "c")))
    )
    Seq(true, false).foreach { grouped =>
      val groups = if (grouped) Seq(rows) else rows.map(Seq(_))
      val root = written(types, keys = 0, grouped = grouped)(groups: _*)
      types.zipWithIndex.foreach { case (dataType, i) =>
        val column = rows.map(_(i))
        if (grouped) assertEquals(Seq(column), readLists(dataType, child(root, i)))
        else assertEquals(column, read(dataType, child(root, i)))
      }
    }
  }

  @Test def aBatchThatOutgrowsItsRegionsMovesAndStaysRight(): Unit = {
    val types = Seq(StringType, LongType)
    val out = writer(types, 0, limits = BatchLimits(1 << 10, 1 << 30))
    val values = (0 until 20000).map(i => Seq(if (i % 1000 == 5) null else "s" * (i % 50), i.toLong))
    val root = write(out, types, Seq(values)).address
    assertTrue(out.bytesMoved > 0)
    assertEquals(Seq(values.map(_.head)), readLists(StringType, child(root, 0)))
    assertEquals(Seq(values.map(_(1))), readLists(LongType, child(root, 1)))
  }

  @Test def batchesSettleInOneSegmentOfOneSizeWithoutMoves(): Unit = {
    val types = Seq(IntegerType, StringType, ArrayType(DoubleType))
    val full = 1L << 20
    val out = writer(types, 1, limits = BatchLimits(full, 1 << 30))
    var group = 0
    def batch(): Unit = {
      out.begin()
      var isFull = false
      while (!isFull) {
        group += 1
        val it = rows(types, Seq.fill(5)(Seq(group, "text" * (group % 9), (0 to group % 30).map(_.toDouble))))
        val first = it.next()
        out.startGroup(first, () => "")
        out.append(first)
        it.foreach(out.append)
        isFull = out.endGroup()
      }
      out.finish(): Unit
    }
    (1 to 7).foreach(_ => batch())
    val moved = out.bytesMoved
    segments.sizes.clear()
    (1 to 3).foreach { _ =>
      batch()
      assertTrue(out.bytes >= full && out.bytes < full + full / 8)
    }
    assertEquals(moved, out.bytesMoved)
    assertEquals(Seq.fill(3)(Arena.segmentSize(full + full / 8)), segments.sizes.toSeq)
  }

  @Test def batchesGrowFromASixteenthToTheFullSize(): Unit = {
    val types = Seq(LongType)
    val out = writer(types, 0, limits = BatchLimits(16 << 10, 1 << 30))
    val sizes = (1 to 6).map { _ =>
      out.begin()
      var isFull = false
      while (!isFull) {
        val row = rows(types, Seq(Seq(1L))).next()
        out.startGroup(row, () => "")
        out.append(row)
        isFull = out.endGroup()
      }
      out.bytes
    }
    assertEquals(Seq(1, 2, 4, 8, 16, 16).map(_ * 64L), sizes.map(_ / 16))
  }

  @Test def memoryThatRunsOutNamesTheGroupThatItWasFor(): Unit = {
    val types = Seq(StringType, LongType)
    var left = 1 << 20
    val scarce: SegmentSource = bytes => {
      left -= bytes.toInt
      if (left < 0) throw new BeringiaException(ErrorCode.RESOURCE, "no more memory")
      segments.allocate(bytes)
    }
    val out = writer(types, 1, limits = BatchLimits(1 << 10, 1 << 30), source = scarce)
    val rows = (0 until 200000).map(i => Seq("big", i.toLong))
    val error = assertThrows(
      classOf[BeringiaException],
      () => write(out, types, Seq(Seq(Seq("small", 1L)), rows)): Unit
    )
    assertEquals(ErrorCode.RESOURCE, error.getErrorCode)
    assertEquals("c0=big", error.getGroup)
    assertTrue(
      error.getMessage,
      error.getMessage.matches("(?s)no more memory\nGroup: c0=big, with \\d+ bytes.*")
    )
  }

  @Test def aGroupPastTheCapIsRefusedByName(): Unit = {
    val types = Seq(StringType, LongType)
    val out = writer(types, 1, limits = BatchLimits(1 << 10, 4 << 10))
    val rows = (0 until 5000).map(i => Seq("big", i.toLong))
    val error = assertThrows(
      classOf[BeringiaException],
      () => write(out, types, Seq(Seq(Seq("small", 1L)), rows)): Unit
    )
    assertEquals(ErrorCode.TOO_LARGE, error.getErrorCode)
    assertEquals("c0=big", error.getGroup)
    Seq("c0=big", "spark.beringia.maxGroupBytes", "4096").foreach(part =>
      assertTrue(error.getMessage, error.getMessage.contains(part))
    )
  }

  @Test def manyGroupsBelowTheCapAreFine(): Unit = {
    val types = Seq(LongType)
    val out = writer(types, 0, limits = BatchLimits(1 << 20, 4 << 10))
    val root = write(out, types, Seq.fill(100)(Seq.fill(400)(Seq(1L)))).address
    assertEquals(100, length(root))
  }

  @Test def segmentSizesAreFew(): Unit = {
    assertEquals(64L << 10, Arena.segmentSize(1))
    assertEquals(64L << 10, Arena.segmentSize(64 << 10))
    assertEquals(96L << 10, Arena.segmentSize((64 << 10) + 1))
    assertEquals(128L << 10, Arena.segmentSize((96 << 10) + 1))
    assertEquals(12L << 20, Arena.segmentSize(9 << 20))
  }

  @Test def aBrokenRowIsRefusedAndNotFollowed(): Unit = {
    val types = Seq(ArrayType(ArrayType(IntegerType)), StringType)
    val places = Seq(8L, 16L) // after the bits of nulls, a word for each field
    val words = Seq(0x7fffffff00000040L, 0x0000001000000000L | Int.MaxValue, -1L)
    for (place <- places; word <- words) {
      val broken = rows(types, Seq(row(Seq(Seq(1, 2), Seq(3)), "some text"))).next()
      Platform.putLong(broken.getBaseObject, broken.getBaseOffset + place, word)
      refused(broken, types)
    }
    for (count <- Seq(-1L, 1000L, Long.MaxValue)) {
      val broken = rows(types, Seq(row(Seq(Seq(1, 2), Seq(3)), "some text"))).next()
      val array = (broken.getLong(0) >>> 32).toInt
      Platform.putLong(broken.getBaseObject, broken.getBaseOffset + array, count)
      refused(broken, types)
    }
  }

  private def refused(broken: UnsafeRow, types: Seq[DataType]): Unit = {
    val w = writer(types, keys = 0)
    try {
      w.begin()
      w.startGroup(broken, () => "")
      val e = assertThrows(classOf[BeringiaException], () => w.append(broken))
      assertEquals(ErrorCode.INTERNAL.number, e.getCode)
    } finally w.close()
  }
}
