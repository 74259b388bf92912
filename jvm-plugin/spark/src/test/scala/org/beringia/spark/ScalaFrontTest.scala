package org.beringia.spark

import java.io.{ByteArrayOutputStream, ObjectOutputStream}
import java.nio.file.{Files, Path}

import scala.sys.process.Process

import org.apache.spark.sql.{DataFrame, Row}
import org.apache.spark.sql.functions._
import org.apache.spark.sql.types._
import org.beringia.ErrorCode
import org.beringia.executor.NumpyFunction
import org.beringia.spark.TestSession.{failure, spark, withSetting}
import org.junit.{BeforeClass, Test}
import org.junit.Assert._

/** `numpyMap` of DataFrames, as Scala programs call it. */
class ScalaFrontTest {
  import ScalaFrontTest._
  import spark.implicits._

  private lazy val points = Seq(
    ("ann", 0, 1.0, 2.0),
    ("ann", 1, 2.0, 4.0),
    ("ann", 2, 3.0, 6.0),
    ("bob", 0, 1.0, 5.0),
    ("bob", 1, 5.0, 7.0)
  ).toDF("id", "visit", "x", "y")

  private def rows(data: DataFrame): Seq[Row] = data.collect().toSeq.sortBy(_.toString)

  private val total = PythonFunction.fromSource("def total(x):\n    return x.sum()")

  @Test def requiredParametersTakeTheColumnsOfTheirNames(): Unit = {
    val slope = PythonFunction.fromSource(
      "import numpy as np\n\ndef line(x, y, weight=None):\n    return np.polyfit(x, y, 1, w=weight).round(6)"
    )
    val lines = points.groupBy("id").numpyMap(slope, "slope double, intercept double")
    assertEquals(Seq("id", "slope", "intercept"), lines.columns.toSeq)
    assertEquals(
      Seq(("ann", 2.0), ("bob", 0.5)),
      rows(lines).map(row => (row.getString(0), row.getDouble(1)))
    )
  }

  @Test def argsNameOtherColumnsOrExpressions(): Unit = {
    val doubled = points.groupBy("id").numpyMap(total, "y double", Map("x" -> $"y" * 2))
    assertEquals(Seq(Row("ann", 24.0), Row("bob", 24.0)), rows(doubled))
    val inOrder = points.groupBy($"id").numpyMap(total, "y double", Seq("x" -> $"y"))
    assertEquals(Seq(Row("ann", 12.0), Row("bob", 12.0)), rows(inOrder))
  }

  @Test def argsByPositionAreForFunctionsThatNameNoParameter(): Unit = {
    val largest =
      points.groupBy("id").numpyMap(PythonFunction.fromModule("builtins:max"), "x double", Seq($"x"))
    assertEquals(Seq(Row("ann", 3.0), Row("bob", 5.0)), rows(largest))
    val refused = failure(points.groupBy("id").numpyMap(total, "y double", Seq($"x")))
    assertEquals(ErrorCode.ARGUMENT, refused.getErrorCode)
    assertTrue(refused.getMessage, refused.getMessage.contains("give them by name, args={'x': …}"))
  }

  @Test def aFunctionOfAModuleOrOfAPickle(): Unit = {
    val mean =
      points.groupBy("id").numpyMap(PythonFunction.fromModule("numpy:mean"), "y double", Map("a" -> $"y"))
    assertEquals(Seq(Row("ann", 4.0), Row("bob", 6.0)), rows(mean))
    val pickled = PythonFunction.fromPickle(pickle("lambda x, k=3: x.sum() * k").toString)
    assertEquals(
      Seq(Row("ann", 18.0), Row("bob", 18.0)),
      rows(points.groupBy("id").numpyMap(pickled, "y double"))
    )
  }

  @Test def aSourceOfSeveralFunctionsMeansTheLastOrTheNamedOne(): Unit = {
    val source = "def half(x):\n    return x / 2\n\ndef halves(x):\n    return half(x).sum()\n"
    val last = points.groupBy("id").numpyMap(PythonFunction.fromSource(source), "y double")
    assertEquals(Seq(Row("ann", 3.0), Row("bob", 3.0)), rows(last))
    val named = points.numpyMap(PythonFunction.fromSource(source, "half"), "h double")
    assertEquals(8.0 - 2.0, named.agg(sum("h")).first().getDouble(0), 0)
  }

  @Test def returnsIsATypeOrItsText(): Unit = {
    val one = StructType.fromDDL("y double")
    val expected = rows(points.groupBy("id").agg(sum("x")))
    assertEquals(expected, rows(points.groupBy("id").numpyMap(total, one)))
    val totals = PythonFunction.fromSource("def totals(x):\n    return [x.sum()]")
    assertEquals(expected, rows(points.groupBy("id").numpyMap(totals, ArrayType(one))))
    assertEquals(expected, rows(points.groupBy("id").numpyMap(totals, "array<struct<y: double>>")))
    Seq("double" -> "must name its fields", "y dubble" -> "no schema that Spark can read").foreach {
      case (returns, words) =>
        val refused = failure(points.groupBy("id").numpyMap(total, returns))
        assertEquals(ErrorCode.ARGUMENT, refused.getErrorCode)
        assertTrue(refused.getMessage, refused.getMessage.contains(words))
    }
  }

