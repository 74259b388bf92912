"""The executor: the contract of concurrent.futures, arrays without copies, and what becomes of what goes wrong."""

from __future__ import annotations

import concurrent.futures
import contextlib
import copy
import functools
import gc
import math
import os
import pickle
import queue
import sys
import threading
import time
import weakref
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

import beringia
from beringia.errors import ArgumentError


def mul(x, y=1):
    return x * y


def pid():
    return os.getpid()


def test_submit_gives_a_future_of_the_standard_library(executor):
    future = executor.submit(mul, 2, y=8)
    assert isinstance(future, concurrent.futures.Future)
    assert future.result() == 16
    assert future.done() and not future.running() and not future.cancel()


def test_functions_are_anything_that_can_be_called(executor):
    factor = 3
    calls = [
        executor.submit(lambda x: x * factor, 2),
        executor.submit(functools.partial(mul, 3), 2),
        executor.submit(math.sqrt, 36),
        executor.submit(np.add, 2, 4),
        executor.submit([1, 6].pop),
        executor.submit(int, "6"),
    ]
    assert [call.result() for call in calls] == [6] * 6


@pytest.mark.parametrize(
    "options", [{}, {"chunksize": 7}, {"buffersize": 3}, {"chunksize": 4, "buffersize": 2}], ids=str
)
def test_map_gives_results_in_order(executor, options):
    assert list(executor.map(mul, range(50), range(60), **options)) == [x * x for x in range(50)]


def test_map_stops_at_what_raises_and_takes_no_more_than_its_buffer(executor):
    results = executor.map(divmod, [1, 1, 1], [2, 0, 2])
    assert next(results) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        next(results)
    taken = []
    some = executor.map(mul, (taken.append(x) or x for x in range(100)), buffersize=4)
    assert len(taken) == 4
    assert next(some) == 0 and len(taken) == 5


class Thing:
    pass


@pytest.mark.parametrize("chunksize", [1, 3])
def test_map_keeps_nothing_that_it_gave_away(executor, chunksize):
    for thing in executor.map(lambda _: Thing(), range(6), chunksize=chunksize):
        there = weakref.ref(thing)
        del thing
        ends = time.monotonic() + 10
        while there() is not None and time.monotonic() < ends:
            time.sleep(0.01)
        assert there() is None


def test_map_has_a_time_for_all():
    with beringia.Executor(1) as executor, pytest.raises(concurrent.futures.TimeoutError):
        list(executor.map(time.sleep, [0, 0, 1.2], timeout=0.7))


@pytest.mark.parametrize(
    ("options", "error"),
    [({"chunksize": 0}, ValueError), ({"buffersize": 0}, ValueError), ({"buffersize": "3"}, TypeError)],
    ids=str,
)
def test_map_refuses_what_is_no_number(executor, options, error):
    with pytest.raises(error):
        executor.map(mul, range(3), **options)


def test_wait_and_as_completed(executor):
    slow, quick = executor.submit(time.sleep, 0.4), executor.submit(mul, 1)
    done, rest = concurrent.futures.wait([slow, quick], return_when=concurrent.futures.FIRST_COMPLETED)
    assert (done, rest) == ({quick}, {slow})
    assert list(concurrent.futures.as_completed([slow, quick])) == [quick, slow]


def test_numbers_may_be_of_numpy_and_must_be_whole(executor):
    with beringia.Executor(np.int64(1)) as alone:
        assert list(alone.map(mul, range(5), chunksize=np.int32(2))) == list(range(5))
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        beringia.Executor(1.5)
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        executor.map(mul, range(5), chunksize=1.5)


def test_a_callback_that_waits_keeps_no_call_waiting():
    with beringia.Executor(2) as executor:
        goes_on, within = threading.Event(), queue.SimpleQueue()
        for _ in range(2):  # the second time it is over when the callback is added, mostly
            first = executor.submit(mul, 1)
            first.add_done_callback(lambda _: within.put(executor.submit(mul, 2).result(timeout=30)))
            assert within.get(timeout=30) == 2
        blocked = executor.submit(time.sleep, 0.1)
        blocked.add_done_callback(lambda _: within.put(goes_on.wait(30)))
        blocked.result(timeout=30)
        assert list(executor.map(mul, range(50), timeout=20)) == list(range(50))
        goes_on.set()
    assert within.get_nowait()  # as shutdown waits for callbacks, too


def test_a_callback_that_would_end_its_thread_keeps_no_other_from_being_called(executor):
    called = threading.Event()
    executor.submit(abs, 1).add_done_callback(lambda _: sys.exit(3))
    executor.submit(abs, 1).add_done_callback(lambda _: called.set())
    assert called.wait(10)


def test_callbacks_run_in_this_process(executor):
    seen = threading.Event()
    executor.submit(mul, 1).add_done_callback(lambda future: seen.set() if future.result() == 1 else None)
    assert seen.wait(10)


def test_after_shutdown_no_call_is_taken_and_those_taken_are_made():
    executor = beringia.Executor(1)
    calls = [executor.submit(mul, x) for x in range(20)]
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(mul, 1)
    assert [call.result() for call in calls] == list(range(20))
    executor.shutdown()


