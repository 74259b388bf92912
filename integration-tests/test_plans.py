"""The node among Spark's own: self-joins, unions, caching, limits, other Python nodes, adaptive plans."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import functions as F
from pyspark.sql.window import Window

from beringia.spark import numpy_map


@pytest.fixture(scope="module")
def df(spark):
    return spark.range(1000).select((F.col("id") % 20).alias("g"), F.col("id").cast("double").alias("x")).cache()


@pytest.fixture(scope="module")
def totals(df):
    return numpy_map(lambda x: (x.sum(), f"n={x.size}"), df.groupBy("g"), "total double, label string")


@pytest.fixture(scope="module")
def expected():
    return {g: sum(range(g, 1000, 20)) for g in range(20)}


def test_a_join_with_itself(totals, expected):
    other = totals.withColumnRenamed("total", "again").drop("label")
    rows = totals.join(other, "g").collect()
    assert {row.g: (row.total, row.again) for row in rows} == {g: (t, t) for g, t in expected.items()}
    assert totals.alias("a").join(totals.alias("b"), F.expr("a.g = b.g + 1")).count() == 19


def test_a_join_with_what_it_was_made_of(df, totals, expected):
    rows = df.join(totals, "g").groupBy("g").agg(F.sum("x").alias("s"), F.first("total").alias("total")).collect()
    assert {row.g: row.s for row in rows} == {row.g: row.total for row in rows} == expected


def test_union_intersect_except(totals):
    assert totals.union(totals).count() == 40
    assert totals.intersect(totals).count() == 20
    assert totals.exceptAll(totals).count() == 0


def test_a_cached_result_is_computed_once(df):
    drawn = numpy_map(lambda x: np.random.default_rng().random(), df.groupBy("g"), "draw double").cache()
    first = {row.g: row.draw for row in drawn.collect()}
    assert {row.g: row.draw for row in drawn.collect()} == first
    drawn.unpersist()


def test_the_same_call_again_finds_the_cached_result(df):
    def total(x):
        return x.sum()

    def plan(frame):
        return frame._jdf.queryExecution().withCachedData().toString()

    cached = numpy_map(total, df.groupBy("g"), "total double").cache()
    try:
        cached_plan = plan(cached)
        assert plan(numpy_map(total, df.groupBy("g"), "total double")).count("InMemoryRelation") == cached_plan.count(
            "InMemoryRelation"
        )
        # Another function is another result: only the data below is cached.
        other = plan(numpy_map(lambda x: x.min(), df.groupBy("g"), "total double"))
        assert not other.startswith("InMemoryRelation")
        assert cached_plan.startswith("InMemoryRelation")
    finally:
        cached.unpersist()


def test_results_whose_names_change_places_are_other_results(spark, df):
    """Neither a cached relation nor an exchange has the values of another name."""

    def both(x):
        return {"lo": x.min(), "hi": x.max()}

    def asked(data, returns):
        return numpy_map(both, data.groupBy("g"), returns)

    cached = asked(df, "lo double, hi double").cache()
    try:
        assert {row.g: row.lo for row in cached.collect()} == {g: g for g in range(20)}
        assert {row.g: row.lo for row in asked(df, "hi double, lo double").collect()} == {g: g for g in range(20)}
    finally:
        cached.unpersist()
    data = spark.range(100).select((F.col("id") % 5).alias("g"), F.col("id").cast("double").alias("x"))
    both_ways = [asked(data, returns).repartition(2) for returns in ("lo double, hi double", "hi double, lo double")]
    rows = both_ways[0].unionByName(both_ways[1]).collect()
    assert sorted((row.lo, row.hi) for row in rows) == sorted(2 * [(g, 95 + g) for g in range(5)])


def test_an_exchange_is_reused(spark):
    # Two different calls over one grouping, joined: one shuffle of the data below them. The data are others than the
    # fixture's: over a cached relation Spark itself reuses no exchange.
    df = spark.range(500).select((F.col("id") % 5).alias("g"), F.col("id").cast("double").alias("x"))
    sums = numpy_map(lambda x: x.sum(), df.groupBy("g"), "total double")
    sizes = numpy_map(lambda x: x.size, df.groupBy("g"), "n long")
    joined = sums.join(sizes, "g")
    assert {row.g: (row.total, row.n) for row in joined.collect()} == {
        g: (sum(range(g, 500, 5)), 100) for g in range(5)
    }
    plan = joined._jdf.queryExecution().executedPlan().toString()
    assert "ReusedExchange" in plan


def test_two_nodes_in_one_stage(df, expected):
    sums = numpy_map(lambda x: x.sum(), df.groupBy("g"), "total double")
    halves = numpy_map(lambda total: total[0] / 2, sums.groupBy("g"), "half double")
    rows = numpy_map(lambda half: half * 4, halves, "double_ double").collect()
    assert sorted(row.double_ for row in rows) == sorted(2.0 * t for t in expected.values())


def test_a_python_udf_above_with_a_limit(spark, df):
    @F.udf("double")
    def plus_one(y):
        return y + 1

    long = numpy_map(lambda x: np.repeat(x, 100), df.groupBy("g"), "array<struct<y: double>>")
    assert len(long.select(plus_one("y").alias("z")).limit(3).collect()) == 3
    assert long.select(plus_one("y").alias("z")).where("z > 990").count() == 1000


def test_a_python_udf_below(spark, df, expected):
    @F.udf("double")
    def half(x):
        return x / 2

    rows = numpy_map(lambda x: x.sum(), df.select("g", half("x").alias("x")).groupBy("g"), "total double").collect()
    assert {row.g: row.total * 2 for row in rows} == expected


def test_a_limit_alone_and_first(totals):
    assert len(totals.limit(2).collect()) == 2
    assert totals.first() is not None
    assert len(totals.take(5)) == 5


def test_results_above_which_rows_are_kept(df, expected):
    """Sort, window, aggregate and broadcast keep rows long after the batch that held them was recycled."""
    long = numpy_map(lambda x: (x, [f"v{v:.0f}" for v in x]), df.groupBy("g"), "array<struct<y: double, s: string>>")
    assert [row.y for row in long.orderBy("y").collect()] == [float(i) for i in range(1000)]
    collected = long.groupBy("g").agg(F.collect_list("s").alias("all")).collect()
    assert all(sorted(row["all"]) == sorted(f"v{v}" for v in range(row.g, 1000, 20)) for row in collected)
    window = long.withColumn("rank", F.row_number().over(Window.partitionBy("g").orderBy(F.desc("y"))))
    assert {(row.g, row.s) for row in window.where("rank = 1").collect()} == {(g, f"v{980 + g}") for g in range(20)}
    broadcast = df.join(F.broadcast(long.select("g", "y", "s")), (df.x == F.col("y")) & (df.g == long.g))
    assert broadcast.where(F.concat(F.lit("v"), F.col("x").cast("int")) == F.col("s")).count() == 1000


def test_without_adaptive_execution(conf, df, expected):
    conf("spark.sql.adaptive.enabled", "false")
    rows = numpy_map(lambda x: x.sum(), df.groupBy("g"), "total double").collect()
    assert {row.g: row.total for row in rows} == expected


@pytest.mark.parametrize("arrow", ["true", "false"])
def test_to_pandas_with_and_without_arrow(conf, totals, expected, arrow):
    conf("spark.sql.execution.arrow.pyspark.enabled", arrow)
    assert totals.toPandas().set_index("g").total.to_dict() == expected


def test_an_unused_result_field_may_be_pruned_and_the_rest_is_right(totals, expected):
    assert sorted(row.total for row in totals.select("total").collect()) == sorted(expected.values())
    assert totals.count() == 20
    assert totals.where("g = 3").select("label").collect()[0].label == "n=50"


def test_writing_and_reading_back(totals, expected, tmp_path):
    totals.write.parquet(str(tmp_path / "totals"))
    back = totals.sparkSession.read.parquet(str(tmp_path / "totals"))
    assert {row.g: row.total for row in back.collect()} == expected


def test_explain_names_the_function(totals, capsys):
    def gini(x):
        return 0.0

    numpy_map(gini, totals.groupBy("g"), "y double", args={"x": "total"}).explain()
    assert "gini" in capsys.readouterr().out


ONE_CORE = """
import os
import beringia.spark
from beringia.spark import numpy_map
from pyspark.sql import SparkSession, functions as F

settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "3", "worker.max": 1}
spark = SparkSession.builder.master("local[1]").config(map=beringia.spark.conf(**settings)).getOrCreate()
df = spark.range(60).select((F.col("id") % 6).alias("g"), F.col("id").cast("double").alias("x"))

def size(x):
    return x.size, os.getpid()

def same(n, pid):
    return n[0], pid[0], os.getpid()

first = numpy_map(size, df.groupBy("g"), "n long, pid long")
chain = numpy_map(same, first.groupBy("g"), "n long, first long, second long")
other = numpy_map(size, df.where("x >= 30").groupBy("g"), "m long, third long")
rows = chain.join(other, "g").collect()
print(sorted((r.g, r.n, r.m) for r in rows) == [(g, 10, 5) for g in range(6)])
print(len({pid for r in rows for pid in (r.first, r.second, r.third)}))
spark.stop()
"""


def test_a_chain_and_a_join_do_with_one_worker_per_core(run):
    assert run(ONE_CORE).splitlines() == ["True", "1"]
