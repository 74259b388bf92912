"""Reduce and accumulate over the rows of a DataFrame: NumPy's results, without all rows in one task."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from pyspark.sql import functions as F

import beringia.spark
from beringia.errors import ArgumentError, MissingValueError, ResultError
from plans import nodes
from session import setting

ROWS = 3000


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return {
        "t": rng.permutation(ROWS),
        "x": rng.integers(-50, 50, ROWS),
        "y": rng.random(ROWS),
        "small": rng.integers(-9, 9, ROWS).astype("i1"),
        "b": rng.random(ROWS) < 0.01,
        "day": np.datetime64("2020-01-01") + rng.integers(0, 900, ROWS),
    }


@pytest.fixture(scope="module")
def df(spark, table):
    rows = list(zip(*(values.tolist() for values in table.values()), strict=True))
    made = spark.createDataFrame(rows, "t long, x long, y double, small byte, b boolean, day date")
    with setting(spark, spark_sql_adaptive_coalescePartitions_enabled="false"):  # or it would be one partition
        yield made.repartition(5).cache()
    made.unpersist()


def ordered(table, name):
    return table[name][np.argsort(table["t"])]


@pytest.mark.parametrize(
    ("ufunc", "name"),
    [(np.add, "small"), (np.maximum, "day"), (np.logical_or, "b"), (np.bitwise_xor, "x")],
    ids=str,
)
def test_results_are_numpys(df, table, ufunc, name):
    found = beringia.spark.reduce(df, ufunc, name)
    expected = ufunc.reduce(table[name])
    assert found == expected and found.dtype == expected.dtype
    rows = beringia.spark.accumulate(df, ufunc, name, "t").collect()
    assert [row.t for row in rows] == list(range(ROWS))
    assert rows[0].asDict().keys() == {*table, "accumulated"}
    np.testing.assert_array_equal([row.accumulated for row in rows], ufunc.accumulate(ordered(table, name)).tolist())


def test_sums_of_floats_are_numpys_but_for_rounding(df, table):
    assert np.isclose(beringia.spark.reduce(df, np.add, "y"), table["y"].sum())
    rows = beringia.spark.accumulate(df, np.add, F.col("y") * 2, F.desc("t"), name="sum of y").collect()
    np.testing.assert_allclose([row["sum of y"] for row in rows], np.cumsum(ordered(table, "y")[::-1] * 2))
    assert beringia.spark.reduce(df, np.add, "y", dtype="f4").dtype == np.float32


def test_a_product_that_a_part_has_no_number_for_is_refused(spark):
    large = spark.range(0, 4000, 1, 2).select("id", F.when(F.col("id") == 0, 0.0).otherwise(2.0).alias("v"))
    for call in (
        lambda: beringia.spark.reduce(large, np.multiply, "v"),
        lambda: beringia.spark.accumulate(large, np.multiply, "v", "id"),
    ):
        with pytest.raises(ResultError, match="sum the logarithms"):
            call()
    assert beringia.spark.reduce(large.limit(10), np.multiply, "v") == 0.0


def test_a_sum_or_product_that_leaves_the_type_in_a_part_is_refused(spark):
    def of(*values):
        return spark.range(0, len(values), 1, 2).select("id", F.array(*map(F.lit, values))[F.col("id")].alias("v"))

    for f, values in ((np.multiply, [1e300, 1.0, 1e-200, 1e-200]), (np.add, [1e308, 1e308, -1e308, -1e308])):
        for call in (
            lambda f=f, values=values: beringia.spark.reduce(of(*values), f, "v"),
            lambda f=f, values=values: beringia.spark.accumulate(of(*values), f, "v", "id").collect(),
        ):
            with pytest.raises(ResultError, match="of some of the rows is beyond its type"):
                call()
    assert beringia.spark.reduce(of(1e300, 0.0, 2.0, 3.0), np.multiply, "v") == 0.0
    assert beringia.spark.reduce(of(np.inf, 0.5, 2.0, 3.0), np.add, "v") == np.inf
    assert np.isnan(beringia.spark.reduce(of(np.inf, -np.inf, 2.0, 3.0), np.add, "v"))
    assert np.isnan(beringia.spark.reduce(of(np.nan, 1e308, 1e308, 3.0), np.add, "v"))


def test_a_ufunc_gets_no_mask_which_it_would_not_look_at(df):
    for call in (
        lambda: beringia.spark.reduce(df, np.minimum, "x", missing="mask"),
        lambda: beringia.spark.accumulate(df, np.add, "x", "t", missing="mask"),
    ):
        with pytest.raises(ArgumentError, match="does not look at masks"):
            call()


def test_columns_may_be_those_of_the_frame_itself(df, table):
    rows = beringia.spark.accumulate(df, np.add, df.x, df.t)
    assert rows.columns == [*df.columns, "accumulated"]
    assert [row.accumulated for row in rows.collect()] == np.cumsum(ordered(table, "x")).tolist()
    doubled = beringia.spark.accumulate(df, np.add, df["x"] * 2, [df.t.desc()]).collect()
    assert [row.accumulated for row in doubled] == np.cumsum(ordered(table, "x")[::-1] * 2).tolist()


def test_no_task_has_all_rows_and_they_are_shuffled_once(df):
    result = beringia.spark.accumulate(df, np.add, "x", "t")
    sizes = result.groupBy(F.spark_partition_id()).count().collect()
    assert len(sizes) == 3 and max(row["count"] for row in sizes) < ROWS / 2
    names = [node.nodeName() for node in nodes(result._jdf.queryExecution().executedPlan())]
    assert not any("Exchange" in name or "Sort" in name or "Window" in name for name in names)
    assert [row.accumulated for row in result.collect()] == [row.accumulated for row in result.collect()]


def test_adaptive_plans_are_as_good(conf, df, table):
    conf("spark.sql.adaptive.coalescePartitions.enabled", "true")
    rows = beringia.spark.accumulate(df, np.add, "x", "t").collect()
    assert [row.accumulated for row in rows] == np.cumsum(ordered(table, "x")).tolist()


def test_rows_that_are_equal_in_order_come_in_any_but_each_once(df, table):
    rows = beringia.spark.accumulate(df, np.add, "x", F.col("t") % 7).collect()
    np.testing.assert_array_equal(np.cumsum([row.x for row in rows]), [row.accumulated for row in rows])
    remainders = [row.t % 7 for row in rows]
    assert remainders == sorted(remainders) and {row.t for row in rows} == set(range(ROWS))
    ends = np.searchsorted(remainders, np.arange(7), "right") - 1
    by_key = np.bincount(table["t"] % 7, table["x"]).cumsum()
    assert [rows[end].accumulated for end in ends] == list(by_key)


def test_nulls_are_as_numpy_map_has_them(spark):
    rows = spark.createDataFrame([(1, 1.0, 5), (None, 2.0, 6), (3, None, None)], "t int, x double, n int")
    nulls_first = beringia.spark.accumulate(rows, np.add, "x", "t").collect()
    assert [row.t for row in nulls_first] == [None, 1, 3]
    np.testing.assert_array_equal([row.accumulated for row in nulls_first], [2.0, 3.0, np.nan])
    nulls_last = beringia.spark.accumulate(rows, np.fmax, "x", F.col("t").asc_nulls_last()).collect()
    assert [row.accumulated for row in nulls_last] == [1.0, 1.0, 2.0]
    assert np.isnan(beringia.spark.reduce(rows, np.add, "x")) and beringia.spark.reduce(rows, np.fmax, "x") == 2.0
    with pytest.raises(MissingValueError, match="'values'"):
        beringia.spark.reduce(rows, np.add, "n")


def test_plain_functions_say_how_their_results_are_put_together(df, table):
    def moments(values):
        return np.array([len(values), values.sum(), (values**2).sum()])

    found = beringia.spark.reduce(df, moments, "y", combine=operator.add)
    np.testing.assert_allclose(found, moments(table["y"]))
    result = beringia.spark.accumulate(df, np.cumsum, "x", "t", combine=np.add, returns="double", name="total")
    assert [row.total for row in result.collect()] == np.cumsum(ordered(table, "x")).tolist()


def test_no_rows(df):
    none = df.where("t < 0")
    assert beringia.spark.reduce(none, np.add, "x") == 0
    assert beringia.spark.reduce(none, len, "x", combine=operator.add, identity=0) == 0
    for call in (
        lambda: beringia.spark.reduce(none, np.maximum, "x"),
        lambda: beringia.spark.reduce(none, len, "x", combine=operator.add),
    ):
        with pytest.raises(ValueError, match="no identity"):
            call()
    assert beringia.spark.accumulate(none, np.add, "x", "t").collect() == []


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda df: beringia.spark.reduce(df, np.subtract, "x"), "not associative"),
        (lambda df: beringia.spark.accumulate(df, np.add, "x", "t", name="y"), "a column 'y' already"),
        (lambda df: beringia.spark.accumulate(df, np.cumsum, "x", "t", combine=np.add), "needs returns="),
        (lambda df: beringia.spark.accumulate(df, np.add, "x", "t", dtype="u8"), "uint64, which Spark has not"),
        (lambda df: beringia.spark.accumulate(df, np.add, F.array("x"), "t"), "array<bigint>.*returns="),
    ],
)
def test_what_does_not_fit_is_refused(df, call, says):
    with pytest.raises(ArgumentError, match=says):
        call(df)
