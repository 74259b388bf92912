"""Dask on our workers, by its scheduler: every collection, and what goes wrong."""

from __future__ import annotations

import os
import signal

import numpy as np
import pandas as pd
import pytest
from processes import inode_of

import beringia

dask = pytest.importorskip("dask")

import dask.array as da  # noqa: E402
import dask.bag as db  # noqa: E402
import dask.dataframe as dd  # noqa: E402
from dask.callbacks import Callback  # noqa: E402

from beringia.dask import get  # noqa: E402
from beringia.errors import WorkerDiedError  # noqa: E402


@pytest.fixture(autouse=True)
def scheduler():
    with dask.config.set(scheduler=get, num_workers=2):
        yield


def test_delayed():
    @dask.delayed
    def add(x, y):
        return x + y, os.getpid()

    total, processes = 0, set()
    for value, process in dask.compute(*[add(x, 1) for x in range(50)]):
        total += value
        processes.add(process)
    assert total == sum(range(1, 51)) and os.getpid() not in processes


def test_arrays():
    x = np.random.default_rng(0).normal(size=(1200, 800))
    y = da.from_array(x, chunks=(300, 400))
    np.testing.assert_allclose((y @ y.T).compute(), x @ x.T)
    np.testing.assert_allclose(y.mean(axis=0).compute(), x.mean(axis=0))


def test_what_tasks_give_to_each_other_lies_in_shared_memory():
    made = dask.delayed(np.ones)(1_000_000)
    found = dask.compute(*[dask.delayed(lambda x, n: (inode_of(x), x.sum() + n))(made, n) for n in range(4)])
    assert all(inode != 0 for (_, inode), _ in found)
    assert [total for _, total in found] == [1_000_000 + n for n in range(4)]


def test_an_executor_is_a_scheduler():
    parent = os.getpid()
    x = np.random.default_rng(0).normal(size=(400, 300))
    with beringia.Executor(2) as executor, dask.config.set(scheduler=executor):
        np.testing.assert_allclose(da.from_array(x, chunks=(100, 300)).sum(axis=0).compute(), x.sum(axis=0))
        assert dask.compute(dask.delayed(os.getpid)())[0] != parent
        assert db.from_sequence(range(20), npartitions=4).map(lambda n: n * n).sum().compute() == 2470
        with pytest.raises(ZeroDivisionError):
            dask.delayed(divmod)(1, 0).compute()


def test_frames():
    frame = pd.DataFrame({"k": np.arange(1000) % 7, "x": np.arange(1000.0)})
    found = dd.from_pandas(frame, npartitions=5).groupby("k").x.sum().compute()
    pd.testing.assert_series_equal(found.sort_index(), frame.groupby("k").x.sum())


def test_a_task_that_fails_is_made_again_here_where_that_is_wanted():
    parent = os.getpid()

    @dask.delayed
    def fails(everywhere):
        if everywhere or os.getpid() != parent:
            raise ValueError(os.getpid() == parent)

    with dask.config.set(rerun_exceptions_locally=True):
        with pytest.raises(ValueError, match="True"):
            fails(True).compute()
        # One that fails in workers only is no value.
        with pytest.raises(ValueError, match="False"):
            fails(False).compute()
    with pytest.raises(ValueError, match="True"):
        fails(True).compute(rerun_exceptions_locally=True)
    with pytest.raises(ValueError, match="False"):
        fails(True).compute()


def test_bags():
    words = db.from_sequence(["a b", "b c", "c b"] * 20, npartitions=6).map(str.split).flatten()
    assert dict(words.frequencies().compute()) == {"a": 20, "b": 60, "c": 40}


def test_a_graph_of_nested_keys():
    graph = {"a": 1, "b": (lambda x: x + 1, "a"), "c": (sum, ["a", "b"])}
    assert get(graph, ["b", ["c", "a"]]) == (2, (3, 1))


def test_workers_of_a_pool_or_an_executor():
    with beringia.Pool(1) as pool:
        process = dask.delayed(os.getpid)().compute(pool=pool)
        assert dask.delayed(os.getpid)().compute(pool=pool) == process
        with beringia.Executor(pool=pool) as executor:
            assert [dask.delayed(os.getpid)().compute(pool=executor) for _ in range(2)] == [process] * 2


def test_callbacks_see_the_tasks():
    seen = []
    with Callback(posttask=lambda key, *_: seen.append(key)):
        dask.compute(*[dask.delayed(abs)(-x) for x in range(5)])
    assert len(seen) >= 5


def test_an_error_is_itself_and_the_next_graph_works():
    with pytest.raises(ZeroDivisionError) as caught:
        dask.delayed(divmod)(1, 0).compute()
    assert "divmod" in str(caught.value.__cause__) or "ZeroDivisionError" in str(caught.value.__cause__)
    assert dask.delayed(abs)(-1).compute() == 1


def test_a_killed_worker_is_an_error_and_the_next_graph_works():
    with pytest.raises(WorkerDiedError, match="SIGKILL"):
        dask.delayed(lambda: os.kill(os.getpid(), signal.SIGKILL))().compute()
    assert dask.delayed(abs)(-1).compute() == 1