  @Test def arraysAmongTheConstantsAreSharedAndOthersComeAsPythonsOwn(): Unit = {
    val function = PythonFunction.fromSource(
      """def seen(x, w, grid, flags, q, name, nothing, nested):
        |    assert w.dtype == "f8" and not w.flags.writeable, w
        |    assert grid.shape == (2, 3) and grid.dtype == "i4" and grid[1, 2] == 6, grid
        |    assert flags.dtype == bool and flags.tolist() == [True, False], flags
        |    assert type(q) is int and type(name) is str and nothing is None
        |    assert nested == {"a": [1, 2.5], "b": False}, nested
        |    return f"{name}: {(w * q).sum()}"
        |""".stripMargin
    )
    val consts = Map(
      "w" -> Array(1.0, 2.0),
      "grid" -> Array(Array(1, 2, 3), Array(4, 5, 6)),
      "flags" -> Array(true, false),
      "q" -> 3,
      "name" -> "größe",
      "nothing" -> null,
      "nested" -> Map("a" -> Seq(1, 2.5), "b" -> false)
    )
    val seen = points.groupBy("id").numpyMap(function, "s string", options = NumpyOptions(consts = consts))
    assertEquals(Seq("größe: 9.0", "größe: 9.0"), rows(seen).map(_.getString(1)))
  }

  @Test def constantsThatCannotTravelAreRefused(): Unit = {
    def refused(value: Any) = failure(
      points.groupBy("id").numpyMap(
        total,
        "y double",
        Map("x" -> $"x"),
        NumpyOptions(consts = Map("w" -> value))
      )
    ).getMessage
    val takesAny = PythonFunction.fromSource("def f(x, w):\n    return w.sum()")
    def message(value: Any) = failure(
      points.groupBy("id").numpyMap(takesAny, "y double", options = NumpyOptions(consts = Map("w" -> value)))
    ).getMessage
    assertTrue(refused(1.0), refused(1.0).contains("consts names 'w', but total has 'x'"))
    assertTrue(message(Array(Array(1.0), Array(1.0, 2.0))).contains("rows of different lengths"))
    assertTrue(message(new Object).contains("java.lang.Object"))
  }

  @Test def manyMegabytesOfConstantsTravelApartFromTheTasks(): Unit = {
    val w = Array.tabulate(1 << 20)(_.toDouble)
    val function = PythonFunction.fromSource("def f(x, w):\n    return w[-1]")
    val last =
      points.groupBy("id").numpyMap(function, "y double", options = NumpyOptions(consts = Map("w" -> w)))
    assertEquals(Seq(w.last, w.last), rows(last).map(_.getDouble(1)))
    val sent = last.queryExecution.optimizedPlan.collectFirst { case node: NumpyMap => node.function }.get
    assertTrue(sent.bytes.length > 8 * w.length)
    val task = new ByteArrayOutputStream
    new ObjectOutputStream(task).writeObject(sent.ship(spark.sparkContext))
    assertTrue(s"${task.size} bytes", task.size < NumpyFunction.InTask)
  }

  @Test def optionsAreThoseOfPython(): Unit = {
    val first = PythonFunction.fromSource("def first(x):\n    return x[0]")
    val ordered =
      points.groupBy("id").numpyMap(first, "x double", options = NumpyOptions(orderBy = Seq($"x".desc)))
    assertEquals(Seq(Row("ann", 3.0), Row("bob", 5.0)), rows(ordered))
    val ranks = PythonFunction.fromSource("def ranks(x):\n    return x.argsort().argsort()")
    val kept = points.groupBy("id").numpyMap(
      ranks,
      "array<struct<rank: int>>",
      options = NumpyOptions(keep = Seq($"visit"))
    )
    assertEquals(points.select($"id", $"visit", $"visit".as("rank")).collect().toSet, kept.collect().toSet)
    val gaps = Seq((1, Some(1)), (1, None)).toDF("g", "x")
    val count = PythonFunction.fromSource("def count(x):\n    return x.count()")
    Seq[Missing]("mask", Map("x" -> "mask")).foreach { missing =>
      val counted = gaps.groupBy("g").numpyMap(count, "n int", options = NumpyOptions(missing = missing))
      assertEquals(Seq(Row(1, 1)), rows(counted))
    }
    val fails = PythonFunction.fromSource("def fails(id, x):\n    x[0] = 0\n    return 1 / (id != 'bob')")
    val written = points.groupBy("id").numpyMap(
      fails,
      "y double",
      options = NumpyOptions(writable = true, onError = "column", timeout = Some(20), batchBytes = Some("1k"))
    )
    assertEquals(Seq("id", "y", "error"), written.columns.toSeq)
    assertEquals(Seq(true, false), rows(written).map(_.isNullAt(2)))
  }

