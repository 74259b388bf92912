package org.beringia.spark

import org.apache.spark.sql.{Column, DataFrame}
import org.apache.spark.sql.catalyst.expressions.{Ascending, Descending, SortOrder}
import org.apache.spark.sql.catalyst.plans.physical.{
  AllTuples,
  ClusteredDistribution,
  UnspecifiedDistribution
}
import org.apache.spark.sql.execution.{ColumnarToRowExec, RowToColumnarExec, SparkPlan}
import org.apache.spark.sql.execution.exchange.{Exchange, ReusedExchangeExec, ShuffleExchangeExec}
import org.apache.spark.sql.expressions.Window
import org.apache.spark.sql.functions._
import org.apache.spark.sql.types._
import org.beringia.{BeringiaException, ErrorCode}
import org.beringia.executor.{JobSpec, NumpyFunction, Settings}
import org.beringia.spark.TestSession.{spark, withSetting}
import org.beringia.spark.exchange.BlocksExec
import org.junit.Test
import org.junit.Assert._

/** What is planned, and what is refused; nothing runs. */
class NumpyMapPlanTest {
  import spark.implicits._

  private lazy val data =
    Seq((1, "a", 1.0, 2.0f), (1, "b", 2.0, 3.0f), (2, "c", 3.0, 4.0f)).toDF("k", "name", "x", "y")
  private val slope = Front.fields("slope double")

  private def map(df: DataFrame, function: String = "m:f", arg: Column = col("x")): DataFrame =
    Front.grouped(df.groupBy("k"), function, slope, Seq("x" -> arg))

  private def node(df: DataFrame): NumpyMapExec = nodes(df).head

  private def nodes(df: DataFrame): Seq[NumpyMapExec] =
    df.queryExecution.sparkPlan.collect { case n: NumpyMapExec => n }

  /** The plan that would run, without adaptive execution, which hides it. */
  private def planned(df: => DataFrame): SparkPlan =
    withSetting("spark.sql.adaptive.enabled", "false")(df.queryExecution.executedPlan)

  private def refused(action: => Any): String = {
    val error = assertThrows(classOf[BeringiaException], () => action: Unit)
    assertEquals(ErrorCode.ARGUMENT, error.getErrorCode)
    error.getMessage
  }

  private def assertContains(text: String, parts: String*): Unit =
    parts.foreach(part => assertTrue(s"'$part' is not in: $text", text.contains(part)))

  @Test def outputIsKeysThenFields(): Unit = {
    val df = Front.grouped(
      data.groupBy(col("k"), (col("x") + 1).as("next")),
      "m:f",
      Front.fields("a double, b array<string>"),
      Seq("x" -> col("x"))
    )
    assertEquals(Seq("k", "next", "a", "b"), df.columns.toSeq)
    assertEquals(
      Seq(IntegerType, DoubleType, DoubleType, ArrayType(StringType)),
      df.schema.map(_.dataType)
    )
  }

  @Test def groupsWantClusteringAndOrderByKeys(): Unit = {
    val n = node(Front.grouped(
      data.groupBy("k", "name"),
      "m:f",
      slope,
      Seq("x" -> col("x")),
      orderBy = Seq(col("y").desc, col("x"))
    ))
    assertEquals(Seq(ClusteredDistribution(n.keys)), n.requiredChildDistribution)
    val order = n.requiredChildOrdering.head
    assertEquals(n.keys.map(SortOrder(_, Ascending)), order.take(2))
    assertEquals(
      Seq("y" -> Descending, "x" -> Ascending),
      order.drop(2).map { case o: SortOrder =>
        (o.child.references.head.name, o.direction)
      }
    )
    assertEquals(order.take(2), n.outputOrdering)
  }

  @Test def noKeyWantsAllTuplesAndRowsWantNothing(): Unit = {
    assertEquals(
      Seq(AllTuples),
      node(Front.grouped(data.groupBy(), "m:f", slope, Seq("x" -> col("x")))).requiredChildDistribution
    )
    val n = node(Front.rows(data, "m:f", slope, Seq("x" -> col("x"))))
    assertEquals(Seq(UnspecifiedDistribution), n.requiredChildDistribution)
    assertEquals(Seq(Nil), n.requiredChildOrdering)
    assertFalse(
      planned(Front.rows(data, "m:f", slope, Seq("x" -> col("x")))).exists(_.isInstanceOf[Exchange])
    )
  }

