"""Tasks that Spark gives up while a function runs: cancelled, overtaken by a copy, or no longer wanted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fronts import Spark, settled
from py4j.protocol import Py4JError
from pyspark import InheritableThread
from pyspark.sql import functions as F

from beringia.spark import numpy_map

STAGE = "when the task is given up"


@pytest.fixture
def on_spark(spark, find_workers):
    front = Spark(spark)
    front.check()
    yield front
    front.check()
    assert settled(lambda: front.zombies() == [])  # one that was just killed is waited for in its own time
    assert settled(lambda: len(find_workers()) <= 4)


def busy(stamp):
    """A function that says that it runs, and then does so for ever."""
    path = Path(stamp)

    def sleeps(x):
        path.touch()
        time.sleep(600)

    return sleeps


def cancelled(spark, action, stamp):
    """Run `action` in a job group and cancel it as soon as the function runs; seconds until it has ended."""
    context, failed = spark.sparkContext, []

    def runs():
        context.setJobGroup("given up", "a job that is cancelled", interruptOnCancel=True)
        try:
            action()
        except Exception as error:
            failed.append(error)

    thread = InheritableThread(target=runs)
    thread.start()
    while not stamp.exists():
        time.sleep(0.01)
        assert thread.is_alive()
    started = time.monotonic()
    context.cancelJobGroup("given up")
    thread.join(60)
    assert not thread.is_alive()
    assert isinstance(failed[0], Py4JError)
    assert "cancelled" in str(failed[0])
    return time.monotonic() - started


def downstream(df):
    """`df` with a Python UDF on top, whose writer thread pulls our rows."""
    return df.select(F.udf(lambda y: y, "double")("y").alias("y"))


@pytest.mark.parametrize("shape", [lambda df: df, downstream], ids=["alone", "below a Python UDF"])
def test_a_cancelled_job_ends_its_worker(on_spark, shape, stamp, record):
    result = shape(numpy_map(busy(stamp), on_spark.data.groupBy("a"), "y double"))
    seconds = cancelled(on_spark.session, result.collect, stamp)
    assert seconds < 30
    record("cancelJobGroup", STAGE, "Spark", seconds)


@pytest.mark.parametrize("shape", [lambda df: df, downstream], ids=["alone", "below a Python UDF"])
def test_a_limit_ends_a_task_early(on_spark, shape, record):
    many = on_spark.session.range(20_000).select(
        (F.col("id") % 5_000).alias("a"), F.col("id").cast("double").alias("x")
    )
    small = {"batch_bytes": "4k"}  # many batches, of which the first is enough
    result = shape(numpy_map(lambda x: float(x.sum()), many.groupBy("a"), "y double", **small))
    assert len(result.limit(3).collect()) == 3
    assert len(result.head(1)) == 1
    record("limit()", STAGE, "Spark")