def test_threads_may_submit_while_another_shuts_down():
    with beringia.Pool(2) as pool:
        for _ in range(100):
            executor, made = beringia.Executor(pool=pool), []

            def submit(executor=executor, made=made):
                with contextlib.suppress(RuntimeError):
                    made += [executor.submit(abs, -1) for _ in range(3)]

            thread = threading.Thread(target=submit)
            thread.start()
            executor.shutdown()
            thread.join()
            assert [call.result(timeout=30) for call in made] == [1] * len(made)


def test_shutdown_cancels_what_has_not_begun():
    executor = beringia.Executor(1)
    running = executor.submit(time.sleep, 0.3)
    while not running.running():
        time.sleep(0.01)
    rest = [executor.submit(mul, 1) for _ in range(10)]
    executor.shutdown(cancel_futures=True)
    assert running.result() is None
    assert all(call.cancelled() for call in rest)


def test_a_call_can_be_cancelled_until_it_begins(executor):
    with beringia.Executor(1) as one:
        one.submit(mul, 1).result()
        running, following = one.submit(time.sleep, 0.3), one.submit(mul, 1)
        while not running.running():
            time.sleep(0.01)
        assert following.cancel() and following.cancelled()
        assert not running.cancel()
        assert concurrent.futures.wait([following], timeout=0).done == {following}
        assert running.result() is None


def test_an_executor_that_nobody_has_finishes_its_calls():
    calls = [beringia.Executor(1).submit(mul, x) for x in range(2)]
    gc.collect()
    assert [call.result() for call in calls] == [0, 1]


def test_workers_begin_with_the_initializer_and_are_replaced():
    def begin(value):
        os.environ["BEGUN"] = value

    with beringia.Executor(1, initializer=begin, initargs=("yes",), max_tasks_per_child=3) as executor:
        assert executor.submit(os.getenv, "BEGUN").result() == "yes"
        assert len({executor.submit(pid).result() for _ in range(8)}) == 3


def test_an_initializer_that_raises_breaks_the_executor():
    def begin():
        raise ValueError("not today")

    with beringia.Executor(2, initializer=begin) as executor:
        call = executor.submit(mul, 1)
        with pytest.raises(BrokenProcessPool, match="not today"):
            call.result()
        with pytest.raises(BrokenProcessPool, match="not today"):
            executor.submit(mul, 1)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_workers": 0}, ValueError),
        ({"initializer": 5}, TypeError),
        ({"initializer": print, "initargs": (threading.Lock(),)}, ArgumentError),
        ({"max_tasks_per_child": 0}, ValueError),
        ({"max_tasks_per_child": 1.5}, TypeError),
        ({"timeout": -1}, ArgumentError),
        ({"retries": -1}, ArgumentError),
        ({"pool": None, "colour": "blue"}, ValueError),
    ],
    ids=str,
)
def test_options_are_looked_at(options, error):
    with pytest.raises(error):
        beringia.Executor(**options)


def test_libraries_in_a_worker_have_one_thread_or_as_many_as_was_said():
    for options, threads in (({}, "1"), ({"threads": 3}, "3")):
        with beringia.Executor(1, **options) as one:
            assert one.submit(os.getenv, "OMP_NUM_THREADS").result() == threads


def test_workers_can_be_shared_with_numpy_map():
    with beringia.Pool(1) as pool:
        with beringia.Executor(pool=pool) as executor:
            process = executor.submit(pid).result()
        with beringia.Executor(pool=pool) as executor:
            assert executor.submit(pid).result() == process


def test_short_calls_do_not_wait_behind_a_long_one(executor):
    list(executor.map(mul, range(100)))
    started = time.monotonic()
    long = executor.submit(time.sleep, 1.5)
    assert list(executor.map(mul, range(100))) == list(range(100))
    assert time.monotonic() - started < 1.2
    long.result()


def test_an_executor_in_a_call_cannot_deadlock():
    def tree(executor, depth):
        if depth == 0:
            return 1
        return sum(call.result() for call in [executor.submit(tree, executor, depth - 1) for _ in range(2)])

    with beringia.Executor(1) as one:
        assert one.submit(tree, one, 4).result(timeout=30) == 16


def test_workers_can_be_killed():
    executor = beringia.Executor(1)
    running = executor.submit(time.sleep, 60)
    while not running.running():
        time.sleep(0.01)
    waiting = executor.submit(mul, 1)
    (process,) = executor._processes.values()
    executor.kill_workers()
    assert waiting.cancelled()
    assert isinstance(running.exception(timeout=10), BrokenProcessPool)
    process.join(10)
    assert not process.is_alive()


def test_a_copy_of_what_has_an_executor_has_the_same(executor):
    assert copy.copy(executor) is executor
    assert copy.deepcopy({"executor": executor})["executor"] is executor


def test_where_it_is_no_worker_an_executor_that_arrives_makes_its_calls():
    """As in a child of multiprocessing, which has no workers of ours."""
    with beringia.Executor(1) as one:
        arrived = pickle.loads(pickle.dumps(one))
        assert arrived.submit(os.getpid).result() == os.getpid()
        assert list(arrived.map(abs, [-1, 2])) == [1, 2]
