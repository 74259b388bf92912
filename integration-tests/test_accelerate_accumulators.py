"""Accumulators of PySpark have what functions on Beringia's workers add to them: once for each task that succeeds."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pytest
from pyspark import AccumulatorParam, cloudpickle
from pyspark.sql import Window
from pyspark.sql import functions as F

import beringia.spark
from accelerated import covered, data, of_spark_4

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

SCHEMA = "g int, id long"

pytestmark = covered


class Lists(AccumulatorParam):
    """What was added in each task, apart: its updates are counted, too."""

    def zero(self, value):
        return []

    def addInPlace(self, value1, value2):  # noqa: N802 (PySpark's name)
        return [*value1, value2]


class Added:
    """Two accumulators, and how functions add to both."""

    def __init__(self, context):
        self.count = context.accumulator(0)
        self.lists = context.accumulator([], Lists())

    def add(self, rows):
        self.count += len(rows)
        self.lists.add(len(rows))

    def values(self):
        """What was added, and of each update what was; tasks end in any order."""
        return self.count.value, sorted(self.lists.value)


def frames(df, added):
    def f(frame):
        added.add(frame)
        return frame

    return df.groupBy("g").applyInPandas(f, SCHEMA)


def cogroups(df, added):
    def f(left, right):
        added.add(left)
        return right

    return df.groupBy("g").cogroup(df.groupBy("g")).applyInPandas(f, SCHEMA)


def iterator(df, added):
    def f(frames):
        for frame in frames:
            added.add(frame)
            yield frame

    return df.mapInPandas(f, SCHEMA)


def series(df, added):
    def f(one: pd.Series) -> pd.Series:
        added.add(one)
        return one

    return df.select(F.pandas_udf(f, "long")("id"))


def iterator_of_series(df, added):
    def f(several: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for one in several:
            added.add(one)
            yield one

    return df.select(F.pandas_udf(f, "long")("id"))


def counted(added):
    def f(one: pd.Series) -> int:
        added.add(one)
        return len(one)

    return F.pandas_udf(f, "long")("id")


def aggregate(df, added):
    return df.groupBy("g").agg(counted(added))


def window(df, added):
    return df.select(counted(added).over(Window.partitionBy("g")))


def tables(df, added):
    def f(table: pa.Table) -> pa.Table:
        added.add(table)
        return table

    return df.groupBy("g").applyInArrow(f, SCHEMA)


def groups_frames(df, added):
    def f(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            added.add(frame)
            yield frame

    return df.groupBy("g").applyInPandas(f, SCHEMA)


def both_of_one_stage(df, added):
    return series(iterator(df, added), added)


def not_to_the_end(df, added):
    return series(df.coalesce(1), added).limit(1)


KINDS = [frames, cogroups, aggregate, window, iterator, series, iterator_of_series, both_of_one_stage, not_to_the_end]
OF_4 = [pytest.param(kind, marks=of_spark_4) for kind in (tables, groups_frames)]


@pytest.mark.parametrize("query", [*KINDS, *OF_4])
def test_what_is_added_is_what_pyspark_adds(conf, spark, data, query):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    df = data.select("g", "id")
    outcomes = []
    for way in ("false", "true"):
        conf("spark.beringia.accelerate", way)
        added = Added(spark.sparkContext)
        made = query(df, added)
        made.collect()
        outcomes.append(added.values())
    assert {node.reason for node in beringia.spark.explain_acceleration(made)} == {None}
    theirs, ours = outcomes
    assert theirs[0] or query is not_to_the_end
    assert ours == theirs


RETRIED = """
import os
import sys
from pyspark import TaskContext
from pyspark.sql import SparkSession
import beringia.spark

settings = beringia.spark.conf(accelerate=True, **{"spark.ui.enabled": "false"})
spark = SparkSession.builder.master("local[1,2]").config(map=settings).getOrCreate()
spark.sparkContext.pythonExec = sys.executable
count, tries = spark.sparkContext.accumulator(0), spark.sparkContext.accumulator(0.0)

def f(frames):
    tries.add(1.0)
    for frame in frames:
        count.add(len(frame))
        yield frame
    if TaskContext.get().attemptNumber() == 0:
        raise ValueError("the first time")

df = spark.range(0, 40_000, 1, 2).mapInPandas(f, "id long")
[node] = beringia.spark.explain_acceleration(df)
assert node.reason is None
assert df.count() == 40_000
print("added", count.value, tries.value)
spark.stop()
"""


def test_what_failed_tasks_added_does_not_count(run):
    assert "added 40000 2.0" in run(RETRIED)