  @Test def onlyWhatIsNeededIsShuffled(): Unit = {
    val plan = planned(map(data))
    val moved = plan.collectFirst { case blocks: BlocksExec => blocks.child.output }.get
    assertEquals(Set("k", "x"), moved.map(_.name).toSet)
    val byRows = withSetting(Settings.ExchangeColumns, "false")(planned(map(data)))
    val exchange = byRows.collectFirst { case e: ShuffleExchangeExec => e }.get
    assertEquals(Set("k", "x"), exchange.output.map(_.name).toSet)
  }

  @Test def theChildGivesColumnsWhereItHasThem(): Unit = {
    val plan = planned(map(data))
    assertFalse(plan.toString, plan.exists(_.isInstanceOf[RowToColumnarExec]))
    val cached = data.select("x").cache()
    val columns = planned(Front.rows(cached, "m:f", slope, Seq("x" -> col("x"))))
    assertTrue(columns.toString, columns.exists(_.isInstanceOf[NumpyMapExec]))
    assertFalse(columns.toString, columns.exists(_.isInstanceOf[RowToColumnarExec]))
    columns.foreach {
      case n: NumpyMapExec => assertTrue(columns.toString, n.child.supportsColumnar)
      case _ => ()
    }
    cached.unpersist(): Unit
  }

  @Test def aPlanWithoutOurRuleIsFedTheSame(): Unit = {
    val child = data.queryExecution.sparkPlan
    assertSame(child, ColumnarNode.input(RowToColumnarExec(child), columns = true))
    assertSame(child, ColumnarNode.input(child, columns = false))
    val columns = node(map(data))
    assertSame(columns, ColumnarNode.input(columns, columns = true))
    assertTrue(ColumnarNode.input(columns, columns = false).isInstanceOf[ColumnarToRowExec])
  }

  @Test def rowsAreMadeInBlocksWhereSparkCompilesNothingAboveThem(): Unit = {
    def transitions(df: => DataFrame) = planned(df).collect {
      case rows: ResultRowsExec => rows.nodeName
      case rows: ColumnarToRowExec => rows.nodeName
    }
    val numbers = map(data)
    assertEquals(Seq("ResultRows"), transitions(numbers))
    assertEquals(Seq("ResultRows"), transitions(numbers.repartition(2)))
    assertEquals(Seq("ColumnarToRow"), transitions(numbers.filter("slope > 0")))
    val texts = Front.grouped(data.groupBy("name"), "m:f", slope, Seq("x" -> col("x")))
    assertEquals(Seq("ColumnarToRow"), transitions(texts))
  }

  @Test def aGroupingColumnAsArgumentIsTheKeyItself(): Unit = {
    def columnsOf(n: NumpyMapExec) =
      JobSpec.parse(n.function.spec).path("options").path("arguments").findValuesAsText("column")
    val byName = node(Front.grouped(
      data.groupBy((col("k") + 1).as("g")),
      "m:f",
      slope,
      Seq("a" -> col("g"), "b" -> col("x"), "c" -> col("x"))
    ))
    assertEquals(java.util.Arrays.asList("0", "1", "1"), columnsOf(byName))
    assertEquals(Seq("x"), byName.arguments.map(_.name))
    val byExpression = node(Front.grouped(
      data.groupBy(col("k") + 1),
      "m:f",
      slope,
      Seq("a" -> (col("k") + 1), "b" -> col("k"))
    ))
    assertEquals(java.util.Arrays.asList("0", "1"), columnsOf(byExpression))
    assertEquals(1, byExpression.arguments.length)
  }

  @Test def equalFunctionsMakeEqualPlans(): Unit = {
    assertTrue(map(data).queryExecution.analyzed.sameResult(map(data).queryExecution.analyzed))
    assertFalse(map(data).queryExecution.analyzed.sameResult(map(data, "m:g").queryExecution.analyzed))
    assertEquals(node(map(data)).canonicalized, node(map(data)).canonicalized)
    // By the names of fields values of a dict are found.
    def named(returns: String) =
      Front.grouped(data.groupBy("k"), "m:f", Front.fields(returns), Seq("x" -> col("x")))
    for ((one, other) <- Seq("lo double" -> "hi double", "a double, b double" -> "b double, a double")) {
      assertFalse(named(one).queryExecution.analyzed.sameResult(named(other).queryExecution.analyzed))
      assertFalse(node(named(one)).sameResult(node(named(other))))
    }
    val a = new NumpyFunction(Array[Byte](1, 2), "{}", "f")
    assertEquals(a, new NumpyFunction(Array[Byte](1, 2), "{}", "f"))
    assertNotEquals(a, new NumpyFunction(Array[Byte](1, 3), "{}", "f"))
  }