  @Test def withoutGroupsACallGetsARowABatchOrAPartition(): Unit = {
    val size = PythonFunction.fromSource("import numpy as np\n\ndef size(x):\n    return np.size(x)")
    assertEquals(Seq.fill(5)(Row(1)), rows(points.numpyMap(size, "n int")))
    val partition =
      points.coalesce(1).numpyMap(size, "n int", options = NumpyOptions(per = Some("partition")))
    assertEquals(Seq(Row(5)), rows(partition))
    val refused = failure(points.numpyMap(size, "n int", options = NumpyOptions(per = Some("heap"))))
    assertEquals("per is one of 'row', 'batch', 'partition', got 'heap'", refused.getMessage)
    val grouped =
      failure(points.groupBy("id").numpyMap(size, "n int", options = NumpyOptions(per = Some("row"))))
    assertTrue(grouped.getMessage, grouped.getMessage.contains("with groups a call gets a group"))
  }

  @Test def whatDoesNotFitIsRefusedBeforeAnythingRuns(): Unit = {
    val dose = PythonFunction.fromSource("def f(dose):\n    return 1.0")
    val options = NumpyOptions()
    Seq(
      failure(points.groupBy("id").numpyMap(dose, "y double")) -> Seq(
        "dose",
        "The columns are id, visit, x, y"
      ),
      failure(points.groupBy("id").numpyMap(total, "y double", Map("z" -> $"x"))) -> Seq(
        "args names 'z', but total has 'x'"
      ),
      failure(points.numpyMap(total, "y double", options = options.copy(onError = "skip"))) -> Seq(
        "on_error is one of"
      ),
      failure(points.numpyMap(total, "y double", options = options.copy(timeout = Some(-1)))) -> Seq(
        "timeout is a number"
      ),
      failure(points.numpyMap(total, "y double", options = options.copy(missing = "zero"))) -> Seq(
        "missing is one of"
      ),
      failure(points.numpyMap(PythonFunction.fromModule("no.such:f"), "y double")) -> Seq(
        "no.such:f",
        "ModuleNotFoundError"
      ),
      failure(points.numpyMap(PythonFunction.fromSource("x = 1"), "y double")) -> Seq("defines no function"),
      failure(points.numpyMap(PythonFunction.fromSource("def f(:"), "y double")) -> Seq("SyntaxError"),
      failure(PythonFunction.fromModule("numpy")) -> Seq("'module:function'"),
      failure(PythonFunction.fromPickle("/no/such/file")) -> Seq("/no/such/file")
    ).foreach { case (refused, words) =>
      assertEquals(refused.getMessage, ErrorCode.ARGUMENT, refused.getErrorCode)
      words.foreach(word => assertTrue(refused.getMessage, refused.getMessage.contains(word)))
    }
  }

  @Test def aFunctionThatRaisesShowsItsGroupAndTheLinesOfItsSource(): Unit = {
    val fails =
      PythonFunction.fromSource("def fails(id, x):\n    return 1 / (id != 'bob')  # never for bob\n")
    val error = failure(points.groupBy("id").numpyMap(fails, "y double").collect())
    assertEquals(ErrorCode.FUNCTION_RAISED, error.getErrorCode)
    assertTrue(error.getGroup, error.getGroup.contains("bob"))
    assertTrue(error.getTraceback, error.getTraceback.contains("never for bob"))
  }

  @Test def aPythonThatIsNotThereIsNamed(): Unit = withSetting(Interpreter.Setting, "/no/such/python") {
    val error = failure(points.numpyMap(total, "y double"))
    assertEquals(ErrorCode.INTERPRETER, error.getErrorCode)
    assertTrue(error.getMessage, error.getMessage.contains("/no/such/python"))
  }

  @Test def whatAModulePrintsIsNotTheAnswer(): Unit = {
    val noisy = PythonFunction.fromSource("print('{}')\n\ndef f(x):\n    return x.sum()")
    assertEquals(
      Seq(Row("ann", 6.0), Row("bob", 6.0)),
      rows(points.groupBy("id").numpyMap(noisy, "y double"))
    )
  }

  @Test def modulesAreFoundAmongTheFilesOfTheContext(): Unit = {
    val module = Files.createTempDirectory("beringia-files").resolve("added_by_file.py")
    Files.write(module, "def scale(x):\n    return 2 * x.sum()\n".getBytes)
    spark.sparkContext.addFile(module.toString)
    val scaled = points.groupBy("id").numpyMap(PythonFunction.fromModule("added_by_file:scale"), "y double")
    assertEquals(Seq(Row("ann", 12.0), Row("bob", 12.0)), rows(scaled))
  }
}

object ScalaFrontTest {

  /** A file with the cloudpickle of a Python expression. */
  private def pickle(expression: String): Path = {
    val path = Files.createTempFile("function", ".pickle")
    val program = s"import cloudpickle, sys\nopen(sys.argv[1], 'wb').write(cloudpickle.dumps($expression))"
    assertEquals(0, Process(Seq(System.getProperty("beringia.python"), "-c", program, path.toString)).!)
    path
  }

  @BeforeClass def libraryExists(): Unit = EndToEndTest.libraryExists()
}
