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
      DecimalType(10, 2),
      StructType.fromDDL("a int"),
      MapType(StringType, IntegerType),
      CalendarIntervalType,
      DayTimeIntervalType(),
      ArrayType(DecimalType(3, 1)),
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
