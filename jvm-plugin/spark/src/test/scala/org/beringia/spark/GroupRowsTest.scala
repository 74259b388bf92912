package org.beringia.spark

import scala.collection.mutable.ArrayBuffer

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{AttributeReference, UnsafeProjection}
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.UTF8String
import org.beringia.spark.columns.InputColumn
import org.junit.Test
import org.junit.Assert._

class GroupRowsTest {
  private val types = Seq(DoubleType, StringType, DateType)
  private val names = Seq("d", "s", "day")
  private val schema = names.zip(types).map { case (name, dataType) => AttributeReference(name, dataType)() }
  private val keys = names.zip(types).zipWithIndex.map { case ((name, dataType), i) =>
    InputColumn(name, dataType, i)
  }

  private def rows(values: Seq[Any]*): Iterator[InternalRow] = {
    val projection = UnsafeProjection.create(types.toArray[DataType])
    values.iterator.map(row =>
      projection(InternalRow.fromSeq(row.map {
        case text: String => UTF8String.fromString(text)
        case other => other
      }))
    )
  }

  /** Sizes and names of the groups. */
  private def groups(
      rows: Iterator[InternalRow],
      keys: Seq[InputColumn],
      grouped: Boolean = true
  ): Seq[(Int, String)] = {
    val groups = new GroupRows(rows, keys, grouped, schema)
    val found = ArrayBuffer.empty[(Int, String)]
    while (groups.startGroup() != null) {
      val name = groups.describe
      var size = 1
      while (groups.nextOfGroup() != null) size += 1
      found += size -> name
    }
    found.toSeq
  }

  @Test def breaksComeWhereSparkSeesThem(): Unit = {
    val found = groups(
      rows(
        Seq(null, "a", 0),
        Seq(null, "a", 0),
        Seq(-0.0, "a", 0),
        Seq(0.0, "a", 0),
        Seq(1.0, "a", 0),
        Seq(1.0, "b", 0),
        Seq(1.0, "b", 1),
        Seq(Double.NaN, "b", 1),
        Seq(java.lang.Double.longBitsToDouble(0x7ff8000000000001L), "b", 1)
      ),
      keys
    )
    assertEquals(Seq(2, 2, 1, 1, 1, 2), found.map(_._1))
    assertEquals("d=null, s=a, day=1970-01-01", found.head._2)
  }

  @Test def withoutKeysAllRowsAreOneGroupAndWithoutGroupsEachIsItsOwn(): Unit = {
    def three = rows(Seq(1.0, "a", 0), Seq(2.0, "b", 0), Seq(3.0, "c", 0))
    assertEquals(Seq(3 -> ""), groups(three, Nil))
    assertEquals(Seq(1, 1, 1), groups(three, Nil, grouped = false).map(_._1))
    assertEquals(Nil, groups(rows(), keys))
  }

  @Test def rowsOfOtherKindsAreConverted(): Unit = {
    val generic = Iterator(
      InternalRow(1.0, UTF8String.fromString("a"), 0),
      InternalRow(1.0, UTF8String.fromString("a"), 0)
    )
    assertEquals(Seq(2), groups(generic, keys).map(_._1))
  }
}
