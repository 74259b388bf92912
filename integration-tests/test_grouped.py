"""Groups of a DataFrame: which calls are made, with what, and what comes out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import functions as F

from beringia.spark import numpy_map


@pytest.fixture(scope="module")
def points(spark):
    """1,000 rows in 7 groups: id, t (unique, shuffled), x, y."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({"id": rng.integers(0, 7, 1000), "t": rng.permutation(1000), "x": rng.normal(size=1000)})
    frame["y"] = 3 * frame.x + frame.id + rng.normal(scale=0.1, size=1000)
    return spark.createDataFrame(frame).repartition(5).cache()


def test_a_regression_per_group_is_numpys_own(points):
    def line(x, y):
        return np.polyfit(x, y, 1)

    result = numpy_map(line, points.groupBy("id"), "slope double, intercept double", order_by="t")
    assert result.schema.simpleString() == "struct<id:bigint,slope:double,intercept:double>"
    table = result.toPandas().set_index("id")
    expected = points.toPandas().sort_values("t").groupby("id")[["x", "y"]].apply(lambda g: line(g.x, g.y))
    assert len(table) == 7
    for group, (slope, intercept) in expected.items():
        # The same function on the same numbers in the same order: equal to the last bit but for BLAS's threads.
        np.testing.assert_allclose(table.loc[group], [slope, intercept], rtol=1e-13)


def test_many_small_groups_agree_with_sparks_aggregates(spark):
    df = spark.range(30_000).select((F.col("id") % 10_000).alias("g"), (F.col("id") * 0.5).alias("x"))
    ours = numpy_map(lambda x: (x.size, x.sum(), x.max()), df.groupBy("g"), "n long, total double, top double")
    theirs = df.groupBy("g").agg(F.count("x").alias("n"), F.sum("x").alias("total"), F.max("x").alias("top"))
    assert ours.count() == 10_000
    assert ours.exceptAll(theirs).count() == 0


def test_a_group_larger_than_a_batch(spark):
    n = 3_000_000  # 24 MB in one group: three times the default batch
    df = spark.range(n).select((F.col("id") >= 10).cast("int").alias("g"), F.col("id").cast("double").alias("x"))
    result = numpy_map(lambda x: (x.size, x.sum()), df.groupBy("g"), "n long, total double").orderBy("g").collect()
    total = n * (n - 1) / 2
    assert [tuple(row) for row in result] == [(0, 10, 45.0), (1, n - 10, total - 45.0)]


KEYS = {
    "NaN and zeros": "array(double('nan'), -double('nan'), 0.0D, -0.0D, null, 1.0D)[i % 6]",
    "float zeros": "array(float('nan'), 0.0F, -0.0F, null)[i % 4]",
    "minus zeros alone": "-0.0D",
    "zeros in a struct": "named_struct('a', array(-0.0D, 0.0D)[i % 2], 'b', 1)",
    "nulls alone": "cast(null as int)",
    "binary strings": "array('é', 'e\u0301', 'E', 'e', '', null)[i % 6]",
    "bytes": "array(x'00', x'', x'ff', null)[i % 4]",
    "timestamps": "timestamp_seconds((i % 3) * 1800 + 1710054000)",
    "decimals": "cast(i % 3 as decimal(30, 5))",
    "one row each": "i",
}


@pytest.mark.parametrize("keys", [*KEYS, ("NaN and zeros", "binary strings", "nulls alone"), ()], ids=str)
def test_groups_are_those_of_sparks_own_group_by(spark, keys):
    expressions = [KEYS[key] for key in ((keys,) if isinstance(keys, str) else keys)]
    columns = [f"{expression} as k{number}" for number, expression in enumerate(expressions)]
    some = spark.range(0, 60, 1, 3).selectExpr("id as i")
    # The last partition is empty.
    df = some.union(some.where("i < 0")).selectExpr(*columns, "i as x")
    groups = df.groupBy(*(f"k{number}" for number in range(len(columns))))
    ours = numpy_map(lambda x: (x.size, x.sum()), groups, "n long, total long")
    theirs = groups.agg(F.count("x").alias("n"), F.sum("x").alias("total"))

    def shown(df):
        return sorted(map(repr, df.collect()))  # NaN is NaN, and -0.0 is not 0.0

    assert shown(ours) == shown(theirs)


