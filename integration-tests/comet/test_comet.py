"""DataFusion Comet in the same session: functions get its batches as they are, and results are those without it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyspark
import pytest
from pyspark.sql import functions as F

import beringia.spark
from beringia.errors import GroupError
from beringia.spark import explain_acceleration, numpy_map
from plans import calling, names, sorted_as_rows
from session import setting, spilling

LINE = "3.5" if pyspark.__version__.startswith("3.") else "4"
JARS = Path(__file__).parents[2] / "build" / "comet" / f"spark-{LINE}"

only_3_5 = pytest.mark.skipif(LINE != "3.5", reason="acceleration covers no Spark that this line's Comet is there for")


@pytest.fixture(scope="module")
def spark(nothing_stays, settings):
    """A session with both plugins."""
    [jar] = JARS.glob("comet-spark-*.jar")
    session = pyspark.sql.SparkSession.builder.master("local[2]")
    ours = beringia.spark.conf(
        **settings,
        **{
            "accelerate": True,
            "spark.jars": str(jar),
            "spark.plugins": "org.apache.spark.CometPlugin",
            "spark.driver.extraClassPath": str(jar),
            "spark.shuffle.manager": "org.apache.spark.sql.comet.execution.shuffle.CometShuffleManager",
            "spark.comet.exec.shuffle.enabled": "true",
            "spark.memory.offHeap.enabled": "true",
            "spark.memory.offHeap.size": "2g",
        },
    )
    spark = session.config(map=ours).getOrCreate()
    spark.sparkContext.pythonExec = sys.executable  # for PySpark's own workers
    yield spark
    spark.stop()


@pytest.fixture(scope="module")
def file(spark, tmp_path_factory):
    """Rows of a key, numbers, texts and lists, in a file."""
    path = str(tmp_path_factory.mktemp("comet") / "rows.parquet")
    spark.range(0, 20_000, 1, 2).selectExpr(
        "id",
        "IF(id % 11 = 0, NULL, id % 97) AS k",
        "concat('s', id % 13) AS s",
        "id / 3 AS x",
        "IF(id % 5 = 0, NULL, CAST(id AS int)) AS n",
        "CAST(id / 4 AS decimal(20,2)) AS d",
        "id % 2 = 0 AS even",
        "date_add(date'2020-01-01', CAST(id % 1000 AS int)) AS day",
        "timestamp_micros(id * 1000003) AS t",
    ).write.parquet(path)
    return path


def source(df):
    """The node whose columns the one node of Beringia gets, in their order or another."""
    node = calling(df._jdf.queryExecution().executedPlan()).children().apply(0)
    while node.nodeName() in ("SortedColumns", "AQEShuffleRead"):
        node = node.children().apply(0)
    return node.plan() if node.nodeName() == "ShuffleQueryStage" else node


def is_comets(df):
    """Whether these columns are Comet's."""
    node = source(df)
    return node.supportsColumnar() and "comet" in node.getClass().getName().lower()


def twice(spark, query):
    """What the query gives with Comet, and without: rows in order, as text. With it, its columns are taken."""
    with_comet = query()
    found = sorted(map(str, with_comet.collect()))
    assert is_comets(with_comet), source(with_comet).toString()
    with setting(spark, spark_comet_enabled="false"):
        without = query()
        expected = sorted(map(str, without.collect()))
        assert not is_comets(without)
    return found, expected


def spans(spark, file, keys):
    """Make a query of groups."""

    def query():
        df = spark.read.parquet(file)
        return numpy_map(lambda x: (x.size, np.ptp(x)), df.groupBy(*keys), "size long, span double")

    return query


@pytest.mark.parametrize("keys", [["k"], ["k", "s"], ["s"], ["day"]])
@pytest.mark.parametrize("adaptive", ["true", "false"])
def test_rows_come_out_of_its_exchange_and_are_sorted_as_columns(spark, file, keys, adaptive):
    query = spans(spark, file, keys)
    with setting(spark, spark_sql_adaptive_enabled=adaptive):
        found, expected = twice(spark, query)
        assert found == expected
        assert "CometSort" not in names(query())


@pytest.mark.parametrize("keys", [["k"], ["k", "s"]])
def test_groups_are_found_in_its_sorted_columns(spark, file, keys):
    query = spans(spark, file, keys)
    with setting(spark, spark_beringia_exchange_columns="false"):
        found, expected = twice(spark, query)
        assert found == expected
        assert "CometSort" in names(query())


def test_what_there_is_no_memory_for_is_sorted_as_rows(spark, file):
    def whole(i, s, x, n, d, even, day, t):
        return repr([np.asarray(column, dtype=object).tolist() for column in (i, s, x, n, d, even, day, t)])

    def query():
        df = spark.read.parquet(file).withColumn("n", F.col("n").cast("double"))  # missing: NaN
        return numpy_map(whole, df.withColumnRenamed("id", "i").groupBy("k"), "text string", order_by=["i"])

    found, expected = twice(spark, query)
    assert found == expected
    with spilling(spark, 500):
        spilled = query()
        assert sorted(map(str, spilled.collect())) == expected
    partitions, spill = sorted_as_rows(spilled)
    assert partitions > 0 and spill > 0
    assert is_comets(spilled)


@pytest.mark.parametrize("per", ["row", "batch", "partition"])
def test_rows_and_batches_are_its_own(spark, file, per):
    def query():
        df = spark.read.parquet(file)
        if per == "row":
            return numpy_map(lambda x: x * 2, df, "y double", keep=df.columns)
        return numpy_map(lambda x: {"y": x * 2}, df, "array<struct<y: double>>", per=per, keep=df.columns)

    found, expected = twice(spark, query)
    assert found == expected


@only_3_5
def test_accelerated_maps_take_its_columns(spark, file):
    def query():
        df = spark.read.parquet(file)
        return df.mapInPandas(lambda frames: frames, df.schema)

    assert explain_acceleration(query())[0].reason is None
    found, expected = twice(spark, query)
    assert found == expected


@only_3_5
def test_accelerated_groups_take_its_columns(spark, file):
    def query():
        df = spark.read.parquet(file).select("k", "x")
        return df.groupBy("k").applyInPandas(lambda f: f.assign(x=f.x - f.x.max()), "k long, x double")

    found, expected = twice(spark, query)
    assert found == expected


def test_a_filter_of_comets_stays_between(spark, file):
    def query():
        df = spark.read.parquet(file).where(F.col("x") > 100).select("id", (F.col("x") + 1).alias("x"))
        return numpy_map(lambda x: {"y": x}, df, "array<struct<y: double>>", per="batch", keep="id")

    found, expected = twice(spark, query)
    assert found == expected


def test_nothing_of_comets_is_lost_in_a_failure(spark, file):
    def fails(x):
        raise ValueError("no")

    with pytest.raises(GroupError, match="no"):
        numpy_map(fails, spark.read.parquet(file).groupBy("k"), "y double").collect()
    assert spark.read.parquet(file).count() == 20_000
