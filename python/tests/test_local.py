"""``beringia.numpy_map`` without Spark: real workers, real shared memory."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import beringia
from beringia.errors import (
    ArgumentError,
    GroupError,
    ResultError,
)

ONE = pa.schema({"r": pa.float64()})
N = pa.schema({"n": pa.int64()})
MANY = pa.list_(pa.struct({"r": pa.float64()}))
DATA = {"k": np.array([2, 1, 2, 1, 3]), "x": np.array([1.0, 10.0, 2.0, 20.0, 5.0])}


@pytest.fixture(scope="module")
def pool():
    with beringia.Pool(workers=2, worker_cancel_grace="200ms") as pool:
        yield pool


@pytest.fixture
def numpy_map(pool):
    return lambda *args, **options: beringia.numpy_map(*args, **{"pool": pool, **options})


def test_groups_come_in_the_order_of_their_keys(numpy_map):
    result = numpy_map(lambda x: x.sum(), DATA, ONE, by="k")
    assert result.to_pydict() == {"k": [1, 2, 3], "r": [30.0, 3.0, 5.0]}


@pytest.mark.parametrize(
    "make",
    [pa.table, pd.DataFrame, lambda d: pa.record_batch(d), lambda d: pa.table(d).to_reader()],
    ids=["table", "pandas", "batch", "reader"],
)
def test_data_may_be_anything_with_an_arrow_interface(numpy_map, make):
    assert numpy_map(lambda x: x.sum(), make(DATA), ONE, by="k")["r"].to_pylist() == [30.0, 3.0, 5.0]


def test_without_by_all_rows_are_one_group(numpy_map):
    assert numpy_map(lambda x: x.sum(), DATA, ONE).to_pydict() == {"r": [38.0]}
    empty = {"x": np.array([], dtype=float)}
    assert numpy_map(lambda x: x.sum(), empty, ONE).num_rows == 0


def test_writable_arguments_leave_the_data_alone(numpy_map):
    def scribble(x):
        x[:] = 0
        return x.sum()

    table = pa.table(DATA)
    assert numpy_map(scribble, table, ONE, by="k", writable=True)["r"].to_pylist() == [0.0, 0.0, 0.0]
    assert table["x"].to_pylist() == DATA["x"].tolist()


@pytest.mark.parametrize("size", [1, 100, 10**6])
def test_results_do_not_depend_on_the_size_of_batches(numpy_map, size):
    rng = np.random.default_rng(0)
    data = {"k": rng.integers(0, 50, 5000), "x": rng.random(5000)}
    expected = pd.DataFrame(data).groupby("k").x.apply(lambda x: float(np.median(x))).tolist()
    assert numpy_map(np.median, data, ONE, by="k", args={"a": "x"}, batch_bytes=size)["r"].to_pylist() == expected


def test_progress_is_shown_when_asked_for(numpy_map, capsys):
    numpy_map(lambda x: 0.0, DATA, ONE, by="k", progress=True)
    assert "5.00/5.00" in capsys.readouterr().err


def test_windows_have_the_nanoseconds_of_their_column(numpy_map):
    t = np.array([0, 1400, 1600, 4000], "M8[ns]")
    found = numpy_map(lambda t: t.size, {"t": t}, N, by=beringia.window("t", size=pd.Timedelta(1500, "ns")))
    starts = [window["start"].value for window in found["window"].to_pylist()]
    assert (starts, found["n"].to_pylist()) == ([0, 1500, 3000], [2, 1, 1])
    with pytest.raises(ArgumentError, match="size is no whole number of us"):
        numpy_map(lambda t: 1, {"t": t.astype("M8[us]")}, N, by=beringia.window("t", size=pd.Timedelta(500, "ns")))


def test_two_columns_of_one_name_are_refused(numpy_map):
    with pytest.raises(ArgumentError, match="two columns of data are called '1'"):
        numpy_map(len, {1: [1], "1": [2]}, N)


def test_nan_is_one_key_and_so_is_zero(numpy_map):
    other = np.array([0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0000], np.uint64).view(np.float64)
    keys = pa.array([0.0, -0.0, None, np.nan, *other, None], from_pandas=False)
    result = numpy_map(len, pa.table({"k": keys, "x": [1.0] * 7}), ONE, by="k", args={"obj": "x"})
    assert [str(k) for k in result["k"].to_pylist()] == ["None", "0.0", "nan"]
    assert result["r"].to_pylist() == [2, 2, 3]
    assert np.array(result["k"].to_pylist()[-1:]).view("u8") == np.array([np.nan]).view("u8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": 7}, r"__arrow_c_stream__"),
        ({"data": {"x": np.array([1j])}}, r"column 'x' of data"),
        ({"data": {"x": np.zeros(2), "y": np.zeros(3)}}, r"differ in length"),
        ({"data": {"x": 1.0}}, r"column 'x' of data has no rows"),
        ({"data": pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"])}, r"2 columns of that name"),
        ({"returns": pa.float64()}, r"schema or struct"),
        ({"returns": "r double"}, r"schema or struct"),
        ({"by": [1]}, r"by must name columns, got int"),
        ({"order_by": [("x", "down")]}, r"order_by takes names.*'ascending', 'descending'"),
        ({"batch_bytes": "many"}, r"batch_bytes is a number of bytes above zero.*got 'many'"),
        ({"workers": 2}, r"pass workers or pool, not both"),
        ({"workers": 0, "pool": None}, r"workers is a number of processes above zero, got 0"),
    ],
)
def test_a_call_that_does_not_fit_is_refused(numpy_map, options, message):
    call = {"data": DATA, "returns": ONE, **options}
    with pytest.raises(ArgumentError, match=message):
        numpy_map(lambda x: 0.0, call.pop("data"), call.pop("returns"), **call)


def test_bytes_of_another_length_than_the_fields_are_refused(numpy_map):
    with pytest.raises(ResultError, match=r"field 'r': expected fixed_size_binary\[2\], got b'abc'"):
        numpy_map(lambda x: b"abc", DATA, pa.schema({"r": pa.binary(2)}))


def test_more_values_than_a_dictionary_has_indices_for_are_refused(numpy_map):
    data = {"k": np.arange(200)}
    with pytest.raises(ResultError, match=r"field 'r' together are no dictionary<values=int64, indices=int8"):
        numpy_map(lambda k: k, data, pa.schema({"r": pa.dictionary(pa.int8(), pa.int64())}), by="k")


def test_large_constants_are_one_copy_for_all_workers(numpy_map):
    table = np.arange(4_000_000.0)

    def private_kilobytes(k, table):
        line = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("RssAnon"))
        return table.sum() * 0 + int(line.split()[1])

    result = numpy_map(private_kilobytes, {"k": np.arange(8)}, ONE, by="k", consts={"table": table}, batch_bytes=1)
    assert max(result["r"].to_pylist()) < table.nbytes / 1024


def test_a_constant_that_is_there_already_is_not_copied_again_and_a_change_is_seen():
    table, other = np.arange(1000.0), np.arange(1000.0)

    def seen(table):
        return {"address": table.ctypes.data, "sum": table.sum()}

    returns = pa.schema({"address": pa.int64(), "sum": pa.float64()})
    with beringia.Pool(workers=1) as pool:

        def call(table):
            return beringia.numpy_map(
                seen, {"k": np.arange(1)}, returns, consts={"table": table}, pool=pool
            ).to_pylist()

        first = call(table)
        assert call(table) == first  # at the same place in the worker
        table[0] = 5.0
        assert call(table)[0]["sum"] == other.sum() + 5.0
        assert call(table[::-1])[0]["sum"] == other.sum() + 5.0
        assert call(other)[0]["sum"] == other.sum()
        table[0] = 0.0
        assert call(table)[0]["sum"] == other.sum()


def test_large_results_stay_as_they_are_whatever_runs_after_them(numpy_map):
    def constant(k):
        return {"r": np.full(500_000, float(k))}

    tables = [numpy_map(constant, {"k": np.array([k])}, MANY, by="k") for k in range(6)]
    numpy_map(constant, {"k": np.arange(20)}, MANY, by="k")
    for k, table in enumerate(tables):
        column = np.asarray(table["r"])
        assert column.size == 500_000 and (column == k).all()
    large = numpy_map(constant, {"k": np.arange(200)}, MANY, by="k", batch_bytes=1)  # more segments than are held on to
    assert (np.asarray(large["r"]).reshape(200, -1) == np.arange(200.0)[:, None]).all()


def test_a_result_outlives_its_pool():
    with beringia.Pool(workers=1) as pool:
        table = beringia.numpy_map(
            lambda k: {"r": np.full(500_000, 7.0)}, {"k": np.array([1])}, MANY, by="k", pool=pool
        )
    assert (np.asarray(table["r"]) == 7.0).all()


def test_an_error_has_key_traceback_function_and_code_and_pickles(numpy_map):
    def inverse(k, x):
        return 1 / (int(k) - 2)

    with pytest.raises(GroupError) as caught:
        numpy_map(inverse, DATA, ONE, by="k")
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert type(error) is GroupError
        assert (error.group, error.code) == ("k=2", 1)
        assert error.function.endswith("inverse")
        assert "ZeroDivisionError" in error.traceback
        assert "k=2" in str(error)