def test_the_value_of_a_key_is_the_engines(spark, collected):
    df = spark.sql("select date '1969-12-31' as d, timestamp '2024-03-10 03:30:00' as t, true as b, 'é' as s, 1 as x")

    def show(d, t, b, s, x):
        return str(d), str(t), str(b), s

    result = numpy_map(show, df.groupBy("d", "t", "b", "s"), "d1 string, t1 string, b1 string, s1 string")
    # 03:30 in New York, the session's zone, on the morning when its clocks go forward: 07:30 UTC.
    assert collected(result.select("d1", "t1", "b1", "s1")) == [
        ("1969-12-31", "2024-03-10T07:30:00.000000", "True", "é")
    ]


def test_several_keys_and_an_expression_for_one(spark, collected):
    df = spark.createDataFrame(
        [(1, "a", 1.0), (1, "b", 2.0), (3, "a", 4.0), (2, None, 8.0)], "i int, s string, x double"
    )
    result = numpy_map(lambda x: x.sum(), df.groupBy((F.col("i") % 2).alias("odd"), "s"), "total double")
    assert collected(result) == [(0, None, 8.0), (1, "a", 5.0), (1, "b", 2.0)]
    assert result.columns == ["odd", "s", "total"]


def test_a_key_is_an_argument_by_its_output_name_or_as_the_same_expression(spark, collected):
    df = spark.createDataFrame([(1, 1.0), (3, 2.0), (2, 4.0)], "i int, x double")
    odd = F.col("i") % 2
    by_name = numpy_map(lambda odd, x: x.sum() + 10 * odd, df.groupBy(odd.alias("odd")), "y double")
    assert collected(by_name) == [(0, 4.0), (1, 13.0)]
    by_expression = numpy_map(lambda k, x: x.sum() + 10 * k, df.groupBy(odd.alias("odd")), "y double", args={"k": odd})
    assert collected(by_expression) == [(0, 4.0), (1, 13.0)]


def test_names_are_the_engines(spark, collected):
    df = spark.createDataFrame([(1, 2.0)], "Id int, Dose double")
    result = numpy_map(lambda dose: dose[0], df.groupBy("ID"), "y double")  # case does not matter to Spark
    assert collected(result) == [(1, 2.0)]


def test_args_are_names_or_expressions(spark, collected):
    df = spark.createDataFrame([(1, 2.0, 3.0), (1, 4.0, 5.0)], "id int, a double, `b c` double")
    result = numpy_map(
        lambda x, y, z: (x @ y, z.dtype.str),
        df.groupBy("id"),
        "dot double, dtype string",
        args={"x": "a", "y": "`b c`", "z": F.col("a").cast("int") + 1},
    )
    assert collected(result) == [(1, 26.0, "<i4")]


def test_without_keys_the_whole_is_one_group(spark, collected):
    df = spark.range(1000).repartition(4)
    assert collected(numpy_map(lambda id: id.sum(), df.groupBy(), "total long")) == [(499_500,)]  # noqa: A006 (the column's name)


def test_state_lives_on_between_calls(spark):
    calls = []

    def count(x):
        calls.append(x.size)
        return len(calls)

    df = spark.range(100).select((F.col("id") % 10).alias("g"), F.col("id").alias("x")).coalesce(1)
    rows = numpy_map(count, df.groupBy("g"), "nth int").collect()
    # One task (a single partition): the second call sees what the first left. Not one worker for ever, though.
    assert sorted(row.nth for row in rows)[-1] > 1
    assert calls == []


def test_a_view_kept_by_the_function_stays_valid(spark):
    kept = []

    def keep(g, x):
        kept.append((int(g), x))
        # All that was ever kept must still be what it was: 2,000 groups of one value each.
        return all((view == number).all() for number, view in kept)

    df = spark.range(200_000).select((F.col("id") % 2000).alias("g"), (F.col("id") % 2000).alias("x"))
    rows = numpy_map(keep, df.groupBy("g"), "valid boolean").collect()
    assert len(rows) == 2000
    assert all(row.valid for row in rows)
