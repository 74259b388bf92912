"""Data of calls: they travel beside the pickle, whatever holds them, once, and come back as they are."""

from __future__ import annotations

import math
import multiprocessing
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from processes import inode_of

import beringia
from beringia import _call_pickle

ROWS = 50_000


HOLDERS = {
    "an array": lambda x: x,
    "every other row": lambda x: np.repeat(x, 2)[::2],
    "columns": lambda x: np.asfortranarray(x.reshape(-1, 10)),
    "backwards": lambda x: x[::-1],
    "a table of Arrow": lambda x: pa.table({"x": x}),
    "a frame": lambda x: pd.DataFrame({"x": x, "y": x}),
    "a series": lambda x: pd.Series(x, name="x"),
    "a sparse matrix": lambda x: scipy.sparse.csr_matrix(x.reshape(-1, 10)),
    "within containers": lambda x: {"a": [x, (x + 1,)]},
}


def plain(value):
    """The same in lists."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if scipy.sparse.issparse(value):
        return value.toarray().tolist()
    return value.to_pydict() if isinstance(value, pa.Table) else np.asarray(value).tolist()


@pytest.mark.parametrize("holder", HOLDERS)
def test_data_travel_beside_the_pickle_and_come_back(executor, holder):
    value = HOLDERS[holder](np.arange(1.0, ROWS + 1))
    body, buffers = _call_pickle.dump_call(len, (value,), {})
    assert len(body) < 8192
    assert sum(buffer.nbytes for buffer in buffers) >= 8 * ROWS
    back = executor.submit(lambda given: given, value).result(timeout=30)
    assert type(back) is type(value) and plain(back) == plain(value)


@pytest.mark.parametrize("of", [lambda t: t, lambda t: t.to_batches()[0], lambda t: t["s"], lambda t: t["x"].chunk(0)])
def test_a_slice_of_arrow_data_travels_without_the_rest(executor, of):
    value = of(pa.table({"x": np.arange(1e6), "s": pa.array([str(n) for n in range(10**6)])}))
    part = value.slice(1000, 10)
    body, buffers = _call_pickle.dump_call(len, (part,), {})
    assert len(body) + sum(buffer.nbytes for buffer in buffers) < 8192
    back = executor.submit(lambda given: given, part).result(timeout=30)
    assert type(back) is type(part) and back.equals(part)


def test_a_gigabyte_for_eight_calls_is_there_once(executor):
    x = np.ones(1 << 30, np.uint8)

    def where(x):
        assert x[::4096].sum(dtype=np.int64) == len(x) // 4096
        time.sleep(0.1)
        return *inode_of(x), private_memory()

    found = [call.result(timeout=120) for call in [executor.submit(where, x) for _ in range(8)]]
    assert len({process for process, _, _ in found}) == 2
    [inode] = {inode for _, inode, _ in found}
    assert inode != 0
    assert max(private for _, _, private in found) < len(x) // 4


def private_memory():
    """Bytes that this process alone has, and has written to."""
    found = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return 1024 * int(found["Private_Dirty"].split()[0])


@pytest.mark.parametrize("holder", ["an array", "every other row", "columns", "backwards"])
def test_what_may_only_be_read_arrives_so(executor, holder):
    value = HOLDERS[holder](np.ones(ROWS))
    value.flags.writeable = False
    assert not executor.submit(lambda given: given.flags.writeable, value).result(timeout=30)
    times = value.view("m8[s]")
    assert not executor.submit(lambda given: given.flags.writeable, times).result(timeout=30)


def arrays():
    table = np.arange(600_000.0).reshape(300, 2000)
    return {
        "C": table,
        "Fortran": np.asfortranarray(table),
        "strided": table[::2, ::-3],
        "read-only": np.broadcast_to(np.float64(3), (300, 300)),
        "structured": np.zeros(30_000, "i4,f8"),
        "masked": np.ma.masked_greater(table, 5),
        "dates": np.arange(100_000).astype("M8[s]"),
        "objects": np.array([None, "a", 3.0], object),
        "small": np.arange(3),
        "empty": np.empty((0, 7)),
        "large": np.arange(3_000_000, dtype=np.int16),
    }


@pytest.mark.parametrize("kind", arrays())
def test_arrays_come_and_go_as_they_are(executor, kind):
    array = arrays()[kind]
    back = executor.submit(lambda x: x, array).result()
    assert (type(back), back.dtype, back.shape) == (type(array), array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


def test_what_a_call_writes_to_its_argument_is_its_own(executor):
    array = np.zeros(1_000_000)

    def write(x):
        before = x.sum()
        x[:] = 1
        return before, x.sum()

    assert [executor.submit(write, array).result() for _ in range(3)] == [(0, 1_000_000)] * 3
    assert array.sum() == 0


def test_a_manager_of_multiprocessing_is_known_in_calls(executor):
    with multiprocessing.get_context("spawn").Manager() as manager:
        values = manager.list()
        for call in [executor.submit(lambda values, x: values.append(x), values, x) for x in range(3)]:
            call.result()
        assert sorted(values) == [0, 1, 2]


def test_what_is_written_between_two_calls_is_seen(executor):
    array = np.zeros(1_000_000)
    first = executor.submit(np.sum, array)
    array[:] = 1
    assert (first.result(), executor.submit(np.sum, array).result()) == (0, 1_000_000)


def test_results_own_their_memory(executor):
    first = executor.submit(np.full, 500_000, 1.0).result()
    others = [executor.submit(np.full, 500_000, 2.0).result() for _ in range(5)]
    first += 1
    assert first.sum() == 1_000_000
    assert all(other.sum() == 1_000_000 for other in others)


@pytest.mark.parametrize("given", [np.asarray, beringia.share])
def test_views_that_a_function_keeps_stay_as_they_were(given):
    def keep(x):
        kept = vars(math).setdefault("kept", [])
        kept.append(x)
        return [each.sum() for each in kept]

    with beringia.Executor(1) as one:
        for number in range(3):
            sums = one.submit(keep, given(np.full(200_000, float(number)))).result()
        assert sums == [0, 200_000, 400_000]


def test_an_array_is_placed_once():
    array = np.ones(16_000_000)
    with beringia.Executor(1) as one:
        one.submit(np.sum, array).result()
        started = time.perf_counter()
        for _ in range(5):
            one.submit(len, array).result()
        again = (time.perf_counter() - started) / 5
    started = time.perf_counter()
    array.copy()
    assert again < 2 * (time.perf_counter() - started)


@pytest.mark.parametrize("size", [1_000, 300_000], ids=["small", "large"])
def test_what_is_equal_in_one_call_is_not_one(executor, size):
    def write(x, y):
        x[:] = 5
        return y[0]

    x = np.zeros(size)
    assert executor.submit(write, x, x[:]).result() == 0
    assert executor.submit(write, x, x.copy()).result() == 0

    def add(x):
        x[0] += 1
        return x[0]

    assert list(executor.map(add, [x, x.copy(), x[:]], chunksize=3)) == [1, 1, 1]


def counted():
    total = 0

    def call(number):
        nonlocal total
        total += number
        return total

    return call


def test_what_a_call_leaves_in_its_function_no_other_sees():
    seen, written = [], np.zeros(3)

    def appends(number):
        seen.append(number)
        return sum(seen)

    def summed(number, seen=[]):  # noqa: B006 # what is tested
        seen.append(number)
        return sum(seen)

    def writes(number):
        written[0] += number
        return written[0]

    with beringia.Executor(1) as one:
        for function in (appends, writes, counted(), lambda number: appends(number), summed):
            assert [one.submit(function, number).result() for number in (1, 2, 3)] == [1, 2, 3]
