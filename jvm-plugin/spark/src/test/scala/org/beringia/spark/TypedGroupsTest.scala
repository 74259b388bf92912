package org.beringia.spark

import org.apache.spark.sql.functions._
import org.beringia.ErrorCode
import org.beringia.spark.TestSession.{failure, spark}
import org.junit.{BeforeClass, Test}
import org.junit.Assert._

/** `numpyMapGroups` of Datasets that were grouped by a function. */
class TypedGroupsTest {
  import TypedGroupsTest._
  import spark.implicits._

  private lazy val visits = Seq(
    Visit("ann", 2020, 1.0, Seq(1.0, 2.0)),
    Visit("ann", 2020, 3.0, Seq(3.0, 4.0)),
    Visit("ann", 2021, 5.0, Seq(5.0, 6.0)),
    Visit("bob", 2020, 7.0, Seq(7.0, 8.0))
  ).toDS()

  private def function(source: String) = PythonFunction.fromSource(source)

  private val mean = function("def mean(dose):\n    return dose.mean()")

  @Test def givesPairsOfKeyAndObject(): Unit = {
    val fit = function("def fit(dose, image):\n    return len(dose), image.sum(axis=0), f'{dose.max()}'")
    val fits = visits.groupByKey(_.name).numpyMapGroups[Fit](fit)
    assertEquals(
      Set(("ann", Fit(3, Seq(9.0, 12.0), Some("5.0"))), ("bob", Fit(1, Seq(7.0, 8.0), Some("7.0")))),
      fits.collect().toSet
    )
  }

  @Test def agreesWithMapGroups(): Unit = {
    val expected = visits.groupByKey(_.year).mapGroups((year, rows) => (year, rows.map(_.dose).max))
    val largest =
      visits.groupByKey(_.year).numpyMapGroups[Double](function("def f(dose):\n    return dose.max()"))
    assertEquals(expected.collect().toSet, largest.collect().toSet)
  }

  @Test def aKeyOfFieldsComesBackWhole(): Unit = {
    val means = visits.groupByKey(v => (v.name, v.year)).numpyMapGroups[Double](mean)
    assertEquals(
      Set((("ann", 2020), 2.0), (("ann", 2021), 5.0), (("bob", 2020), 7.0)),
      means.collect().toSet
    )
    val classes = visits.groupByKey(v => Key(v.name, v.year)).numpyMapGroups[Double](mean)
    assertEquals(Set(Key("ann", 2020), Key("ann", 2021), Key("bob", 2020)), classes.map(_._1).collect().toSet)
  }

  @Test def theKeyIsAnArgumentToo(): Unit = {
    val label = function("def label(key, dose):\n    return f'{key}: {len(dose)}'")
    assertEquals(
      Set(("ann", "ann: 3"), ("bob", "bob: 1")),
      visits.groupByKey(_.name).numpyMapGroups[String](label).collect().toSet
    )
    val ofPair =
      visits.groupByKey(v => (v.name, v.year)).numpyMapGroups[String](label, Map("key" -> col("key._2")))
    assertTrue(ofPair.collect().map(_._2).toSet == Set("2020: 2", "2021: 1", "2020: 1"))
  }

  @Test def columnsOfValuesAndKeysMayHaveOneName(): Unit = {
    val numbers = Seq(1, 2, 3, 4, 5).toDS()
    val sums =
      numbers.groupByKey(_ % 2).numpyMapGroups[Long](function("def f(value):\n    return value.sum()"))
    assertEquals(Set((0, 6L), (1, 9L)), sums.collect().toSet)
    val keyed = Seq(Named("a", 1.0), Named("b", 2.0)).toDS().groupByKey(_.key)
    assertEquals(
      Set(("a", 1.0), ("b", 2.0)),
      keyed.numpyMapGroups[Double](function("def f(x):\n    return x.sum()")).collect().toSet
    )
  }

  @Test def mappedValuesAndGroupedFramesAreGroupedDatasetsToo(): Unit = {
    val doses = visits.groupByKey(_.name).mapValues(_.dose)
    assertEquals(
      Set(("ann", 9.0), ("bob", 7.0)),
      doses.numpyMapGroups[Double](function("def f(value):\n    return value.sum()")).collect().toSet
    )
    assertEquals(
      Set(("ann", 3.0), ("bob", 7.0)),
      visits.toDF().groupBy("name").as[String, Visit].numpyMapGroups[Double](mean).collect().toSet
    )
  }

  @Test def anyNumberOfObjectsPerGroup(): Unit = {
    val large = function("def large(dose):\n    return dose[dose > 2]")
    assertEquals(
      Seq(("ann", 3.0), ("ann", 5.0), ("bob", 7.0)),
      visits.groupByKey(_.name).numpyFlatMapGroups[Double](
        large,
        options = NumpyOptions(orderBy = Seq($"dose"))
      ).collect().toSeq.sortBy(_._2)
    )
  }

  @Test def furtherColumnsHaveNoPlace(): Unit =
    Seq(NumpyOptions(keep = Seq($"dose")), NumpyOptions(onError = "column")).foreach { options =>
      val refused = failure(visits.groupByKey(_.name).numpyMapGroups[Double](mean, options = options))
      assertEquals(ErrorCode.ARGUMENT, refused.getErrorCode)
      assertTrue(refused.getMessage, refused.getMessage.contains("use groupBy"))
    }

  @Test def aNullFitsAnOptionOnly(): Unit = {
    val nothing = function("def nothing(dose):\n    return None")
    assertEquals(
      Set(("ann", Perhaps(None)), ("bob", Perhaps(None))),
      visits.groupByKey(_.name).numpyMapGroups[Perhaps](nothing).collect().toSet
    )
  }
}

object TypedGroupsTest {
  case class Visit(name: String, year: Int, dose: Double, image: Seq[Double])
  case class Fit(n: Long, total: Seq[Double], label: Option[String])
  case class Key(name: String, year: Int)
  case class Named(key: String, x: Double)
  case class Perhaps(value: Option[Double])

  @BeforeClass def libraryExists(): Unit = EndToEndTest.libraryExists()
}
