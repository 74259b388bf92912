"""Calls that a call submits: they use the other workers, and nothing can wait for ever."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import time

import numpy as np
import pytest

import beringia
from beringia.errors import WorkerDiedError
from beringia.futures import CallTimeoutError


@pytest.fixture(scope="module")
def executor():
    with beringia.Executor(2) as executor:
        list(executor.map(abs, range(8)))
        yield executor


@pytest.fixture(scope="module")
def alone():
    with beringia.Executor(1) as executor:
        yield executor


OPTIONS = ({}, {"chunksize": 3}, {"buffersize": 2}, {"chunksize": 2, "buffersize": 1}, {"timeout": 50.0})


def tree(executor, depth):
    if depth == 0:
        return 1
    return sum(call.result() for call in [executor.submit(tree, executor, depth - 1) for _ in range(2)])


def nap(seconds):
    time.sleep(seconds)
    return os.getpid()


def test_calls_of_a_call_use_the_other_workers(executor):
    def spread(executor):
        return os.getpid(), set(executor.map(nap, [0.05] * 8))

    own, others = executor.submit(spread, executor).result(timeout=30)
    assert len(others) == 2 and own in others


def test_an_executor_in_a_call_has_the_same_methods(executor, alone):
    def uses(executor):
        mapped = [list(executor.map(divmod, range(7), [2] * 7, **options)) for options in OPTIONS]
        executor.terminate_workers()
        return mapped

    for each in (executor, alone):
        assert each.submit(uses, each).result(timeout=60) == [[divmod(x, 2) for x in range(7)]] * len(OPTIONS)


def test_any_depth_of_calls_cannot_deadlock(executor, alone):
    for each in (executor, alone):
        assert each.submit(tree, each, 5).result(timeout=30) == 32


@pytest.mark.parametrize("workers", [1, 2])
def test_who_waits_for_a_while_waits_no_longer_and_the_call_goes_on(workers, tmp_path):
    def late(path):
        time.sleep(1)
        path.touch()

    def waits(executor, path):
        started = time.monotonic()
        call = executor.submit(late, path)
        try:
            call.result(timeout=0.2)
        except concurrent.futures.TimeoutError as error:
            return type(error).__name__, time.monotonic() - started, call.done()

    with beringia.Executor(workers) as executor:
        name, seconds, done = executor.submit(waits, executor, tmp_path / "x").result(timeout=30)
        assert name == "TimeoutError" and 0.2 <= seconds < 0.9 and not done
        assert (tmp_path / "x").exists()  # as a call is over when those are that it submitted
        assert executor.submit(lambda executor: executor.submit(abs, -1).result(timeout=20), executor).result() == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_call_within_a_call_may_take_as_long_as_it_may(workers):
    def waits(executor):
        patient = executor.options(timeout=0.3)
        assert patient.submit(abs, -1).result() == 1
        started = time.monotonic()
        error = patient.submit(time.sleep, 5).exception()
        return error, time.monotonic() - started

    with beringia.Executor(workers) as executor:
        error, seconds = executor.submit(waits, executor).result(timeout=30)
        assert isinstance(error, CallTimeoutError) and "timeout of" in str(error) and "'sleep' ran" in str(error)
        assert 0.3 <= seconds < 4


def test_futures_are_waited_for_as_everywhere(executor, alone):
    def wait(executor):
        calls = [executor.submit(pow, x, 2) for x in range(6)]
        done = sorted(call.result() for call in concurrent.futures.as_completed(calls))
        first = executor.submit(pow, 2, 5)
        seen = concurrent.futures.Future()
        first.add_done_callback(lambda call: seen.set_result(call.result()))
        concurrent.futures.wait([first])
        return done, seen.result(timeout=10)

    for each in (executor, alone):
        assert each.submit(wait, each).result(timeout=30) == ([0, 1, 4, 9, 16, 25], 32)


def waits_otherwise(executor, depth):
    if depth == 0:
        return 1
    calls = [executor.submit(waits_otherwise, executor, depth - 1) for _ in range(2)]
    return sum(call.result() for call in concurrent.futures.wait(calls).done)


def test_any_depth_of_calls_that_are_waited_for_otherwise_cannot_deadlock(executor, alone):
    for each in (executor, alone):
        assert each.submit(waits_otherwise, each, 3).result(timeout=30) == 8


def test_a_call_that_is_made_here_may_wait_for_one_that_another_worker_makes(executor):
    def leaf():
        time.sleep(0.5)
        return "leaf"

    def inner(executor):
        call = executor.submit(leaf)
        time.sleep(0.6)  # by when the other worker has begun it
        return call.result()

    def outer(executor):
        call = executor.submit(inner, executor)
        concurrent.futures.wait([call])
        return call.result()

    busy = executor.submit(nap, 0.4)
    assert executor.submit(outer, executor).result(timeout=30) == "leaf"
    busy.result()


def test_a_callback_may_wait_for_another_call(executor):
    def waits(executor):
        slow = executor.submit(nap, 0.5)
        seen = concurrent.futures.Future()
        first = executor.submit(nap, 0.1)
        first.add_done_callback(lambda _: seen.set_result(slow.result(timeout=10)))
        return seen.result(timeout=20)

    assert executor.submit(waits, executor).result(timeout=30)


def test_arrays_go_between_workers_and_are_each_calls_own(executor, alone):
    def double(x):
        x *= 2
        return x

    def sums(executor):
        x = np.ones(500_000)
        calls = [executor.submit(double, x) for _ in range(3)]
        time.sleep(0.05)
        results = [call.result() for call in calls]
        results[0] += 1
        return [result.sum() for result in results], x.sum()

    for each in (executor, alone):
        assert each.submit(sums, each).result(timeout=30) == ([1_500_000, 1_000_000, 1_000_000], 500_000)


def test_an_exception_of_a_nested_call_arrives_as_itself(executor, alone):
    def fails(executor):
        try:
            executor.submit(divmod, 1, 0).result()
        except ZeroDivisionError as error:
            return "divmod" in str(error.__cause__) or "ZeroDivisionError" in str(error.__cause__)

    for each in (executor, alone):
        assert each.submit(fails, each).result(timeout=30)


def test_a_call_is_over_when_those_are_that_it_submitted(executor, tmp_path):
    def leave(executor, path):
        executor.submit(lambda: (time.sleep(0.2), path.write_text("done")))
        return "left"

    assert executor.submit(leave, executor, tmp_path / "x").result(timeout=30) == "left"
    assert (tmp_path / "x").read_text() == "done"


def test_a_call_is_over_when_those_are_that_its_calls_submitted(alone, tmp_path):
    def leave(executor, path, depth):
        if depth:
            executor.submit(leave, executor, path, depth - 1)
        else:
            path.write_text("done")

    alone.submit(leave, alone, tmp_path / "x", 3).result(timeout=30)
    assert (tmp_path / "x").read_text() == "done"


def test_shutdown_cancels_all_calls_before_it_waits_for_any(executor):
    def stops(executor):
        calls = [executor.submit(nap, 0.05) for _ in range(30)]
        time.sleep(0.08)
        executor.shutdown(cancel_futures=True)
        return sum(not call.cancelled() for call in calls)

    assert executor.submit(stops, executor).result(timeout=30) <= 4


def test_a_nested_call_can_be_cancelled_until_it_begins(alone):
    def cancel(executor):
        call = executor.submit(nap, 60)
        return call.cancel(), call.cancelled()

    assert alone.submit(cancel, alone).result(timeout=30) == (True, True)


def test_a_worker_that_dies_in_a_nested_call_is_the_submitters_error(executor):
    def die(executor):
        call = executor.submit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        while not concurrent.futures.wait([call], timeout=0).done:
            time.sleep(0.01)  # no result is asked for, so that another worker takes it
        return type(call.exception()).__name__

    assert executor.submit(die, executor).result(timeout=30) == WorkerDiedError.__name__
    assert executor.submit(abs, -1).result(timeout=30) == 1


def test_the_calls_of_a_worker_that_dies_are_given_up(executor):
    def die(executor):
        for _ in range(20):
            executor.submit(nap, 0.01)
        os.kill(os.getpid(), signal.SIGKILL)

    assert isinstance(executor.submit(die, executor).exception(timeout=30), WorkerDiedError)
    assert list(executor.map(abs, range(8))) == list(range(8))


def scattered(x):
    def item(index):
        time.sleep(0.03)
        return os.getpid(), beringia.scatter(float, [x[index]])[0]

    results = beringia.scatter(item, range(len(x)))
    return len({pid for pid, _ in results}), sum(value for _, value in results)


def test_idle_workers_do_items_of_a_group_and_none_is_waited_for():
    pa = pytest.importorskip("pyarrow")
    returns = pa.schema({"workers": pa.int64(), "total": pa.float64()})
    for workers in (1, 2):
        with beringia.Pool(workers) as pool:
            for _ in range(20):  # a second worker is started in the background
                table = beringia.numpy_map(scattered, {"x": np.arange(20.0)}, returns, pool=pool)
                assert table["total"].to_pylist() == [190.0]
                if table["workers"].to_pylist() == [workers]:
                    break
            assert table["workers"].to_pylist() == [workers]


def test_what_an_item_raises_is_its_groups_error():
    pa = pytest.importorskip("pyarrow")

    def fails(g, x):
        def item(value):
            time.sleep(0.01)
            if g == 1:
                raise ValueError(f"item {value}")
            return value

        return sum(beringia.scatter(item, x))

    data = {"g": np.repeat([0, 1, 2], 20), "x": np.arange(60.0)}
    with beringia.Pool(2) as pool:
        for batch_bytes in (1, 1 << 20):
            table = beringia.numpy_map(
                fails,
                data,
                pa.schema({"s": pa.float64()}),
                by="g",
                on_error="column",
                batch_bytes=batch_bytes,
                pool=pool,
            )
            assert table["s"].to_pylist() == [190.0, None, 990.0]
            assert "item 20.0" in table["error"][1].as_py()


def test_a_worker_that_dies_at_an_item_is_its_groups_error():
    pa = pytest.importorskip("pyarrow")

    def dies(x):
        worker = os.getpid()

        def item(value):
            time.sleep(0.02)
            if os.getpid() != worker:
                os.kill(os.getpid(), signal.SIGKILL)
            return value

        return sum(beringia.scatter(item, x))

    returns = pa.schema({"sum": pa.float64()})
    with beringia.Pool(2) as pool:
        for _ in range(20):  # a second worker is started in the background
            table = beringia.numpy_map(dies, {"x": np.arange(20.0)}, returns, on_error="column", pool=pool)
            if table["error"].null_count == 0:
                break
        assert "SIGKILL" in table["error"][0].as_py()
        table = beringia.numpy_map(lambda x: x.sum(), {"x": np.arange(3.0)}, returns, pool=pool)
        assert table["sum"].to_pylist() == [3.0]


def test_what_a_scattered_function_refers_to_is_placed_once_and_only_read(executor):
    def f():
        x = np.arange(3_000_000.0)

        def item(index):
            return x.flags.writeable, x[index]

        started = time.perf_counter()
        results = beringia.scatter(item, range(0, 3_000_000, 10_000), chunksize=1)
        return results == [
            (False, float(index)) for index in range(0, 3_000_000, 10_000)
        ], time.perf_counter() - started

    right, seconds = executor.submit(f).result(timeout=60)
    assert right
    assert seconds < 5  # 300 copies would take longer


def test_an_executor_within_a_function_of_numpy_map_is_over_with_its_group():
    pa = pytest.importorskip("pyarrow")
    returns = pa.schema({"total": pa.float64()})
    with beringia.Pool(1) as pool, beringia.Executor(pool=pool) as alone:

        def total(x):
            alone.submit(abs, -1)  # whose result nobody asks for
            return float(sum(alone.map(np.sqrt, x)))

        table = beringia.numpy_map(total, {"x": np.full(4, 4.0)}, returns, pool=pool)
        assert table["total"].to_pylist() == [8.0]
        # The same worker's next call has others again.
        assert alone.submit(tree, alone, 3).result(timeout=30) == 8


def test_scatter_gives_results_in_order_everywhere(executor):
    assert beringia.scatter(pow, [], chunksize=3) == []
    assert beringia.scatter(abs, [-1, 4], chunksize=1) == [1, 4]
    assert executor.submit(lambda: beringia.scatter(abs, range(-200, 0))).result() == list(range(200, 0, -1))
    with pytest.raises(beringia.errors.ArgumentError, match="chunksize"):
        beringia.scatter(abs, [], chunksize=0)
    with pytest.raises(ZeroDivisionError):
        executor.submit(lambda: beringia.scatter(lambda x: 1 // x, [1, 0, 2])).result()


def test_joblib_within_joblib_uses_the_same_workers():
    joblib = pytest.importorskip("joblib")
    import beringia.joblib  # noqa: F401

    def inner(x):
        return sum(joblib.Parallel(n_jobs=2, backend="beringia")(joblib.delayed(pow)(x, y) for y in range(3)))

    with joblib.parallel_config("beringia", n_jobs=2):
        assert joblib.Parallel()(joblib.delayed(inner)(x) for x in range(3)) == [1, 3, 7]


def test_dask_within_a_call_uses_the_same_workers(executor):
    pytest.importorskip("dask")

    def graph():
        import dask

        import beringia.dask

        return dask.delayed(sum)([dask.delayed(pow)(x, 2) for x in range(4)]).compute(scheduler=beringia.dask.get)

    assert executor.submit(graph).result(timeout=60) == 14
