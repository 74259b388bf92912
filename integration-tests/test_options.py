"""How a call runs on Spark, beside the contract: deaths, writing to what is cached, calls that take too long."""

from __future__ import annotations

import os
import time

import pytest
from pyspark.sql import functions as F

from beringia.errors import GroupTimeoutError
from beringia.spark import numpy_map


@pytest.fixture(scope="module")
def df(spark):
    return (
        spark.range(40).select((F.col("id") % 4).cast("int").alias("g"), F.col("id").cast("double").alias("x")).cache()
    )


def dies(g, x):
    if g == 1:
        os._exit(3)
    return x.sum(), x.size


SUMS = {0: 180.0, 2: 200.0, 3: 210.0}


def test_the_reason_of_a_death_is_in_a_column(df):
    result = numpy_map(dies, df.groupBy("g"), "y double, n int", on_error="column")
    assert result.columns == ["g", "y", "n", "error"]
    rows = {row.g: row for row in result.collect()}
    assert {g: row.y for g, row in rows.items() if row.error is None} == SUMS
    assert rows[1].y is None
    assert "exited with code 3" in rows[1].error


def test_writing_to_arguments(df, collected):
    def shift(x):
        x -= x.min()
        return x.sum()

    result = numpy_map(shift, df.groupBy("g"), "y double", writable=True)
    assert collected(result) == [(g, 180.0) for g in range(4)]
    # Nobody else sees what was written.
    assert df.agg(F.sum("x")).collect()[0][0] == 780.0


def test_a_call_that_takes_too_long(df):
    def sleeps(g, x):
        if g == 1:
            time.sleep(60)
        return x.sum()

    started = time.monotonic()
    with pytest.raises(GroupTimeoutError) as caught:
        numpy_map(sleeps, df.groupBy("g"), "y double", timeout=1).collect()
    assert "g=1" in caught.value.group
    result = numpy_map(sleeps, df.groupBy("g"), "y double", timeout=1.0, on_error="null")
    assert {row.g: row.y for row in result.collect()} == {1: None, **SUMS}
    assert time.monotonic() - started < 40