  @Test def anEqualExchangeAboveUsIsReused(): Unit = {
    def counted = map(data).groupBy("slope").count()
    val plan = planned(counted.union(counted))
    assertEquals(plan.toString, 1, plan.collect { case e: ReusedExchangeExec => e }.length)
  }

  @Test def anExchangeBelowUsIsReused(): Unit = {
    val plan = planned(map(data, "m:f").union(map(data, "m:g")))
    assertEquals(plan.toString, 1, plan.collect { case e: ReusedExchangeExec => e }.length)
  }

  @Test def groupingAgainByTheSameKeysShufflesNoMore(): Unit = {
    val plan = planned(map(data).groupBy("k").agg(max("slope")))
    assertEquals(plan.toString, 1, plan.collect { case e: ShuffleExchangeExec => e }.length)
  }

  @Test def joinsAndSetOperationsWithItselfAreAnalysed(): Unit = {
    val m = map(data)
    Seq(
      m.join(m, "k"),
      m.as("l").join(m.as("r"), col("l.k") === col("r.k")).select("l.slope", "r.slope"),
      m.join(data, "k"),
      data.join(m, "k"),
      m.union(m),
      m.intersect(m),
      m.except(m),
      map(m.withColumnRenamed("slope", "x")).join(m, "k"),
      m.filter("k > 1").join(m.filter("slope > 0"), "k")
    ).foreach(df => assertTrue(df.queryExecution.executedPlan.toString.contains("NumpyMap")))
  }

  @Test def expressionsOfAllKindsPass(): Unit = {
    Seq(
      rand(),
      lit(1.0),
      col("x") * 2 + col("y"),
      lag("x", 1).over(Window.partitionBy("k").orderBy("x")),
      array(col("x"), col("y"))
    ).foreach(arg => assertEquals(1, node(map(data, arg = arg)).arguments.length))
    val draw = rand().as("r")
    val twice = node(Front.grouped(data.groupBy("k"), "m:f", slope, Seq("a" -> draw, "b" -> draw)))
    assertEquals(2, twice.arguments.map(_.exprId).distinct.length)
  }

  @Test def whatCannotWorkIsRefusedAtOnce(): Unit = {
    def entries = data.withColumn("x", map_from_arrays(array("k"), array("x")))
    assertContains(refused(map(entries)), "'x'", "map<int,double>", "map_keys")
    assertContains(refused(map(data.withColumn("k", struct(array("y"))))), "'k'", "struct<")
    assertContains(refused(map(data.withColumn("k", array("k")))), "'k'", "array<int>")
    assertContains(
      refused(Front.grouped(data.groupBy("k"), "m:f", Front.fields("d map<int,int>"), Seq("x" -> col("x")))),
      "'d'",
      "map<int,int>"
    )
    assertContains(
      refused(Front.grouped(data.groupBy("k"), "m:f", Front.fields("K double"), Seq("x" -> col("x")))),
      "'K'",
      "two"
    )
    assertContains(
      refused(Front.rows(data, "m:f", Front.fields("a double, a int"), Seq("x" -> col("x")))),
      "'a'"
    )
    assertContains(refused(map(data, arg = max("x"))), "aggregate")
    assertContains(refused(map(data, arg = explode(array("x")))), "explode")
    assertContains(refused(map(data, arg = col("*"))), "'*'")
    assertContains(refused(Front.grouped(data.rollup("k"), "m:f", slope, Seq("x" -> col("x")))), "rollup")
    assertContains(refused(Front.grouped(data.cube("k"), "m:f", slope, Seq("x" -> col("x")))), "cube")
    assertContains(
      refused(Front.grouped(data.groupBy("k").pivot("name"), "m:f", slope, Seq("x" -> col("x")))),
      "pivot"
    )
    assertContains(refused(Front.rows(data, "m:f", IntegerType, Seq("x" -> col("x")))), "int")
    assertContains(refused(map(data, arg = col("none"))), "none", "The columns are")
  }

  @Test def aSessionWithoutBeringiaIsRefused(): Unit = {
    val bare = spark.newSession()
    bare.experimental.extraStrategies = Nil
    assertTrue(Attach.isAttached(spark))
    // A session of the same context has the extension; only another context has not.
    val others = org.apache.spark.sql.beringia.SparkInternals.strategies(bare)
    assertTrue(others.contains(NumpyMapStrategy))
    Attach.attach(bare)
    Attach.attach(bare)
    assertEquals(1, bare.experimental.extraStrategies.count(_ == NumpyMapStrategy))
  }
}
