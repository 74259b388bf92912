package org.beringia.spark

import scala.collection.mutable.ArrayBuffer

import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeReference}
import org.apache.spark.sql.types._
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}
import org.beringia.ErrorCode
import org.beringia.bridge.ArrowArrayStruct
import org.beringia.bridge.ArrowArrayStruct.child
import org.beringia.executor.memory.{BatchLimits, FakeSegments}
import org.beringia.spark.columns.{BatchFixture, BatchWriter, ResultVector}
import org.junit.{After, Test}
import org.junit.Assert._

/** A child's columns become the batches that its rows become. */
class ColumnGroupsTest {
  import BatchFixture._

  private val segments = new FakeSegments

  @After def free(): Unit = segments.close()

  private def schema(types: Seq[DataType]): Seq[Attribute] =
    types.zipWithIndex.map { case (dataType, i) => AttributeReference(s"c$i", dataType)() }

  /** The rows as a child gives them that has columns: so many in each batch. */
  private def batches(types: Seq[DataType], values: Seq[Seq[Any]], sizes: Int*): Iterator[ColumnarBatch] = {
    val starts = sizes.scanLeft(0)(_ + _) :+ values.length
    starts.zip(starts.tail).iterator.map { case (start, end) =>
      val writer = new BatchWriter(Nil, types.indices.map(column(types)), false, Limits, segments)
      val root = write(writer, types, values.slice(start, end).map(Seq(_))).address
      val vectors = types.zipWithIndex.map { case (dataType, i) =>
        ResultVector.of(dataType, child(root, i)): ColumnVector
      }
      new ColumnarBatch(vectors.toArray, end - start)
    }
  }

  /** What the writer has been given when the groups are through, batch by batch: keys and arguments of each group. */
  private def written(
      groups: Groups,
      types: Seq[DataType],
      keys: Int,
      per: Per,
      full: Long = 8L << 20,
      group: Long = 1L << 30
  ): Seq[Seq[(Seq[Any], Seq[Any])]] = {
    val (k, a) = types.indices.map(column(types)).splitAt(keys)
    val writer = new BatchWriter(k, a, per.lists, BatchLimits(full, group), segments)
    val found = ArrayBuffer.empty[Seq[(Seq[Any], Seq[Any])]]
    var more = groups.start()
    while (more) {
      writer.begin()
      var isFull = false
      while (more && !isFull) {
        isFull = groups.write(writer)
        more = groups.start()
      }
      val root = writer.finish().address
      val columns = types.zipWithIndex.map { case (dataType, i) =>
        if (i < keys || !per.lists) read(dataType, child(root, i)) else readLists(dataType, child(root, i))
      }
      val (keyColumns, arguments) = columns.splitAt(keys)
      found += (0 until ArrowArrayStruct.length(root).toInt).map(g =>
        (keyColumns.map(_(g)), arguments.map(_(g)))
      )
    }
    found.toSeq
  }

  private def columnGroups(types: Seq[DataType], keys: Int, per: Per, portion: Portion = Portion.Whole)(
      batches: Iterator[ColumnarBatch]
  ): Groups =
    new ColumnGroups(types.indices.map(column(types)).take(keys), per, schema(types), batches, portion)

  private val everyType = Seq[DataType](
    StringType,
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
    DayTimeIntervalType(),
    BinaryType,
    DecimalType(9, 2),
    DecimalType(38, 4),
    ArrayType(DoubleType),
    ArrayType(ArrayType(StringType)),
    StructType.fromDDL("i int, d double, s string, v array<bigint>, n decimal(30, 1)"),
    ArrayType(StructType.fromDDL("f float, b binary"))
  )

  private def every(i: Int): Seq[Any] = {
    def number(text: String) = new java.math.BigDecimal(text)
    row(
      s"k${i / 3}",
      i % 2 == 0,
      i.toByte,
      (-i).toShort,
      i,
      -i.toLong,
      i + 0.5f,
      if (i == 4) Double.NaN else -0.0 * i,
      i,
      i * 1000000L,
      -i * 1000000L,
      i * 60000000L,
      Array.fill[Byte](i * 9)(i.toByte),
      number(s"-$i.25"),
      number("9" * 30 + s".$i" + "000"),
      (0 until i).map(j => if (j == 2) null else j.toDouble),
      Seq(Seq("a" * i, null), Seq(), null),
      Map(0 -> i, 1 -> null, 2 -> s"s$i", 3 -> Seq(1L, null), 4 -> number(s"$i.5")),
      Seq(Map(0 -> i.toFloat, 1 -> Array[Byte](1)), null)
    )
  }

