"""The pool as multiprocessing has it: apply, map and imap, their results, and the ends of a pool."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pyarrow as pa
import pytest

import beringia
from beringia.errors import ArgumentError, WorkerDiedError


@pytest.fixture(scope="module")
def pool():
    with beringia.Pool(2) as pool:
        yield pool


def mul(x, y=1):
    return x * y


def inverse(x):
    return 1 // x


def die(x):
    os.kill(os.getpid(), signal.SIGKILL)


def test_apply(pool):
    assert pool.apply(mul, (6,)) == 6
    assert pool.apply(mul, (2,), {"y": 8}) == 16
    with pytest.raises(ZeroDivisionError):
        pool.apply(inverse, (0,))


@pytest.mark.parametrize("chunksize", [None, 1, 7, 100])
def test_map_and_starmap(pool, chunksize):
    assert pool.map(mul, range(50), chunksize) == list(range(50))
    assert pool.starmap(mul, zip(range(50), range(50)), chunksize) == [x * x for x in range(50)]  # noqa: B905
    assert pool.map(mul, [], chunksize) == []
    with pytest.raises(ZeroDivisionError):
        pool.map(inverse, [1, 0, 2], chunksize)


@pytest.mark.parametrize("chunksize", [1, 7])
def test_imap(pool, chunksize):
    assert list(pool.imap(mul, range(50), chunksize)) == list(range(50))
    assert sorted(pool.imap_unordered(mul, iter(range(50)), chunksize)) == list(range(50))
    assert list(pool.imap(mul, [], chunksize)) == []


def test_imap_takes_no_more_than_it_needs(pool):
    results = pool.imap(mul, itertools.count())
    assert [next(results) for _ in range(300)] == list(range(300))


@pytest.mark.parametrize("method", ["imap", "imap_unordered"])
def test_imap_goes_on_after_close(method):
    pool = beringia.Pool(1)
    results = getattr(pool, method)(mul, range(300))
    pool.close()
    with pytest.raises(ValueError, match="not running"):
        pool.imap(mul, [1])
    assert sorted(results) == list(range(300))
    pool.join()


def test_imap_goes_on_after_a_call_that_raises(pool):
    results = pool.imap(inverse, [1, 0, -1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert next(results) == -1
    with pytest.raises(StopIteration):
        next(results)


@pytest.mark.parametrize("method", ["imap", "imap_unordered"])
def test_items_that_raise_do_so_after_those_before(pool, method):
    def items():
        yield from (1, 2, 3)
        raise KeyError("no more")

    results, taken = getattr(pool, method)(mul, items()), []
    with pytest.raises(KeyError, match="no more"):
        for result in results:
            taken.append(result)
    if method == "imap":
        assert taken == [1, 2, 3]
    with pytest.raises(KeyError):
        pool.map(mul, items())


def test_results_as_they_come(pool):
    pool.map(mul, range(4))
    results = pool.imap_unordered(time.sleep, [0.5, 0.0])
    started = time.monotonic()
    next(results)
    assert time.monotonic() - started < 0.4
    with pytest.raises(multiprocessing.TimeoutError):
        results.next(timeout=0.01)
    next(results)


def test_a_result_that_is_not_there_in_time(pool):
    result = pool.apply_async(time.sleep, (0.4,))
    assert not result.ready()
    with pytest.raises(ValueError, match="not ready"):
        result.successful()
    with pytest.raises(multiprocessing.TimeoutError):
        result.get(timeout=0.01)
    with pytest.raises(multiprocessing.TimeoutError):
        pool.imap(time.sleep, [0.3]).next(timeout=0.01)
    result.wait()
    assert result.ready() and result.successful() and result.get() is None


def test_callbacks_are_called_before_the_result_is_ready(pool):
    returned, raised = [], []
    pool.map_async(mul, [1, 2], callback=returned.append).wait()
    assert returned == [[1, 2]]
    result = pool.starmap_async(inverse, [(0,)], callback=returned.append, error_callback=raised.append)
    result.wait()
    assert not result.successful() and len(returned) == 1
    assert [type(error) for error in raised] == [ZeroDivisionError]


def test_a_callback_that_raises_harms_nobody(pool, caplog):
    assert pool.apply_async(mul, (2,), callback=inverse, error_callback=None).get() == 2
    assert pool.apply_async(mul, (0,), callback=inverse).get() == 0
    assert "ZeroDivisionError" in caplog.text
    assert pool.apply(mul, (3,)) == 3


def test_arrays_travel_as_with_an_executor(pool):
    array = np.arange(500_000.0)
    assert pool.map(np.sum, [array, array * 2]) == [array.sum(), 2 * array.sum()]


def test_what_cannot_be_pickled_is_an_error_of_its_call(pool):
    result = pool.apply_async(mul, (threading.Lock(),))
    with pytest.raises(TypeError):
        result.get(timeout=10)
    with pytest.raises(TypeError):
        pool.map(mul, [1, threading.Lock()])


def test_a_killed_worker_fails_its_call_alone(pool):
    lost, kept = pool.apply_async(die, (1,)), pool.map_async(mul, range(20))
    with pytest.raises(WorkerDiedError, match="SIGKILL"):
        lost.get(timeout=20)
    assert kept.get(timeout=20) == list(range(20))
    with pytest.raises(WorkerDiedError):
        pool.map(die, [1, 2])
    assert pool.apply(mul, (4,)) == 4


@pytest.mark.parametrize("call", ["map", "starmap", "imap", "imap_unordered"])
def test_a_chunk_has_an_item_at_least(pool, call):
    with pytest.raises(ValueError, match="Chunksize"):
        getattr(pool, call)(mul, [(1,)], chunksize=0)


def test_workers_begin_with_the_initializer_and_are_replaced():
    def begin(value):
        os.environ["BEGUN"] = value

    with beringia.Pool(1, begin, ("yes",), 3) as pool:
        assert pool.apply(os.getenv, ("BEGUN",)) == "yes"
        assert len({pool.apply(os.getpid) for _ in range(8)}) == 3
    with pytest.raises(TypeError, match="initializer"):
        beringia.Pool(1, initializer=5)


def test_all_that_has_the_pool_shares_its_workers():
    with beringia.Pool(1) as pool:
        process = pool.apply(os.getpid)
        time.sleep(0.5)  # for as long as this, a worker without calls waits for others of the same kind
        with beringia.Executor(pool=pool) as executor:
            assert executor.submit(os.getpid).result() == process
        table = beringia.numpy_map(lambda x: os.getpid(), {"x": np.ones(3)}, pa.schema({"p": pa.int64()}), pool=pool)
        assert table["p"].to_pylist() == [process]


def test_close_lets_calls_end_and_join_waits_for_them():
    pool = beringia.Pool(1)
    results = [pool.apply_async(time.sleep, (0.1,)) for _ in range(3)]
    (process,) = [pool.apply_async(os.getpid)]
    with pytest.raises(ValueError, match="still running"):
        pool.join()
    pool.close()
    pool.close()
    with pytest.raises(ValueError, match="not running"):
        pool.apply(mul, (1,))
    with pytest.raises(ArgumentError, match="closed"):
        beringia.Executor(pool=pool)
    pool.join()
    assert all(result.ready() and result.successful() for result in results)
    with pytest.raises(ProcessLookupError):
        os.kill(process.get(), 0)


def test_a_pool_without_calls_ends_at_once():
    pool = beringia.Pool(1)
    pool.close()
    pool.join()


@pytest.mark.parametrize("end", ["terminate", "with"])
def test_terminate_ends_calls_and_nobody_waits_for_ever(end, tmp_path):
    def run():
        (tmp_path / "begun").touch()
        time.sleep(60)

    pool = beringia.Pool(1)
    running = pool.apply_async(run)
    waiting = [pool.apply_async(mul, (1,)) for _ in range(3)]
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    started = time.monotonic()
    if end == "with":
        with pool:
            pass
    else:
        pool.terminate()
    pool.join()
    assert time.monotonic() - started < 10
    with pytest.raises(BrokenProcessPool):
        running.get(timeout=10)
    for result in waiting:
        result.wait(10)
        assert not result.successful()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_is_told_to_make_its_own(pool):
    pool.apply(mul, (1,))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            pool.apply(mul, (1,))
        except (RuntimeError, ArgumentError) as error:
            pool.terminate()
            code = 0 if "forked" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert pool.apply(mul, (1,)) == 1
