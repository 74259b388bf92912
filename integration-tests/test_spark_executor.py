"""The executor on Spark: that of this machine, whose calls Spark's executors make."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import threading
import time

import numpy as np
import pytest

import beringia.spark
from beringia.errors import ArgumentError, WorkerDiedError


@pytest.fixture(scope="module")
def executor(spark):
    with beringia.spark.Executor(spark) as executor:
        yield executor


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def test_calls_are_made_by_workers_and_futures_are_the_standard_librarys(executor):
    future = executor.submit(lambda x, y=1: (x * y, os.getpid()), 2, y=8)
    assert isinstance(future, concurrent.futures.Future)
    product, pid = future.result()
    assert product == 16 and pid != os.getpid()
    assert list(executor.map(divmod, range(9), [2] * 9)) == [divmod(x, 2) for x in range(9)]
    assert list(executor.map(abs, range(-9, 0), chunksize=4)) == list(range(9, 0, -1))


def test_short_calls_share_jobs(spark, executor):
    executor.submit(abs, 1).result()
    before = spark.sparkContext.statusTracker().getJobIdsForGroup(executor._lanes._group)
    assert sum(executor.map(lambda x: x, range(2000))) == 1999 * 1000
    after = spark.sparkContext.statusTracker().getJobIdsForGroup(executor._lanes._group)
    assert len(after) - len(before) < 100


def test_calls_with_large_arrays_of_their_own_share_no_job(spark, executor, monkeypatch):
    def jobs():
        return len(spark.sparkContext.statusTracker().getJobIdsForGroup(executor._lanes._group))

    monkeypatch.setattr("beringia.spark.executor._MOST_BYTES", 1 << 20)
    before = jobs()
    sums = [executor.submit(lambda x: int(x.sum()), np.full(1 << 20, i, "u1")) for i in range(8)]
    assert [each.result(timeout=60) for each in sums] == [i << 20 for i in range(8)]
    assert jobs() - before == 8


def test_arrays_come_and_go_as_they_are(executor):
    large, strided = np.arange(300_000.0), np.arange(90_000.0).reshape(300, 300)[:, ::2]
    futures = [executor.submit(lambda x, y, n: (x[n] + y.sum(), x.nbytes), large, strided, n) for n in range(4)]
    assert [f.result() for f in futures] == [(n + strided.sum(), large.nbytes) for n in range(4)]
    back = executor.submit(lambda x: x * 2, large).result()
    np.testing.assert_array_equal(back, large * 2)
    back[0] = 1  # it is ours
    written = executor.submit(lambda x: (x.__setitem__(0, 5), x[0])[1], np.zeros(10_000)).result()
    assert written == 5
    with pytest.raises(ValueError, match="read-only"):
        executor.submit(lambda x: x.__setitem__(0, 5), large).result()


def test_what_is_written_after_submit_is_not_seen(executor):
    array = np.zeros(200_000)
    future = executor.submit(np.sum, array)
    array[:] = 1
    assert future.result() == 0


def test_an_exception_is_itself(executor):
    with pytest.raises(ZeroDivisionError) as raised:
        executor.submit(divmod, 1, 0).result()
    assert "ZeroDivisionError" in str(raised.value.__cause__)
    with pytest.raises(TypeError, match="cannot pickle"):
        executor.submit(len, threading.Lock()).result()


def test_a_dead_worker_is_the_error_of_its_call_alone(executor):
    futures = [executor.submit(die if n == 3 else abs, *(() if n == 3 else (-n,))) for n in range(8)]
    with pytest.raises(WorkerDiedError, match=r"(?s)SIGKILL.*'die' ran"):
        futures[3].result()
    assert [f.result() for n, f in enumerate(futures) if n != 3] == [0, 1, 2, 4, 5, 6, 7]


def test_a_call_is_made_again_as_often_as_was_said(executor, tmp_path):
    def second_time(path):
        if not path.exists():
            path.touch()
            die()
        return "done"

    assert executor.options(retries=1).submit(second_time, tmp_path / "tried").result() == "done"


def test_a_call_that_takes_too_long_is_ended(executor):
    with pytest.raises(concurrent.futures.TimeoutError, match="'sleep' ran"):
        executor.options(timeout=0.5).submit(time.sleep, 60).result()


def test_a_call_that_waits_can_be_cancelled(spark):
    with beringia.spark.Executor(spark, 1) as executor:
        busy = [executor.submit(time.sleep, 1.0) for _ in range(4)]
        waiting = executor.submit(abs, 1)
        assert waiting.cancel() and waiting.cancelled()
        assert not busy[0].cancel() or busy[0].cancelled()
        assert executor.submit(abs, -2).result() == 2
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, 1)


def test_its_jobs_can_be_ended(spark):
    executor = beringia.spark.Executor(spark, 1)
    long = executor.submit(time.sleep, 120)
    while not long.running():
        time.sleep(0.05)
    time.sleep(1.0)
    started = time.monotonic()
    executor.kill_workers()
    assert long.exception(30) is not None and time.monotonic() - started < 30
    executor.shutdown()


def test_joblib_goes_there(spark):
    joblib = pytest.importorskip("joblib")
    import beringia.joblib  # noqa: F401

    with joblib.parallel_config("beringia-spark", n_jobs=2):
        found = joblib.Parallel()(joblib.delayed(lambda x: (x * x, os.getpid()))(x) for x in range(8))
    assert [square for square, _ in found] == [x * x for x in range(8)]
    assert os.getpid() not in {pid for _, pid in found}


def test_what_it_cannot_be_on_is_refused(spark):
    with pytest.raises(ArgumentError, match="a classic session of Spark, got str"):
        beringia.spark.Executor("spark")
    with pytest.raises(ArgumentError, match="max_workers"):
        beringia.spark.Executor(spark, 0)
