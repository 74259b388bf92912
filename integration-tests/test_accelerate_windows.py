"""Aggregates of unchanged PySpark code over windows, and by Arrow UDFs, come to the same on Beringia's workers."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyspark
import pytest
from pyspark import cloudpickle
from pyspark.sql import Window
from pyspark.sql import functions as F

import beringia.spark
from accelerated import both, covered, data, halved, nothing, of_spark_4, same, some, text, total

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

pytestmark = covered


def whole():
    return Window.partitionBy("g")


def so_far():
    return whole().orderBy("id")


def five():
    return so_far().rowsBetween(-2, 2)


def raises(column: pd.Series) -> float:
    if len(column) > 6:
        raise ValueError("seven")
    return 1.0


def udf(f, returns="double"):
    return F.pandas_udf(f, returns)


WINDOWS = {
    "of all rows of a partition": lambda df: df.select("*", udf(total)("f64", "id").over(whole())),
    "of the rows so far": lambda df: df.withColumn("x", udf(total)("f64").over(so_far())),
    "of five rows": lambda df: df.withColumn("x", udf(text, "string")("s_null").over(five())),
    "of several kinds": lambda df: df.select(
        "id",
        udf(total)("f64").over(five()),
        udf(text, "string")("i32_null").over(whole()),
        udf(total)("id", "f32").over(so_far().rowsBetween(0, Window.unboundedFollowing)),
        udf(text, "string")("s").over(five()),
    ),
    "of a range": lambda df: df.select("id", udf(total)("f64").over(whole().orderBy("i64_null").rangeBetween(-3, 3))),
    "of empty ones": lambda df: df.select("id", udf(text, "string")("i32_null").over(so_far().rowsBetween(-4, -2))),
    "in an order that falls": lambda df: df.select("id", udf(text, "string")("id").over(whole().orderBy(F.desc("t")))),
    "without a partition": lambda df: df.select("id", udf(total)("id").over(Window.partitionBy())),
    "of expressions": lambda df: df.select(
        "id", udf(total)(F.col("id") * 2, F.col("f64")).over(five()) + F.col("g") + 1
    ),
    "beside arrays": lambda df: df.select(F.array("id", "g").alias("a"), "g", "id", "n").withColumn(
        "x", udf(total)("id").over(whole())
    ),
    "by keys with nulls": lambda df: df.select("id", udf(total)("id").over(Window.partitionBy("s_null", "b"))),
    "by expressions": lambda df: df.select("id", udf(total)("id").over(Window.partitionBy(F.col("id") % 4))),
    "that are null": lambda df: df.select("id", udf(nothing)("id").over(whole()), udf(nothing)("f64").over(five())),
    "that do not fit": lambda df: df.select("id", udf(text)("id").over(whole())),
    "that do not fit a row": lambda df: df.select("id", udf(text)("id").over(five())),
    "of halves as integers": lambda df: df.select("id", udf(halved, "int")("id").over(whole())),
    "that raise": lambda df: df.select("id", udf(raises)("id").over(whole())),
    "that raise for a row": lambda df: df.select("id", udf(raises)("id").over(so_far())),
    "of no rows": lambda df: df.where("id < 0").select("id", udf(total)("id").over(whole())),
    "one after the other": lambda df: df.withColumn("x", udf(total)("id").over(five())).select(
        "g", F.sum("x").over(so_far()), "x"
    ),
    **{
        f"that see {name}": lambda df, name=name: df.select("id", udf(text, "string")(name).over(whole()))
        for name in ("i8", "f64_null", "i32_null", "b_null", "s", "d", "t", "n", "dec_null", "bin")
    },
}


@pytest.mark.parametrize("name", some(WINDOWS))
def test_aggregates_over_windows_are_the_same(both, data, name):
    theirs, ours = both(lambda: WINDOWS[name](data), "AcceleratedWindowInPandas")
    assert same(ours, theirs)


WINDOWS_LEFT = {
    "the key 'f64_null' is of type double": lambda df: df.select(udf(total)("id").over(Window.partitionBy("f64_null"))),
    "column 'm' is of type map<bigint,int>": lambda df: (
        df.select(F.create_map("id", "g").alias("m"), "g", "id")
        .localCheckpoint()
        .select("m", udf(total)("id").over(whole()))
    ),
}


@pytest.mark.parametrize("reason", WINDOWS_LEFT)
def test_windows_that_are_not_covered_are_left_to_spark(conf, data, reason):
    conf("spark.beringia.accelerate", "true")
    query = WINDOWS_LEFT[reason](data)
    [node] = beringia.spark.explain_acceleration(query)
    assert node.reason == reason
    query.collect()


def seen(array):
    return repr((array.to_pylist(), array.type, array.offset))


def mean(array):
    return pc.mean(array).as_py()


def first(array):
    return array[0].as_py()


def failing(array):
    if len(array) > 6:
        raise ValueError("seven")
    return 1.0


def arrow(f, returns):
    """A UDF of arrays that gives one value."""
    import typing

    import pyarrow as pa

    def called(array: pa.Array) -> typing.Any:
        return f(array)

    called.__annotations__ = {"array": pa.Array, "return": float}
    return F.arrow_udf(called, returns)


ARROW = {
    "of groups": lambda df: df.groupBy("g").agg(arrow(mean, "double")("f64"), arrow(seen, "string")("s_null")),
    "of groups that are seen": lambda df: df.groupBy("g").agg(
        *[arrow(seen, "string")(name) for name in ("i8", "i32_null", "b_null", "t", "n", "dec", "d", "bin")]
    ),
    "as other types": lambda df: df.groupBy("g").agg(arrow(mean, "int")("f64"), arrow(first, "string")("id")),
    "that do not fit": lambda df: df.groupBy("g").agg(arrow(seen, "int")("f64")),
    "that raise": lambda df: df.groupBy("g").agg(arrow(failing, "double")("f64")),
    "of windows": lambda df: df.select(
        "id", arrow(mean, "double")("f64").over(whole()), arrow(seen, "string")("s").over(five())
    ),
    "of windows that raise": lambda df: df.select("id", arrow(failing, "double")("f64").over(whole())),
}


@of_spark_4
@pytest.mark.parametrize("name", ARROW)
def test_aggregates_of_arrays_are_the_same(both, conf, data, name):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    node = "AcceleratedWindowInArrow" if "windows" in name else "AcceleratedAggregateInArrow"
    theirs, ours = both(lambda: ARROW[name](data), node)
    assert same(ours, theirs)
