"""What errors show, and that the next job runs as if nothing had been; `faults/` has the table of all faults."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import functions as F

from beringia.errors import BeringiaError, GroupError, WorkerDiedError
from beringia.spark import numpy_map


@pytest.fixture(scope="module")
def df(spark):
    """Groups a=0..9, b='k0'..'k9', of ten rows each."""
    return (
        spark.range(100)
        .select(
            (F.col("id") % 10).cast("int").alias("a"), F.expr("concat('k', id % 10)").alias("b"), F.col("id").alias("x")
        )
        .cache()
    )


@pytest.fixture(autouse=True)
def the_next_job_works(df):
    yield
    rows = numpy_map(lambda x: x.sum(), df.groupBy("a"), "total long").collect()
    assert {row.a: row.total for row in rows} == {a: 450 + 10 * a for a in range(10)}


def failing(df, f, error):
    with pytest.raises(error) as caught:
        numpy_map(f, df.groupBy("a", "b"), "y double").collect()
    return caught.value


def test_a_raising_function_shows_group_and_traceback(df):
    def inner(x):
        raise ZeroDivisionError("no Ωhm")

    def raises_on_seven(a, x):
        return inner(x) if a == 7 else 1.0

    error = failing(df, raises_on_seven, GroupError)
    assert type(error) is GroupError
    assert "7" in error.group
    assert "k7" in error.group
    assert "ZeroDivisionError: no Ωhm" in error.traceback
    # Verbatim: the user's own frames and lines.
    assert Path(__file__).name in error.traceback
    assert "in inner" in error.traceback
    assert 'raise ZeroDivisionError("no Ωhm")' in error.traceback
    # The message is complete in itself.
    for part in (error.group, "raises_on_seven", "ZeroDivisionError: no Ωhm"):
        assert part in str(error)
    # And what Spark raised is there for whoever wants it.
    assert "SparkException" in error.java_exception.getClass().getName()
    assert error.__cause__ is None


def test_an_exception_that_cannot_be_pickled_or_shown(df):
    class StrangeError(Exception):
        def __init__(self, x):
            super().__init__()
            self.lock = threading.Lock()

        def __str__(self):
            raise RuntimeError("no text either")

    def raises(x):
        raise StrangeError(x)

    assert "StrangeError" in str(failing(df, raises, GroupError))


def test_a_long_message_arrives_or_is_cut_with_a_note(df):
    def raises(x):
        raise ValueError("start " + "x" * 5_000_000 + " end")

    error = failing(df, raises, GroupError)
    assert "ValueError: start xxx" in error.traceback


def test_a_crash_shows_where_python_was(df):
    def crashes(x):
        import ctypes

        ctypes.string_at(0)

    error = failing(df, crashes, WorkerDiedError)
    assert "in crashes" in str(error)  # faulthandler's


def test_a_function_that_cannot_be_loaded_in_the_worker(df):
    class Trap:
        def __reduce__(self):
            return exec, ("raise ImportError('only on the driver')",)

        def __call__(self, x): ...

    assert "only on the driver" in str(failing(df, Trap(), BeringiaError))


def test_an_idle_worker_that_was_killed_is_replaced(df, find_workers):
    numpy_map(lambda x: 1.0, df.groupBy("a"), "y double").collect()
    idle = find_workers()
    assert idle, "a pool keeps its workers"
    for pid in idle:
        os.kill(pid, signal.SIGKILL)
    # The next job is that of `the_next_job_works`.


def test_threads_of_blas_are_the_tasks_cpus(df):
    rows = numpy_map(lambda x: os.environ.get("OMP_NUM_THREADS"), df.groupBy("a"), "n string").collect()
    assert {row.n for row in rows} == {"1"}


def test_many_failures_leave_no_pile_of_workers(df, find_workers):
    def raises(x):
        raise ValueError(np.random.default_rng().normal())

    for _ in range(10):
        failing(df, raises, GroupError)
    assert len(find_workers()) <= 4  # two tasks at a time; some prewarmed
