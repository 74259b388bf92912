"""Unchanged aggregates by pandas UDFs come to the same on Beringia's workers as on PySpark's own."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pyspark
import pytest
from pyspark import cloudpickle
from pyspark.sql import functions as F

import beringia.spark
from accelerated import both, covered, data, halved, nothing, same, some, text, total

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

pytestmark = covered


AGGREGATES = {
    "of one column": lambda df: df.groupBy("g").agg(F.pandas_udf(total, "double")("f64")),
    "of several": lambda df: df.groupBy("g").agg(
        F.pandas_udf(total, "double")("f64", "id").alias("a"), F.pandas_udf(halved, "int")("id").alias("b")
    ),
    "of expressions": lambda df: df.groupBy("g").agg(F.pandas_udf(total, "double")(F.col("id") * 2, F.col("f32"))),
    "within expressions": lambda df: df.groupBy("g").agg(F.pandas_udf(total, "double")("id") + F.col("g") + 1),
    "with keys that are expressions": lambda df: df.groupBy(F.col("id") % 4).agg(F.pandas_udf(total, "double")("id")),
    "of all rows": lambda df: df.agg(F.pandas_udf(total, "double")("id")),
    "of no rows": lambda df: df.where("id < 0").agg(F.pandas_udf(total, "double")("id")),
    "of a key that is null": lambda df: df.groupBy("s_null", "b").agg(F.pandas_udf(total, "double")("id")),
    "that are null": lambda df: df.groupBy("g").agg(F.pandas_udf(nothing, "double")("id")),
    "that do not fit": lambda df: df.groupBy("g").agg(F.pandas_udf(text, "double")("id")),
    "that raise": lambda df: df.groupBy("g").agg(F.pandas_udf(total, "double")("s")),
    "without a group": lambda df: df.groupBy("g").agg(F.pandas_udf(halved, "double")("id")).where("g > 3"),
    **{
        f"that see {name}": lambda df, name=name: df.groupBy("g").agg(F.pandas_udf(text, "string")(name))
        for name in ("i8", "f64_null", "i32_null", "b_null", "s", "d", "t", "n", "dec_null", "bin")
    },
}


@pytest.mark.parametrize("name", some(AGGREGATES))
def test_aggregates_are_the_same(both, data, name):
    theirs, ours = both(lambda: AGGREGATES[name](data), "AcceleratedAggregateInPandas")
    assert same(ours, theirs)


AGGREGATES_LEFT = {
    "column 'argument' is of type map<bigint,int>": lambda df: df.groupBy("g").agg(
        F.pandas_udf(text, "string")(F.create_map("id", "g"))
    ),
    "the key 'f64_null' is of type double": lambda df: df.groupBy("f64_null").agg(F.pandas_udf(total, "double")("id")),
}


@pytest.mark.parametrize("reason", AGGREGATES_LEFT)
def test_aggregates_that_are_not_covered_are_left_to_spark(spark, conf, data, reason):
    conf("spark.beringia.accelerate", "true")
    query = AGGREGATES_LEFT[reason](data)
    [node] = beringia.spark.explain_acceleration(query)
    assert node.reason == reason
    query.collect()