  @Test def valuesOfEveryTypeAreThoseOfRows(): Unit = {
    val values = (0 until 8).map(every) ++ Seq.fill(2)(Seq.fill(everyType.length)(null))
    for ((keys, per) <- Seq(1 -> Per.Group, 0 -> Per.Partition, 0 -> Per.Batch, 0 -> Per.Row)) {
      val children = batches(everyType, values, 4, 0, 5)
      val task = new NumpyMapTask(
        everyType.indices.map(column(everyType)).take(keys),
        Nil,
        Nil,
        per,
        schema(everyType),
        null,
        TaskTerms(Map.empty, Limits, null)
      )
      val byRows = written(Groups.of(task, Input.Rows(rows(everyType, values))), everyType, keys, per)
      val byColumns = written(Groups.of(task, Input.Columns(children)), everyType, keys, per)
      assertEquals(per.name, plain(byRows.flatten).toString, plain(byColumns.flatten).toString)
    }
  }

  /** Values with bytes as numbers. */
  private def plain(value: Any): Any = value match {
    case bytes: Array[Byte] => bytes.toList
    case values: Seq[_] => values.map(plain)
    case fields: Map[_, _] => fields.toSeq.map { case (i, field) => i -> plain(field) }
    case (keys, arguments) => (plain(keys), plain(arguments))
    case other => other
  }

  @Test def groupsBreakWhereSparkSeesThemAlsoBetweenBatches(): Unit = {
    val types = Seq[DataType](DoubleType, LongType)
    val keys = Seq[Any](null, null, -0.0, 0.0, 1.0, 1.0, 1.0, Double.NaN, Double.NaN, 2.0)
    val values = keys.zipWithIndex.map { case (key, i) => row(key, i.toLong) }
    val expected = Seq(2, 2, 3, 2, 1)
    for (first <- 0 to keys.length; second <- 0 to keys.length - first) {
      val found =
        written(columnGroups(types, 1, Per.Group)(batches(types, values, first, second)), types, 1, Per.Group)
      val sizes = found.flatten.map(_._2.head.asInstanceOf[Seq[Any]].length)
      assertEquals(s"batches of $first and $second", expected, sizes)
      assertEquals((0L until 10L).toList, found.flatten.flatMap(_._2.head.asInstanceOf[Seq[Any]]).toList)
    }
  }

  @Test def aCallGetsNoMoreRowsThanItMay(): Unit = {
    val types = Seq[DataType](LongType)
    val values = (0L until 25L).map(Seq(_))
    val groups = columnGroups(types, 0, Per.Partition, Portion.Rows(10))(batches(types, values, 7, 13))
    val lists = written(groups, types, 0, Per.Partition).flatten.map(_._2.head.asInstanceOf[Seq[Any]])
    assertEquals(Seq(10, 10, 5), lists.map(_.length))
    assertEquals((0L until 25L).toList, lists.flatten.toList)
  }

  @Test def aGroupHasAnyNumberOfRows(): Unit = {
    val children = Iterator.fill(3)(new ColumnarBatch(Array.empty, 1 << 30))
    val groups = new ColumnGroups(Nil, Per.Partition, Nil, children, Portion.Whole)
    val writer = new BatchWriter(Nil, Nil, true, Limits, segments)
    writer.begin()
    assertTrue(groups.start())
    groups.write(writer)
    assertEquals(3L << 30, writer.rows)
    assertFalse(groups.start())
  }

  @Test def aRowIsAGroupHoweverManyAreWrittenAtOnce(): Unit = {
    val types = Seq[DataType](LongType, StringType)
    val small = (0 until 4000).map(i => row(i.toLong, null))
    def found(values: Seq[Seq[Any]]) =
      written(
        columnGroups(types, 0, Per.Row)(batches(types, values)),
        types,
        0,
        Per.Row,
        group = 1024
      ).flatten
    assertEquals(small, found(small).map(_._2))
    val large = small :+ row(0L, "x" * (8 << 20))
    assertEquals(ErrorCode.TOO_LARGE, TestSession.failure(found(large)).getErrorCode)
  }

  @Test def aFirstRowSaysLittleOfThoseBehindIt(): Unit = {
    val types = Seq[DataType](StringType)
    val values = row(null) +: Seq.fill(999)(row("x" * 1000))
    for (per <- Seq(Per.Batch, Per.Row)) {
      val found = written(columnGroups(types, 0, per)(batches(types, values)), types, 0, per, full = 1 << 20)
      val first = found.head.flatMap { case (_, arguments) =>
        if (per.lists) arguments.head.asInstanceOf[Seq[Any]] else Seq(arguments.head)
      }
      assertTrue(s"${first.length} rows", first.length < 300)
    }
  }

  @Test def batchesEndWhenTheyAreFull(): Unit = {
    val types = Seq[DataType](LongType, ArrayType(DoubleType))
    val values = (0 until 4000).map(i => row(i.toLong, Seq.fill(i % 7)(1.0)))
    for (per <- Seq(Per.Batch, Per.Row)) {
      val found =
        written(columnGroups(types, 0, per)(batches(types, values, 3000)), types, 0, per, full = 16 << 10)
      assertTrue(s"${found.length} batches", found.length > 8)
      val lists = found.flatten.flatMap { case (_, arguments) =>
        if (per.lists) arguments.head.asInstanceOf[Seq[Any]] else Seq(arguments.head)
      }
      assertEquals((0L until 4000L).toList, lists.toList)
    }
  }
}
