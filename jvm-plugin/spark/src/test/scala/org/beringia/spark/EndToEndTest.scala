package org.beringia.spark

import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Paths}
import java.util.concurrent.{Executors, TimeUnit}

import scala.concurrent.{Await, ExecutionContext, Future}
import scala.concurrent.duration._

import org.apache.spark.sql.{Column, DataFrame, Row}
import org.apache.spark.sql.expressions.Window
import org.apache.spark.sql.functions._
import org.apache.spark.sql.types._
import org.beringia.ErrorCode
import org.beringia.bridge.NativeLibrary
import org.beringia.executor.Settings
import org.beringia.spark.TestSession.{failure, spark, withSetting}
import org.junit.{BeforeClass, Test}
import org.junit.Assert._
import org.junit.Assume.assumeTrue

/** Real jobs: Spark, the native library, Python workers. */
class EndToEndTest {
  import EndToEndTest._
  import spark.implicits._

  private lazy val points =
    spark.range(0, 1000, 1, 4).selectExpr(
      "cast(id % 37 as int) k",
      "cast(id as double) x",
      "concat('s', id % 5) s"
    )

  private def f(name: String) = s"beringia_end_to_end:$name"

  private def map(df: DataFrame, name: String, returns: DataType, args: (String, Column)*): DataFrame =
    Front.grouped(df.groupBy("k"), f(name), returns, args, paths = Seq(modules))

  private def sums(df: DataFrame = points): DataFrame =
    map(df, "total", Front.fields("total double"), "x" -> col("x"))

  private def expectedSums: Seq[Row] =
    points.groupBy("k").agg(sum("x").as("total")).collect().toSeq

  private def assertSame(expected: Seq[Row], actual: Seq[Row]): Unit =
    assertEquals(expected.map(_.toString).sorted, actual.map(_.toString).sorted)

  @Test def aFunctionOfAModuleRunsOnEveryGroup(): Unit = assertSame(expectedSums, sums().collect())

  @Test def manySmallBatchesGiveTheSame(): Unit =
    withSetting(Settings.BatchBytes, "1k")(assertSame(expectedSums, sums().collect()))

  @Test def keysArriveAsScalarsAndResultsAsStringsAndArrays(): Unit = {
    val returned = map(
      points,
      "describe",
      Front.fields("label string, ends array<double>, n bigint"),
      "k" -> col("k"),
      "x" -> col("x")
    )
    val expected = points.groupBy("k").agg(
      concat(lit("k="), col("k")).as("label"),
      array(min("x"), max("x")).as("ends"),
      count("*").as("n")
    )
    assertSame(expected.collect(), returned.collect())
  }

  @Test def stringsAndNullsCrossBothWays(): Unit = {
    val data =
      Seq[(String, String)](("a", "x"), ("a", null), (null, "zz"), (null, null), ("ü", "")).toDF("k", "s")
    val joined = map(data, "joined", Front.fields("text string"), "s" -> col("s"))
    assertEquals(
      Set(("a", "x|None".length), (null, "zz|None".length), ("ü", 0)),
      joined.collect().map(r => (r.getString(0), r.getString(1).length)).toSet
    )
  }

  @Test def manyRowsPerGroup(): Unit = {
    val repeated = map(
      points,
      "repeat",
      ArrayType(Front.fields("i bigint, s string")),
      "k" -> col("k"),
      "s" -> col("s")
    )
    assertEquals((0 until 37).map(k => k % 4).sum, repeated.count())
    assertEquals(0, repeated.filter("i >= k % 4").count())
  }

  @Test def withoutGroupsEveryRowIsACall(): Unit = {
    val rows = points.select(col("x"), array(col("x"), col("x") + 1).as("a"))
    val doubled = Front.rows(
      rows,
      f("dot"),
      Front.fields("d double"),
      Seq("x" -> col("x"), "a" -> col("a")),
      paths = Seq(modules)
    )
    assertSame(rows.select(col("x") * (lit(2) * col("x") + 1)).collect(), doubled.collect())
  }

