"""The bounds of what a pool and its functions may hold on to."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from beringia import Pool, numpy_map
from beringia.errors import ResourceError

GROUPS = 64
ROWS = 20_000
DATA = {"g": np.repeat(np.arange(GROUPS), ROWS), "x": np.tile(np.arange(ROWS, dtype="f8"), GROUPS)}
OK = pa.schema([("ok", pa.bool_())])


@pytest.fixture
def pool():
    with Pool(workers=1) as pool:
        yield pool


def map_groups(f, pool, returns=OK):
    """One column, in batches of a megabyte."""
    return numpy_map(f, DATA, returns, by="g", batch_bytes=1 << 20, pool=pool).column(-1).to_pylist()


KEPT: list[np.ndarray] = []


def keep(x):
    """Keeps a view of every group for ever, and checks those it has."""
    KEPT.append(x)
    return all(view[1] == 1.0 and view[-1] == len(view) - 1 for view in KEPT)


def test_views_that_are_kept_for_ever_stay_valid(pool):
    for _ in range(3):
        assert map_groups(keep, pool) == [True] * GROUPS


@pytest.mark.parametrize("backend", ["memfd", "posix"])
@pytest.mark.parametrize("writable", [False, True])
def test_views_on_tiny_batches_hold_little_more_than_these(backend, writable):
    def keep_and_count(x):
        KEPT.append(x)
        shared = Path("/proc/self/maps").read_text().count("beringia")
        intact = all(view[0] == i and view.sum() == 100 * i for i, view in enumerate(KEPT))
        return intact, len(os.listdir("/proc/self/fd")), shared  # noqa: PTH208 (names, not paths)

    groups = 400
    data = {"g": np.repeat(np.arange(groups), 100), "x": np.repeat(np.arange(groups, dtype="f8"), 100)}
    returns = pa.schema([("intact", pa.bool_()), ("descriptors", pa.int64()), ("shared", pa.int64())])
    # A page for each of the three buffers.
    with Pool(workers=1, worker_retained_bytes="5m", segment_backend=backend) as pool:
        table = numpy_map(keep_and_count, data, returns, by="g", batch_bytes=1, pool=pool, writable=writable)
    assert table.column("intact").to_pylist() == [True] * groups
    for name in ("descriptors", "shared"):
        seen = table.column(name).to_pylist()
        assert max(seen) <= seen[0] + 8, name


def test_views_kept_beyond_the_limit_are_an_error_that_says_what_to_do():
    with (
        Pool(workers=1, worker_retained_bytes="4m") as pool,
        pytest.raises(ResourceError, match=r"Pool\(worker_retained_bytes=…\).*copies \(x\.copy\(\)\)"),
    ):
        map_groups(keep, pool)


def test_views_in_reference_cycles_are_collected_before_that():
    def cycles(x):
        cycle = [x]
        cycle.append(cycle)
        return True

    with Pool(workers=1, worker_retained_bytes="4m") as pool:
        assert map_groups(cycles, pool) == [True] * GROUPS


def test_copies_may_be_kept_without_end():
    copies = []

    def keeps_copies(x):
        copies.append(x.copy())
        return len(copies)

    with Pool(workers=1, worker_retained_bytes="1m") as pool:
        assert max(map_groups(keeps_copies, pool, pa.schema([("n", pa.int64())]))) == GROUPS


def test_shared_memory_past_its_limit_is_an_error_that_names_the_setting():
    with (
        Pool(workers=1, segment_maxBytes="1m") as pool,
        pytest.raises(ResourceError, match=r"Pool\(segment_max_bytes=…\).*Pool\(batch_bytes=…\)"),
    ):
        map_groups(lambda x: True, pool)
    with Pool(workers=1, segment_max_bytes="8m", batch_bytes="1m") as pool:
        assert map_groups(lambda x: True, pool) == [True] * GROUPS


def test_a_worker_ends_after_its_tasks():
    def pid(pool):
        table = numpy_map(lambda x: os.getpid(), {"x": np.zeros(1)}, pa.schema([("pid", pa.int64())]), pool=pool)
        return table.column("pid")[0].as_py()

    with Pool(workers=1, worker_max_tasks=2) as pool:
        pids = [pid(pool) for _ in range(4)]
    assert pids[0] == pids[1]
    assert pids[1] != pids[2]
    assert pids[2] == pids[3]
