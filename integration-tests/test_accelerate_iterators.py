"""Unchanged scalar UDFs of iterators on Beringia's workers come to what they come to on PySpark's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pytest
from pyspark import cloudpickle
from pyspark.sql import functions as F

import beringia.spark
from accelerated import BATCH_ROWS, both, covered, data, kept, of_spark_4, raises_later, same, some, stops_itself

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

IN_PANDAS = "AcceleratedEvalInPandas"
IN_ARROW = "AcceleratedEvalInArrow"

pytestmark = covered


def each(series):
    for one in series:
        yield one * 2


def counted(batches):
    n = 100
    for one, other in batches:
        n += 1
        yield (one + other + n).fillna(0)


def at_the_end(series):
    whole = list(series)
    if whole:
        yield pd.concat(whole)


def in_halves(series):
    for one in series:
        yield one[: len(one) // 2]
        yield one[len(one) // 2 :]


def too_early(series):
    yield next(series)


def too_few(series):
    for one in series:
        yield one[1:]


def too_many(series):
    for one in series:
        yield pd.concat([one, one])


ITERATORS = {
    "of one column": (each, ["id"]),
    "of several": (counted, ["id", "f64"]),
    "given at the end": (at_the_end, ["id"]),
    "of other sizes": (in_halves, ["id"]),
    "that end too early": (too_early, ["id"]),
    "of too few rows": (too_few, ["id"]),
    "of too many rows": (too_many, ["id"]),
    "followed by an error": (raises_later, ["id"]),
    "followed by StopIteration": (stops_itself, ["id"]),
    "in a list": (list, ["id"]),
    "that are none": (lambda series: 1, ["id"]),
    "of numbers": (lambda series: (len(one) for one in series), ["id"]),
    "of another type": (lambda series: (one.astype(str) + "x" for one in series), ["id"]),
}


def pulling(function, columns):
    def one(series: Iterator[pd.Series]) -> Iterator[pd.Series]:
        return function(series)

    def several(series: Iterator[tuple[pd.Series, ...]]) -> Iterator[pd.Series]:
        return function(series)

    return F.pandas_udf(one if len(columns) == 1 else several, "long")(*columns)


@pytest.mark.parametrize("name", some(ITERATORS))
def test_iterators_are_the_same(both, conf, data, name):
    conf(BATCH_ROWS, "7")
    function, columns = ITERATORS[name]
    theirs, ours = both(lambda: kept(data.coalesce(1), pulling(function, columns)), IN_PANDAS)  # for one error
    assert same(ours, theirs)


def test_iterators_of_empty_partitions(both, conf, data):
    conf(BATCH_ROWS, "7")
    spread = data.repartition(5, "g").where("g < 2")
    theirs, ours = both(lambda: kept(spread, pulling(at_the_end, ["id"])), IN_PANDAS)
    assert isinstance(ours[1], list)
    assert ours == theirs


def test_iterators_pull_from_each_other(conf, data):
    conf(BATCH_ROWS, "7")
    outcomes = []
    for way in ("false", "true"):
        conf("spark.beringia.accelerate", way)
        query = data.select("id", pulling(counted, [pulling(in_halves, ["id"]), "i64_null"]).alias("x"))
        outcomes.append(sorted(query.collect()))
    assert beringia.spark.explain_acceleration(query) == [(IN_PANDAS, None)] * 2
    assert outcomes[0] == outcomes[1]


@of_spark_4
@pytest.mark.parametrize("name", ["in halves", "too few", "numbers"])
def test_iterators_of_arrays_are_the_same(both, conf, data, name):
    conf(BATCH_ROWS, "7")

    def f(arrays: Iterator[pa.Array]) -> Iterator[pa.Array]:
        for one in arrays:
            yield from {"in halves": [one[:1], one[1:]], "too few": [one[1:]], "numbers": [1]}[name]

    theirs, ours = both(lambda: kept(data, F.arrow_udf(f, "long")("id")), IN_ARROW)
    assert same(ours, theirs)
