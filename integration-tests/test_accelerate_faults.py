"""Workers that die and calls that take too long are errors of Beringia's, whatever kind of function it is."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator

import pandas as pd
import pyspark
import pytest
from pyspark import cloudpickle
from pyspark.sql import Window
from pyspark.sql import functions as F

import beringia.spark
from accelerated import covered, data
from beringia import errors
from beringia.spark import numpy_map

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

pytestmark = covered


def dies():
    os.kill(os.getpid(), signal.SIGKILL)


def sleeps():
    time.sleep(60)


def of_frame(fault):
    def f(frame):
        if frame.g[0] == 3:
            fault()
        return frame

    return f


def of_frames(fault):
    def f(frames):
        for frame in frames:
            fault()
            yield frame

    return f


def of_groups_frames(fault):
    def f(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            if frame.g[0] == 3:
                fault()
            yield frame

    return f


def of_sides(fault):
    def f(left, right):
        if left.g[0] == 3:
            fault()
        return left

    return f


def aggregate(fault):
    def f(column: pd.Series) -> int:
        if column.iloc[0] == 3:
            fault()
        return 1

    return F.pandas_udf(f, "long")("g")


def scalar(fault):
    def f(column: pd.Series) -> pd.Series:
        fault()
        return column

    return F.pandas_udf(f, "long")("g")


def scalars(fault):
    def f(columns: Iterator[pd.Series]) -> Iterator[pd.Series]:
        for column in columns:
            fault()
            yield column

    return F.pandas_udf(f, "long")("g")


def cogroups(df, fault):
    groups = df.groupBy("g")
    return groups.cogroup(groups).applyInPandas(of_sides(fault), "g int")


# Of each kind its query, and whether the error has a group's key.
KINDS = {
    "frames": (lambda df, fault: df.groupBy("g").applyInPandas(of_frame(fault), "g int"), True),
    "cogroups": (cogroups, True),
    "aggregates": (lambda df, fault: df.groupBy("g").agg(aggregate(fault)), True),
    "windows": (lambda df, fault: df.select(aggregate(fault).over(Window.partitionBy("g"))), True),
    "scalars": (lambda df, fault: df.select(scalar(fault)), False),
    "iterators of series": (lambda df, fault: df.select(scalars(fault)), False),
    "iterators of frames": (lambda df, fault: df.mapInPandas(of_frames(fault), "g int"), False),
    "groups as iterators": (lambda df, fault: df.groupBy("g").applyInPandas(of_groups_frames(fault), "g int"), False),
}


SLEEPERS = ("frames", "scalars", "groups as iterators")  # whose timeouts are in the gate
CASES = [pytest.param(dies, kind, id=f"{kind} die") for kind in KINDS] + [
    pytest.param(sleeps, kind, id=f"{kind} sleep", marks=[pytest.mark.slow] * (kind not in SLEEPERS)) for kind in KINDS
]


@pytest.mark.parametrize(("fault", "kind"), CASES)
def test_a_fault_is_an_error_that_knows_its_group(conf, data, fault, kind):
    if kind == "groups as iterators" and pyspark.__version__ < "4":
        pytest.skip("it is of Spark 4")
    conf("spark.beringia.accelerate", "true")
    if fault is sleeps:
        conf("spark.beringia.groupTimeout", "500ms")
    query, has_key = KINDS[kind]
    query = query(data.select("g").coalesce(1), fault)
    [node] = beringia.spark.explain_acceleration(query)
    assert node.reason is None
    with pytest.raises(errors.WorkerDiedError if fault is dies else errors.GroupTimeoutError) as caught:
        query.collect()
    if has_key:
        assert caught.value.group == "g=3"


def test_an_error_of_what_is_below_stays_what_it_is(conf, data):
    """Both functions run in one task: the one above raises nothing."""
    conf("spark.beringia.accelerate", "true")

    def fails(g):
        raise ValueError("below")

    def passed(frames):
        yield from frames

    query = numpy_map(fails, data.groupBy("g"), "y double").mapInPandas(passed, "y double")
    [node] = beringia.spark.explain_acceleration(query)
    assert node.reason is None
    with pytest.raises(errors.GroupError, match="below"):
        query.collect()
