"""When a bar of the rows done is shown."""

from __future__ import annotations

import io
import sys
import time

import numpy as np
import pyarrow as pa
import pytest

import beringia
from beringia.local import progress

ONE = pa.schema({"r": pa.float64()})


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def pool():
    with beringia.Pool(1) as pool:
        yield pool


def shown(monkeypatch, pool, stream, delay, **options):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "_DELAY", delay)
    data = {"k": np.arange(10), "x": np.ones(10)}
    # Longer than the engine waits between two looks.
    beringia.numpy_map(lambda x: time.sleep(0.03), data, ONE, by="k", pool=pool, batch_bytes=1, **options)
    return stream.getvalue()


def test_at_a_terminal_when_the_work_takes_long(monkeypatch, pool):
    assert "10.0/10.0" in shown(monkeypatch, pool, Terminal(), 0.0)
    assert shown(monkeypatch, pool, Terminal(), 60.0) == ""


def test_not_where_nobody_watches_unless_asked_for(monkeypatch, pool):
    assert shown(monkeypatch, pool, io.StringIO(), 0.0) == ""
    assert "10.0/10.0" in shown(monkeypatch, pool, io.StringIO(), 60.0, progress=True)


def test_not_where_it_is_not_wanted(monkeypatch, pool):
    assert shown(monkeypatch, pool, Terminal(), 0.0, progress=False) == ""


@pytest.mark.parametrize("options", [{}, {"chunksize": 4}, {"buffersize": 2}], ids=str)
def test_calls_are_counted_as_they_are_done(monkeypatch, pool, options):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with beringia.Executor(pool=pool) as executor:
        assert list(executor.map(abs, range(-10, 0), progress=True, **options)) == list(range(10, 0, -1))
        assert "10.0/10.0" in stream.getvalue() and "calls" in stream.getvalue()
        assert list(executor.map(abs, iter([-1, -2]), progress=True)) == [1, 2]
        assert "2.00 calls" in stream.getvalue()
        results = executor.map(divmod, [1, 1], [1, 0], progress=True)
        assert next(results) == (1, 0)
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_without_tqdm_only_who_asks_for_a_bar_is_told(monkeypatch, pool):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert shown(monkeypatch, pool, Terminal(), 0.0) == ""
    with pytest.raises(beringia.errors.ArgumentError, match="pip install tqdm"):
        shown(monkeypatch, pool, io.StringIO(), 0.0, progress=True)