  @Test def columnsOfACacheOrAFileAreRead(): Unit = {
    val directory = Files.createTempDirectory("beringia-parquet").resolve("points").toString
    points.write.parquet(directory)
    val cached = points.select("x").cache()
    Seq(cached, spark.read.parquet(directory).select("x")).foreach { data =>
      val doubled = Front.rows(data, f("twice"), Front.fields("d double"), Seq("x" -> col("x")), Seq(modules))
      assertSame(points.select(col("x") * 2).collect(), doubled.collect())
    }
    cached.unpersist(): Unit
  }

  @Test def oneGroupOfAllRows(): Unit = {
    val one = Front.grouped(
      points.groupBy(),
      f("total"),
      Front.fields("total double"),
      Seq("x" -> col("x")),
      paths = Seq(modules)
    )
    assertSame(points.agg(sum("x")).collect(), one.collect())
    val none = Front.grouped(
      points.filter("x < 0").groupBy(),
      f("total"),
      Front.fields("total double"),
      Seq("x" -> col("x")),
      paths = Seq(modules)
    )
    assertEquals(0, none.count())
  }

  @Test def rowsComeInTheOrderAskedFor(): Unit = {
    val first = Front.grouped(
      points.groupBy("k"),
      f("first"),
      Front.fields("x double"),
      Seq("x" -> col("x")),
      Seq(col("x").desc),
      Seq(modules)
    )
    assertSame(points.groupBy("k").agg(max("x")).collect(), first.collect())
  }

  @Test def resultsStayCorrectInWhatFollows(): Unit = withSetting(Settings.BatchBytes, "1k") {
    def described = map(
      points,
      "describe",
      Front.fields("label string, ends array<double>, n bigint"),
      "k" -> col("k"),
      "x" -> col("x")
    )
    val plain =
      spark.createDataFrame(spark.sparkContext.parallelize(described.collect().toSeq), described.schema)
    val uses = Seq[DataFrame => DataFrame](
      _.agg(max("label"), min("label"), max("ends")),
      _.groupBy(col("n")).agg(sort_array(collect_list("label")), first("n")),
      _.orderBy(desc("label")).limit(5),
      _.withColumn("previous", lag("label", 1).over(Window.partitionBy(col("n")).orderBy("k"))),
      df => df.join(df.select(col("k"), col("label").as("other")), "k"),
      df => df.join(broadcast(df.select(col("k"), col("ends").as("other"))), "k"),
      df => df.union(df).distinct(),
      df => df.intersect(df),
      _.repartition(5).select(explode(col("ends")), col("label")),
      _.sample(withReplacement = true, 3.0, 7).select("label").distinct().filter("label < 'k=1'")
    )
    uses.zipWithIndex.foreach { case (use, i) =>
      if (i < uses.length - 1) assertSame(use(plain).collect(), use(described).collect())
      else assertTrue(use(described).collect().forall(_.getString(0).startsWith("k=")))
    }
    val cached = described.cache()
    assertSame(plain.collect(), cached.collect())
    assertSame(plain.collect(), cached.collect())
    cached.unpersist(): Unit
  }

  @Test def twoMapsInOneStageShareTheTask(): Unit = {
    val twice =
      map(sums().withColumnRenamed("total", "x"), "total", Front.fields("total double"), "x" -> col("x"))
    assertSame(expectedSums, twice.collect())
  }

  @Test def anExceptionNamesItsGroupAndTheNextJobRuns(): Unit = {
    val error = failure(map(points, "fail", Front.fields("x double"), "k" -> col("k")).collect())
    assertEquals(ErrorCode.FUNCTION_RAISED, error.getErrorCode)
    assertTrue(error.getMessage, error.getMessage.contains("k must not be 17"))
    assertTrue(error.getTraceback, error.getTraceback.contains("ValueError"))
    assertSame(expectedSums, sums().collect())
  }

  @Test def aDeadWorkerIsAnErrorAndTheNextJobRuns(): Unit = {
    val error = failure(map(points, "die", Front.fields("x double"), "k" -> col("k")).collect())
    assertEquals(ErrorCode.WORKER_DIED, error.getErrorCode)
    assertSame(expectedSums, sums().collect())
  }

