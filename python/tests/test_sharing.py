"""Arrays that were shared: placed once, read-only, told of and not copied."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import numpy as np
import pytest

import beringia
from beringia.errors import ArgumentError


def arrays():
    table = np.arange(600_000.0).reshape(300, 2000)
    return {
        "C": table,
        "Fortran": np.asfortranarray(table),
        "strided": table[::2, ::-3],
        "structured": np.ones(30_000, "i4,f8"),
        "dates": np.arange(100_000).astype("M8[s]"),
        "text": np.array(["a", "bcd"] * 5000),
        "scalar": np.array(3.0),
        "small": np.arange(3),
        "empty": np.empty((0, 7)),
    }


@pytest.mark.parametrize("kind", arrays())
def test_a_shared_array_is_as_it_was_and_read_only_everywhere(executor, kind):
    array = arrays()[kind]
    shared = beringia.share(array)

    def look(x):
        return x.copy(), x.dtype, x.shape, x.flags.f_contiguous, x.flags.writeable

    there = executor.submit(look, shared).result()
    for seen in ((shared, shared.dtype, shared.shape, shared.flags.f_contiguous, shared.flags.writeable), there):
        np.testing.assert_array_equal(seen[0], array)
        assert seen[1:3] == (array.dtype, array.shape)
    assert not shared.flags.writeable and shared.flags.f_contiguous == there[3]
    if array.nbytes >= 16 << 10:
        assert not there[4]
    with pytest.raises(ValueError, match="WRITEABLE"):
        shared.flags.writeable = True


def test_its_parts_are_told_of_too(executor):
    shared = beringia.share(np.arange(4_000_000.0).reshape(400, 10_000))
    parts = [shared[7:90], shared[399], shared[:, 3], shared.T, shared.ravel()[5:100_000]]
    for part, back in zip(parts, executor.map(lambda x: x, parts), strict=True):
        np.testing.assert_array_equal(back, part)


def test_a_call_costs_no_look_at_the_content(executor):
    array = np.ones(32_000_000)
    shared = beringia.share(array)

    def fastest(x):
        executor.submit(len, x).result()
        times = []
        for _ in range(7):
            started = time.perf_counter()
            executor.submit(len, x).result()
            times.append(time.perf_counter() - started)
        return min(times)

    assert fastest(shared) < fastest(array) / 4


def test_its_memory_is_freed_with_its_last_view():
    shared = beringia.share(np.ones(1_000_000))
    place, view = f"{shared.ctypes.data:x}-", shared[10:]

    def is_there():
        maps = Path("/proc/self/maps").read_text().splitlines()
        return any(line.startswith(place) and "beringia" in line for line in maps)

    del shared
    assert is_there() and view.sum() == 999_990
    del view
    gc.collect()
    assert not is_there()


def test_every_executor_takes_it(executor):
    shared = beringia.share(np.ones(100_000))
    with beringia.Executor(1, segment_backend="posix") as other, beringia.Pool(1) as pool:
        assert other.submit(np.sum, shared).result() == 100_000
        assert pool.map(np.sum, [shared, shared[:50_000]]) == [100_000, 50_000]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (np.array([None, "a"], object), "objects"),
        (np.ma.masked_greater(np.arange(5), 2), "MaskedArray"),
        (np.zeros(2, [("a", "O")]), "objects"),
    ],
    ids=str,
)
def test_what_is_more_than_values_is_refused(value, says):
    with pytest.raises(ArgumentError, match=says):
        beringia.share(value)
