package org.beringia.spark.columns

import org.apache.spark.sql.types._
import org.beringia.{BeringiaException, ErrorCode}
import org.junit.Test
import org.junit.Assert._

class ArrowTypesTest {

  @Test def formatsAreThoseOfTheBoundary(): Unit = {
    val expected = Seq(
      BooleanType -> "b",
      ByteType -> "c",
      ShortType -> "s",
      IntegerType -> "i",
      LongType -> "l",
      FloatType -> "f",
      DoubleType -> "g",
      DateType -> "tdD",
      TimestampType -> "tsu:UTC",
      TimestampNTZType -> "tsu:",
      DayTimeIntervalType() -> "tDu",
      DecimalType(10, 2) -> "d:10,2",
      StructType.fromDDL("a int, b string") -> "+s",
      StringType -> "U",
      BinaryType -> "Z",
      ArrayType(IntegerType) -> "+L"
    )
    expected.foreach { case (dataType, format) =>
      assertEquals(format, ArrowTypes.field("c", dataType).format)
      assertTrue(ArrowTypes.layout(dataType).isDefined)
    }
    assertEquals("item", ArrowTypes.field("c", ArrayType(IntegerType)).children.get(0).name)
  }

  @Test def otherTypesAreRefusedByNameAndType(): Unit = {
    val none = Seq(
      StructType.fromDDL("a int, m map<string, int>"),
      new StructType(),
      MapType(StringType, IntegerType),
      CalendarIntervalType,
      YearMonthIntervalType(),
      ArrayType(MapType(StringType, IntegerType)),
      NullType
    )
    none.foreach { dataType =>
      Seq[(String, DataType) => Unit](
        ArrowTypes.requireKey,
        ArrowTypes.requireArgument,
        ArrowTypes.requireResult
      )
        .foreach { require =>
          val error = assertThrows(classOf[BeringiaException], () => require("col", dataType))
          assertEquals(ErrorCode.ARGUMENT, error.getErrorCode)
          assertTrue(error.getMessage, error.getMessage.contains("'col'"))
          assertTrue(error.getMessage, error.getMessage.contains(dataType.catalogString))
        }
    }
  }
}