  @Test def aGroupPastTheCapIsRefused(): Unit = withSetting(Settings.MaxGroupBytes, "2k") {
    val one = points.withColumn("k", when(col("x") < 900, 1).otherwise(2))
    val error = failure(sums(one).collect())
    assertEquals(ErrorCode.TOO_LARGE, error.getErrorCode)
    assertEquals("k=1", error.getGroup)
  }

  @Test def limitEndsEarly(): Unit = withSetting(Settings.BatchBytes, "1k") {
    assertEquals(3, sums().limit(3).collect().length)
    assertSame(expectedSums, sums().collect())
  }

  @Test def aCancelledJobEndsSoon(): Unit = {
    val threads = Executors.newFixedThreadPool(1)
    implicit val execution: ExecutionContext = ExecutionContext.fromExecutor(threads)
    val job = Future {
      spark.sparkContext.setJobGroup("sleepers", "to be cancelled", interruptOnCancel = false)
      map(points, "sleep", Front.fields("x double"), "k" -> col("k")).collect()
    }
    while (spark.sparkContext.statusTracker.getJobIdsForGroup("sleepers").isEmpty) Thread.sleep(50)
    Thread.sleep(2000)
    spark.sparkContext.cancelJobGroup("sleepers")
    assertThrows(classOf[Exception], () => Await.result(job, 30.seconds): Unit)
    threads.shutdown()
    assertTrue(threads.awaitTermination(10, TimeUnit.SECONDS))
    assertSame(expectedSums, sums().collect())
  }

  @Test def metricsCountWhatHappened(): Unit = {
    val df = withSetting("spark.sql.adaptive.enabled", "false") {
      val df = sums()
      df.collect()
      df
    }
    val metrics = df.queryExecution.executedPlan.collectFirst { case n: NumpyMapExec => n.metrics }.get
    assertEquals(37, metrics("numGroups").value)
    assertEquals(37, metrics("numOutputRows").value)
    assertTrue(metrics("bytesIn").value >= 8000)
    // The rows once, the results once.
    val values = metrics.map { case (name, metric) => name -> metric.value }
    assertTrue(values.toString, metrics("bytesCopied").value < 2 * 8000 + 4096)
    assertEquals(0, metrics("bytesMoved").value)
  }
}

object EndToEndTest {
  private lazy val modules: String = {
    val directory = Files.createTempDirectory("beringia-modules")
    val source =
      """import os
        |import time
        |import numpy as np
        |
        |def total(x):
        |    return float(np.sum(x))
        |
        |def describe(k, x):
        |    return f"k={k}", np.array([x.min(), x.max()]), len(x)
        |
        |def joined(s):
        |    return "|".join("None" if v is None else v for v in s)
        |
        |def repeat(k, s):
        |    n = int(k) % 4
        |    return np.arange(n), [str(v) for v in s[:n]]
        |
        |def dot(x, a):
        |    return float(x * a.sum())
        |
        |def twice(x):
        |    return 2 * x
        |
        |def first(x):
        |    return float(x[0])
        |
        |def fail(k):
        |    if k == 17:
        |        raise ValueError("k must not be 17")
        |    return 0.0
        |
        |def die(k):
        |    os._exit(3)
        |
        |def sleep(k):
        |    time.sleep(60)
        |    return 0.0
        |""".stripMargin
    Files.write(directory.resolve("beringia_end_to_end.py"), source.getBytes(StandardCharsets.UTF_8))
    directory.toString
  }

  /** Skips these tests where there is no native library to run them with. */
  @BeforeClass def libraryExists(): Unit = {
    val path = System.getProperty(NativeLibrary.PATH_PROPERTY)
    val exists = path != null && Files.exists(Paths.get(path))
    if (!exists) System.err.println(s"SKIPPED: the end-to-end tests need the native library at $path")
    assumeTrue(s"no native library at $path: cargo build --release -p beringia-jni", exists)
  }
}
