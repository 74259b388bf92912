package org.beringia.spark.exchange

import org.apache.spark.beringia.TaskContexts
import org.apache.spark.memory.{MemoryMode, TaskMemoryManager}
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions._
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String
import org.beringia.bridge.NativeLibrary
import org.beringia.spark.{Input, TestSession}
import org.junit.{After, BeforeClass, Test}
import org.junit.Assert._
import org.junit.Assume.assumeTrue

import scala.collection.JavaConverters._
import scala.util.Random

/** Blocks of a partition put together, and their rows in order, beside what Spark's ordering makes of the same rows. */
class TableTest {
  import TableTest._

  private val task = TaskContexts.memory(64L << 20)

  @After def everythingIsGivenBack(): Unit = assertEquals(0, task.cleanUpAllAllocatedMemory())

  private def inTable[T](
      task: TaskMemoryManager,
      rows: Seq[InternalRow],
      blockBytes: Long
  )(work: Table => T): T = {
    val mode = task.getTungstenMemoryMode
    val table = new Table(types, new TaskMemory(task, mode))
    try {
      val toUnsafe = UnsafeProjection.create(types.toArray)
      val blocks =
        new BlockIterator(Nil, 1, columns, Input.Rows(rows.iterator.map(toUnsafe)), blockBytes)
      assertTrue(new BlockBatches(types, blocks).forall(table.take))
      work(table)
    } finally table.release()
  }

  private def values(table: Table, order: Array[Int]): Seq[String] = {
    val copied = table.batch(order).rowIterator.asScala.map(_.copy().toSeq(types).map(told).toString)
    copied.toList
  }

  private def check(
      order: Seq[SortOrder],
      rows: Seq[InternalRow],
      blockBytes: Long,
      task: TaskMemoryManager
  ): Unit = {
    val ordering = new InterpretedOrdering(order.map(by => by.copy(child = bound(by.child))))
    val expected = rows.sorted(ordering).map(_.toSeq(types).map(told).toString)
    val by = TableOrder.columns(order, columns).get
    inTable(task, rows, blockBytes) { table =>
      assertEquals(order.toString, expected, values(table, TableOrder.of(table, by)))
    }
  }

  private def bound(expression: Expression): Expression =
    BindReferences.bindReference(expression, AttributeSeq(columns))

  private val rows: Seq[InternalRow] = {
    val random = new Random(7)
    Seq.fill(3000)(InternalRow.fromSeq(types.map(value(random, _))))
  }

  @Test def rowsOfEveryTypeComeInSparksOrder(): Unit =
    for (column <- columns; direction <- Seq(Ascending, Descending); nulls <- Seq(NullsFirst, NullsLast))
      check(Seq(SortOrder(column, direction, nulls, Nil)), rows, 16L << 10, task)

  @Test def severalColumnsOrderOneAfterTheOther(): Unit =
    for (by <- Seq(Seq(0, 9, 7), Seq(10, 2), Seq(7, 5, 8), Seq(11, 0, 4)))
      check(
        by.map(i => SortOrder(columns(i), if (i % 2 == 0) Ascending else Descending)),
        rows,
        16L << 10,
        task
      )

  @Test def onTheHeapToo(): Unit =
    check(Seq(SortOrder(columns(9), Ascending)), rows, 16L << 10, TaskContexts.memory(0))

  @Test def rowsThatLieInOrderAreLeftSo(): Unit =
    inTable(task, rows.filterNot(_.isNullAt(3)).sortBy(_.getLong(3)), 1L << 20) { table =>
      assertNull(TableOrder.of(table, TableOrder.columns(Seq(SortOrder(columns(3), Ascending)), columns).get))
    }

  @Test def noArrayIsLargerThanAPageOfSparks(): Unit = {
    val much = TaskContexts.memory(1L << 45)
    assertEquals(None, new TaskMemory(much, MemoryMode.OFF_HEAP).allocate(1L << 40))
    assertEquals(0, much.cleanUpAllAllocatedMemory())
  }

  @Test def aBlockThatThereIsNoMemoryForIsLeftOut(): Unit = {
    val little = TaskContexts.memory(1L << 20)
    val table = new Table(types, new TaskMemory(little, MemoryMode.OFF_HEAP))
    val toUnsafe = UnsafeProjection.create(types.toArray)
    val many = Iterator.continually(rows).flatten.take(30000).map(toUnsafe)
    val blocks = new BlockBatches(types, new BlockIterator(Nil, 1, columns, Input.Rows(many), 32L << 10))
    val left = blocks.find(!table.take(_))
    assertTrue(left.isDefined)
    assertTrue(s"${table.rows} rows", table.rows > 0 && table.rows < 30000)
    // As much is left for others as the rows take.
    assertTrue(table.bytes <= (1L << 20) / 2)
    assertEquals(rows.take(100).map(_.toSeq(types).map(told).toString), values(table, null).take(100))
    table.release()
    assertEquals(0, little.cleanUpAllAllocatedMemory())
  }
}

object TableTest {
  @BeforeClass def requireNativeLibrary(): Unit = {
    assumeTrue(scala.util.Try(NativeLibrary.load()).isSuccess)
    TestSession.spark: Unit
  }

  private val types: Seq[DataType] = Seq(
    BooleanType,
    ByteType,
    ShortType,
    LongType,
    IntegerType,
    FloatType,
    DateType,
    DoubleType,
    DecimalType(9, 2),
    StringType,
    DecimalType(30, 2),
    BinaryType,
    TimestampType
  )

  private val columns: Seq[AttributeReference] =
    types.zipWithIndex.map { case (dataType, i) => AttributeReference(s"c$i", dataType)() }

  /** One of few, so that there are ties, and each type's hard cases. */
  private def value(random: Random, dataType: DataType): Any = {
    val i = random.nextInt(40) - 20
    if (i == -20) null
    else dataType match {
      case BooleanType => i > 0
      case ByteType => i.toByte
      case ShortType => (i * 1000).toShort
      case IntegerType | DateType => if (i == 19) Int.MaxValue else if (i == -19) Int.MinValue else i
      case LongType | TimestampType =>
        if (i == 19) Long.MaxValue else if (i == -19) Long.MinValue else i.toLong << 33
      case FloatType =>
        Seq(Float.NaN, -0.0f, 0.0f, Float.NegativeInfinity, Float.PositiveInfinity).lift(i).getOrElse(i / 3f)
      case DoubleType => Seq(
          Double.NaN,
          java.lang.Double.longBitsToDouble(-1L),
          -0.0,
          0.0,
          Double.NegativeInfinity,
          Double.PositiveInfinity
        ).lift(i).getOrElse(i / 3.0)
      case decimal: DecimalType => Decimal(
          BigDecimal(i) * (if (decimal.precision > 18) BigDecimal("1e25") else 1),
          decimal.precision,
          decimal.scale
        )
      case StringType => UTF8String.fromString("é\u0000" * (i & 3) + "patient-0000" * (i & 1) + i)
      case _ => Array.tabulate(i & 7)(at => (at * i * 37).toByte)
    }
  }

  /** A value as text: zeros of different signs, and bytes, are told apart. */
  private def told(value: Any): String = value match {
    case bytes: Array[Byte] => bytes.toSeq.toString
    case other => String.valueOf(other)
  }
}
