"""How a call runs: what becomes of failures and NaN, writing to arguments, limits of one call."""

from __future__ import annotations

import os
import re
import time

import numpy as np
import pytest
from pyspark.sql import functions as F

from beringia.errors import ArgumentError, GroupError, GroupTimeoutError, WorkerDiedError
from beringia.spark import numpy_map


@pytest.fixture(scope="module")
def df(spark):
    return (
        spark.range(40).select((F.col("id") % 4).cast("int").alias("g"), F.col("id").cast("double").alias("x")).cache()
    )


def raises(g, x):
    if g == 1:
        raise ValueError("no luck")
    return x.sum(), x.size


def misfits(g, x):
    return ("text", 1) if g == 1 else (x.sum(), x.size)


def dies(g, x):
    if g == 1:
        os._exit(3)
    return x.sum(), x.size


SUMS = {0: 180.0, 2: 200.0, 3: 210.0}


@pytest.mark.parametrize("f", [raises, misfits, dies])
def test_a_group_that_fails_is_a_row_of_nulls(df, f):
    result = numpy_map(f, df.groupBy("g"), "y double, n int", on_error="null")
    assert result.columns == ["g", "y", "n"]
    rows = {row.g: (row.y, row.n) for row in result.collect()}
    assert rows == {1: (None, None), **{g: (y, 10) for g, y in SUMS.items()}}


@pytest.mark.parametrize(
    ("f", "reason"), [(raises, "no luck"), (misfits, "expected double"), (dies, "exited with code 3")]
)
def test_the_reason_in_a_column(df, f, reason):
    result = numpy_map(f, df.groupBy("g"), "y double, n int", on_error="column")
    assert result.columns == ["g", "y", "n", "error"]
    rows = {row.g: row for row in result.collect()}
    assert {g: row.y for g, row in rows.items() if row.error is None} == SUMS
    assert rows[1].y is None
    assert re.search(reason, rows[1].error)


def test_a_group_that_fails_among_many_rows(df):
    def tail(g, x):
        return [1.0] if g == 0 else raises(g, x)[0] + x[:0] if g == 2 else raises(g, x)[:0] or x[:2]

    result = numpy_map(tail, df.groupBy("g"), "array<struct<y: double>>", on_error="column", order_by="x")
    rows = [(row.g, row.y, row.error is None) for row in result.collect()]
    assert sorted(rows, key=repr) == [(0, 1.0, True), (1, None, False), (3, 3.0, True), (3, 7.0, True)]


def test_rows_that_fail(df, collected):
    def root(x):
        if x == 3:
            raise ValueError("three")
        return x

    result = numpy_map(root, df.where("x < 5"), "y double", on_error="null", keep="x")
    assert collected(result) == [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, None), (4.0, 4.0)]


def test_by_default_a_failure_is_the_jobs(df):
    with pytest.raises(GroupError, match="no luck"):
        numpy_map(raises, df.groupBy("g"), "y double, n int").collect()
    with pytest.raises(WorkerDiedError):
        numpy_map(dies, df.groupBy("g"), "y double, n int").collect()


def test_a_field_of_the_name_of_the_error_column(df):
    with pytest.raises(ArgumentError, match="two columns named 'error'"):
        numpy_map(raises, df.groupBy("g"), "y double, error string", on_error="column")


def test_nan_becomes_null_where_asked(df):
    def nans(x):
        return np.nan, np.array([1.0, np.nan]), np.inf

    def first(**options):
        return numpy_map(nans, df.groupBy("g"), "y double, v array<float>, i double", **options).collect()[0]

    assert first(nan_as_null=True)[1:] == (None, [1.0, None], float("inf"))
    assert repr(first()[1:]) == repr((float("nan"), [1.0, float("nan")], float("inf")))


def test_writing_to_arguments(df, collected):
    def shift(x):
        x -= x.min()
        return x.sum()

    with pytest.raises(GroupError, match="writable=True"):
        numpy_map(shift, df.groupBy("g"), "y double").collect()
    result = numpy_map(shift, df.groupBy("g"), "y double", writable=True)
    assert collected(result) == [(g, 180.0) for g in range(4)]
    # Nobody else sees what was written.
    assert df.agg(F.sum("x")).collect()[0][0] == 780.0


def test_what_was_written_is_not_in_kept_columns(df):
    def zero(x):
        x[:] = 0
        return x

    result = numpy_map(zero, df.groupBy("g"), "array<struct<y: double>>", writable=True, keep="x")
    assert result.agg(F.sum("x"), F.sum("y")).collect()[0][:] == (780.0, 0.0)


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_error": "ignore"}, "on_error is one of 'raise', 'null', 'column', got 'ignore'"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "1s"}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": True}, "timeout"),
    ],
)
def test_options_that_make_no_sense(df, options, message):
    with pytest.raises(ArgumentError, match=message):
        numpy_map(raises, df.groupBy("g"), "y double, n int", **options)
