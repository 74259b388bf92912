"""Arguments by name, of Spark 4, come to the same on Beringia's workers as on PySpark's own."""

from __future__ import annotations

import sys

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyspark
import pytest
from pyspark import cloudpickle
from pyspark.sql import Window
from pyspark.sql import functions as F

from accelerated import both, covered, data, same

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

pytestmark = [covered, pytest.mark.skipif(pyspark.__version__ < "4", reason="arguments by name are of Spark 4")]


def less(x: pd.Series, by: pd.Series) -> pd.Series:
    return x - by


def less_arrays(x: pa.Array, by: pa.Array) -> pa.Array:
    return pc.subtract(x, by)


def weighted(x: pd.Series, weight: pd.Series) -> float:
    return float((x * weight).sum())


def weighted_arrays(x: pa.Array, weight: pa.Array) -> float:
    return pc.sum(pc.multiply(x, weight)).as_py()


def anything(x: pd.Series, **others: pd.Series) -> pd.Series:
    return pd.Series([repr([(name, one.name) for name, one in others.items()])] * len(x))


def five():
    return Window.partitionBy("g").orderBy("id").rowsBetween(-2, 2)


def whole():
    return Window.partitionBy("g")


def udf(f, returns="double"):
    return F.pandas_udf(f, returns)


QUERIES = {
    "of series": (lambda df: df.select("id", udf(less)("f64", by=F.col("id"))), "EvalInPandas"),
    "in another order": (lambda df: df.select("id", udf(less)(by=F.col("id"), x=F.col("f64"))), "EvalInPandas"),
    "of one column": (lambda df: df.select("id", udf(less)("id", by=F.col("id"))), "EvalInPandas"),
    "of any name": (
        lambda df: df.select("id", udf(anything, "string")("g", a=F.col("id") + 1, c=F.col("id"))),
        "EvalInPandas",
    ),
    "several at once": (
        lambda df: df.select("id", udf(less)(x=F.col("id"), by=F.col("f64")), udf(less)("f64", "id")),
        "EvalInPandas",
    ),
    "that does not exist": (lambda df: df.select(udf(less)("id", other=F.col("id"))), "EvalInPandas"),
    "of arrays": (
        lambda df: df.select("id", F.arrow_udf(less_arrays, "double")(by=F.col("f32"), x=F.col("f64"))),
        "EvalInArrow",
    ),
    "of aggregates": (
        lambda df: df.groupBy("g").agg(udf(weighted)(weight=F.col("id"), x=F.col("f64"))),
        "AggregateInPandas",
    ),
    "of aggregates of arrays": (
        lambda df: df.groupBy("g").agg(F.arrow_udf(weighted_arrays, "double")("f64", weight=F.col("f64"))),
        "AggregateInArrow",
    ),
    "of windows": (
        lambda df: df.select("id", udf(weighted)(weight=F.col("id"), x=F.col("f64")).over(five())),
        "WindowInPandas",
    ),
    "of all rows of a window": (
        lambda df: df.select("id", udf(weighted)("f64", weight=F.col("id") * 2).over(whole())),
        "WindowInPandas",
    ),
    "of windows of arrays": (
        lambda df: df.select(
            "id", F.arrow_udf(weighted_arrays, "double")(weight=F.col("f64"), x=F.col("f64")).over(five())
        ),
        "WindowInArrow",
    ),
}


TAIL = ("of series", "of one column", "of any name", "that does not exist", "of aggregates of arrays")


@pytest.mark.parametrize("name", [pytest.param(q, marks=[pytest.mark.slow] * (q in TAIL), id=q) for q in QUERIES])
def test_arguments_by_name_are_the_same(both, data, name):
    query, node = QUERIES[name]
    theirs, ours = both(lambda: query(data), f"Accelerated{node}")
    assert same(ours, theirs)
