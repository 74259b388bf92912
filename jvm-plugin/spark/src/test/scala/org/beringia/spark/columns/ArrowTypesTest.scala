package org.beringia.spark.columns

import java.io.File

import scala.collection.JavaConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import org.apache.spark.sql.types._
import org.beringia.{BeringiaException, ErrorCode}
import org.junit.Test
import org.junit.Assert._

class ArrowTypesTest {

  /** The rows of the table of types that Spark has: Spark's name, and the rest. */
  private val table: Seq[(DataType, JsonNode)] =
    new ObjectMapper().readTree(new File(System.getProperty("beringia.types"))).elements.asScala
      .filter(_.has("spark"))
      .map(row => StructType.fromDDL(s"c ${row.get("spark").asText}").head.dataType -> row)
      .toSeq

  @Test def formatsAndNamesAreThoseOfTheTable(): Unit = {
    table.foreach { case (dataType, row) =>
      assertEquals(row.get("format").asText, ArrowTypes.field("c", dataType).format)
      assertEquals(row.get("spark").asText, ArrowTypes.typeName(dataType))
      assertTrue(ArrowTypes.layout(dataType).isDefined)
      ArrowTypes.requireArgument("c", dataType)
      ArrowTypes.requireResult("c", dataType)
      if (row.has("key")) ArrowTypes.requireKey("c", dataType)
      else assertThrows(classOf[BeringiaException], () => ArrowTypes.requireKey("c", dataType))
    }
    assertEquals("item", ArrowTypes.field("c", ArrayType(IntegerType)).children.get(0).name)
  }

  @Test def theHintsOfRefusalsNameTheKeysOfTheTable(): Unit = {
    val error =
      assertThrows(classOf[BeringiaException], () => ArrowTypes.requireKey("c", ArrayType(IntegerType)))
    val names = table.collect {
      case (dataType, row) if row.has("key") && !dataType.isInstanceOf[StructType] =>
        row.get("spark").asText.takeWhile(_ != '(')
    }
    val hint = error.getMessage.split("takes ").last.stripSuffix(", and structs of these here")
    assertEquals(names.toSet, hint.split(", ").toSet)
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
