package org.beringia.guide

import org.apache.spark.sql.{DataFrame, Row}
import org.beringia.spark.EndToEndTest
import org.beringia.spark.TestSession.spark
import org.junit.{BeforeClass, Test}
import org.junit.Assert._

/** The code of docs/scala.md: integration-tests/test_docs.py holds the page to it. */
class ScalaGuideTest {
  import spark.implicits._

  private def rounded(data: DataFrame): Set[Seq[Any]] = data.collect().map(_.toSeq.map {
    case x: Double => (x * 1e9).round / 1e9 + 0.0 // no negative zero
    case other => other
  }).toSet

  @Test def theGuideRuns(): Unit = {
    import org.apache.spark.sql.functions.col
    import org.beringia.spark._

    val visits = Seq(("ann", 0, 1.0, 2.0), ("ann", 1, 2.0, 4.0), ("bob", 0, 1.0, 5.0), ("bob", 1, 4.0, 6.5))
      .toDF("id", "visit", "x", "y")

    val line = PythonFunction.fromSource("""
import numpy as np

def line(x, y):
    return np.polyfit(x, y, 1)
""")

    val lines = visits.groupBy("id").numpyMap(line, "slope double, intercept double")
    lines.show()

    val byVisit = visits.groupBy("id").numpyMap(
      line,
      "slope double, intercept double",
      Map("x" -> (col("visit") + 1)),
      NumpyOptions(orderBy = Seq(col("visit").desc), onError = "null")
    )

    val weighted =
      PythonFunction.fromSource("def weighted(x, y, weights, power):\n    return weights @ [x, y ** power]")

    val sums = visits.numpyMap(
      weighted,
      "sum double",
      options = NumpyOptions(consts = Map("weights" -> Array(0.5, 2.0), "power" -> 2))
    )

    val change = PythonFunction.fromSource("def change(y):\n    return y[-1] - y[0]")

    val changes = visits.groupBy("id").numpyMap(
      change,
      "change double",
      options = NumpyOptions(window = Some(NumpyWindow(col("visit"), size = 2, step = 1)))
    )

    val span = PythonFunction.fromSource("def span(key, x):\n    return f'{key}!', x.max() - x.min()")

    val spans = visits.as[(String, Int, Double, Double)]
      .groupByKey(_._1)
      .numpyMapGroups[(String, Double)](span, Map("x" -> col("x")))

    assertEquals(Set(Seq("ann", 2.0, 0.0), Seq("bob", 0.5, 4.5)), rounded(lines))
    assertEquals(Set(Seq("ann", 2.0, 0.0), Seq("bob", 1.5, 3.5)), rounded(byVisit))
    assertEquals(Set(Seq(8.5), Seq(33.0), Seq(50.5), Seq(86.5)), rounded(sums))
    assertEquals(
      Set(Seq(-1, 0.0), Seq(0, 2.0), Seq(1, 0.0), Seq(0, 1.5)),
      rounded(changes.selectExpr("CAST(window.start AS INT)", "change"))
    )
    assertEquals(Set(("ann", ("ann!", 1.0)), ("bob", ("bob!", 3.0))), spans.collect().toSet)

    val java = new JavaProgram(visits)
    assertEquals(Set(Row("ann", 12.0), Row("bob", 23.0)), java.scaled.collect().toSet)
    assertEquals(Set(("ann", 3.0), ("bob", 5.0)), java.totals.collect().toSet)
  }
}

object ScalaGuideTest {
  @BeforeClass def libraryExists(): Unit = EndToEndTest.libraryExists()
}
