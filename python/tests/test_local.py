"""``beringia.numpy_map`` without Spark: real workers, real shared memory."""

from __future__ import annotations

import os
import signal
import time
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import beringia
from beringia.errors import (
    ArgumentError,
    GroupError,
    GroupTimeoutError,
    MissingValueError,
    ResultError,
    WorkerDiedError,
)

ONE = pa.schema({"r": pa.float64()})
MANY = pa.list_(pa.struct({"r": pa.float64()}))
DATA = {"k": np.array([2, 1, 2, 1, 3]), "x": np.array([1.0, 10.0, 2.0, 20.0, 5.0])}


@pytest.fixture(scope="module")
def pool():
    with beringia.Pool(workers=2, worker_cancelGrace="200ms") as pool:
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


def test_per_row_shows_scalars_and_arrays(numpy_map):
    data = {"x": np.arange(3.0), "m": np.arange(18.0).reshape(3, 2, 3)}
    result = numpy_map(lambda x, m: x + m.sum() if m.shape == (2, 3) else -1, data, ONE, per="row")
    assert result["r"].to_pylist() == [15.0, 52.0, 89.0]


def test_per_batch_takes_any_rows(numpy_map):
    result = numpy_map(lambda x: (x * 2,), DATA, MANY, per="batch")
    assert sorted(result["r"].to_pylist()) == [2.0, 4.0, 10.0, 20.0, 40.0]


def test_order_by_orders_the_rows_of_a_group(numpy_map):
    first = numpy_map(lambda x: x[0], DATA, ONE, by="k", order_by=("x", "descending"))
    assert first["r"].to_pylist() == [20.0, 2.0, 5.0]
    assert numpy_map(lambda x: x[0], DATA, ONE, by="k", order_by="x")["r"].to_pylist() == [10.0, 1.0, 5.0]


def test_keys_are_compared_as_arrow_does(numpy_map):
    keys = pa.array([0.0, -0.0, None, float("nan"), float("nan"), None])
    result = numpy_map(len, pa.table({"k": keys, "x": [1.0] * 6}), ONE, by="k", args={"obj": "x"})
    assert result["r"].to_pylist() == [2, 1, 1, 2]
    assert [str(k) for k in result["k"].to_pylist()] == ["None", "-0.0", "0.0", "nan"]


def test_kept_columns_stay_beside_their_rows(numpy_map):
    data = pa.table({**DATA, "name": pa.array(["a", "b", None, "d", "e"])})
    result = numpy_map(lambda x: (x - x.mean(),), data, MANY, by="k", keep="name", order_by="x")
    assert result.to_pydict() == {
        "k": [1, 1, 2, 2, 3],
        "name": ["b", "d", "a", None, "e"],
        "r": [-5.0, 5.0, -0.5, 0.5, 0.0],
    }
    with pytest.raises(ResultError, match=r"returned 1 rows for a group of 2; keep needs one for each") as caught:
        numpy_map(lambda x: ([1.0],), data, MANY, by="k", keep="name")
    assert caught.value.group in ("k=1", "k=2")


VALUES = {
    "uint8": (pa.uint8(), [0, 255], "uint8"),
    "uint64": (pa.uint64(), [0, 2**64 - 1], "uint64"),
    "int16": (pa.int16(), [-(2**15), 7], "int16"),
    "float16": (pa.float16(), [np.float16(1.5), np.float16(-2)], "float16"),
    "float32": (pa.float32(), [1.5, -0.0], "float32"),
    "bool": (pa.bool_(), [True, False], "bool"),
    "string": (pa.string(), ["", "ä\0b"], "object"),
    "string_view": (pa.string_view(), ["x", "a longer string than twelve"], "object"),
    "dictionary": (pa.dictionary(pa.int8(), pa.string()), ["p", "q"], "object"),
    "binary": (pa.binary(), [b"", b"\x00\xff"], "object"),
    "date": (pa.date32(), [0, 19000], "datetime64[D]"),
    "timestamp": (pa.timestamp("ns", "Europe/Paris"), [0, 10**18], "datetime64[ns]"),
    "duration": (pa.duration("ms"), [-5, 5], "timedelta64[ms]"),
    "decimal": (pa.decimal128(30, 3), [Decimal("1.250"), Decimal("-9e26")], "object"),
    "list": (pa.list_(pa.int32()), [[1, 2], [3, 4]], "int32"),
    "ragged": (pa.list_(pa.float64()), [[1.0], [2.0, 3.0]], "object"),
    "deep": (pa.list_(pa.list_(pa.list_(pa.int8()))), [[[[1]]], [[[2], [3]]]], "object"),
    "fixed": (pa.list_(pa.float64(), 2), [[1.0, 2.0], [3.0, 4.0]], "float64"),
    "struct": (pa.struct({"a": pa.int64(), "b": pa.string()}), [{"a": 1, "b": "x"}, {"a": 2, "b": None}], None),
}


@pytest.mark.parametrize("name", VALUES)
def test_every_type_goes_in_and_comes_back(numpy_map, name):
    kind, values, dtype = VALUES[name]
    column = pa.array(values).cast(kind) if name in ("string_view", "dictionary") else pa.array(values, kind)
    data = pa.table({"x": column})
    back = pa.list_(pa.struct([pa.field("x", pa.string() if name == "dictionary" else kind)]))

    def through(x):
        if dtype is not None and str(x.dtype) != dtype:
            raise TypeError(x.dtype)
        if isinstance(x, dict):
            return [{"x": {"a": a, "b": b}} for a, b in zip(x["a"], x["b"], strict=True)]
        return {"x": x}

    assert numpy_map(through, data, back)["x"].to_pylist() == data["x"].to_pylist()


def test_values_that_numpy_reads_in_place_are_not_copied_and_cannot_be_written(numpy_map):
    def probe(x):
        assert not x.flags.owndata
        assert not x.flags.writeable
        x[0] = 1
        return 0.0

    with pytest.raises(GroupError, match=r"read-only.*writable=True"):
        numpy_map(probe, DATA, ONE)


def test_writable_arguments_leave_the_data_alone(numpy_map):
    def scribble(x):
        x[:] = 0
        return x.sum()

    table = pa.table(DATA)
    assert numpy_map(scribble, table, ONE, by="k", writable=True)["r"].to_pylist() == [0.0, 0.0, 0.0]
    assert table["x"].to_pylist() == DATA["x"].tolist()


def test_a_failing_group_is_named_with_its_traceback(numpy_map):
    with pytest.raises(GroupError, match=r"raised ZeroDivisionError") as caught:
        numpy_map(lambda k, x: 1 / (int(k) - 2), DATA, ONE, by="k")
    assert caught.value.group == "k=2"
    assert "Traceback" in caught.value.traceback


@pytest.mark.parametrize("on_error", ["null", "column"])
def test_on_error_marks_only_the_group_at_fault(numpy_map, on_error):
    def moody(k, x):
        if k == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return "no number" if k == 2 else x.sum()

    result = numpy_map(moody, DATA, ONE, by="k", on_error=on_error).to_pydict()
    assert result["r"] == [None, None, 5.0]
    if on_error == "column":
        killed, misfit, fine = result["error"]
        assert "SIGKILL" in killed
        assert "expected double, got 'no number' (str)" in misfit
        assert fine is None


def test_a_group_that_takes_too_long_is_named(numpy_map):
    def slow(k):
        if k == 2:
            time.sleep(60)
        return 0.0

    started = time.monotonic()
    with pytest.raises(GroupTimeoutError, match="timeout of 300ms") as caught:
        numpy_map(slow, DATA, ONE, by="k", timeout=0.3)
    assert caught.value.group == "k=2"
    assert time.monotonic() - started < 10
    assert numpy_map(slow, DATA, ONE, by="k", timeout=0.3, on_error="null")["r"].to_pylist() == [0.0, None, 0.0]


def test_a_killed_worker_is_an_error_and_the_next_call_works(numpy_map):
    with pytest.raises(WorkerDiedError, match="SIGKILL") as caught:
        numpy_map(lambda k, x: os.kill(os.getpid(), signal.SIGKILL), DATA, ONE, by="k")
    assert caught.value.group.startswith("k=")
    assert numpy_map(lambda x: x.sum(), DATA, ONE)["r"].to_pylist() == [38.0]


def test_missing_values(numpy_map):
    data = pa.table({"i": pa.array([1, None]), "x": pa.array([None, 2.0])})
    assert numpy_map(lambda x: np.isnan(x).sum(), data, ONE)["r"].to_pylist() == [1]
    with pytest.raises(MissingValueError, match=r"'i' \(int64\) has a missing value.*cast the column to double"):
        numpy_map(lambda i: 0.0, data, ONE)
    assert numpy_map(lambda i: i.sum(), data, ONE, missing="mask")["r"].to_pylist() == [1]
    nan = numpy_map(lambda x: {"r": x}, data, MANY)
    assert np.isnan(nan["r"].to_numpy()[0])
    assert nan["r"].null_count == 0
    assert numpy_map(lambda x: {"r": x}, data, MANY, nan_as_null=True)["r"].to_pylist() == [None, 2.0]


@pytest.mark.parametrize("size", [1, 100, 10**6])
def test_results_do_not_depend_on_the_size_of_batches(numpy_map, size):
    rng = np.random.default_rng(0)
    data = {"k": rng.integers(0, 50, 5000), "x": rng.random(5000)}
    expected = pd.DataFrame(data).groupby("k").x.apply(lambda x: float(np.median(x))).tolist()
    assert numpy_map(np.median, data, ONE, by="k", args={"a": "x"}, batch_bytes=size)["r"].to_pylist() == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"f": lambda z: 0, "by": "k"}, r"parameter 'z' takes column 'z', and data has no column.*k, x"),
        ({"f": lambda x: 0, "by": "nowhere"}, r"key 'nowhere'"),
        ({"f": lambda x: 0, "by": "k", "per": "row"}, r"by makes groups"),
        ({"f": lambda x: 0, "per": "batch"}, r"list of struct"),
        ({"f": lambda x: 0, "by": "k", "keep": "x"}, r"list of struct"),
        ({"f": lambda x: 0, "by": "r", "args": {"x": "x"}}, r"key 'r'"),
        ({"f": lambda x: 0, "on_error": "ignore"}, r"raise, null, column"),
        ({"f": lambda x: 0, "data": 7}, r"__arrow_c_stream__"),
        ({"f": lambda x: 0, "returns": pa.schema([])}, r"no field"),
        ({"f": lambda x: 0, "returns": pa.float64()}, r"schema or struct"),
        ({"f": lambda x: 0, "returns": pa.schema({"m": pa.map_(pa.string(), pa.int8())})}, r"cannot return"),
        ({"f": lambda x: 0, "data": {"x": np.array([1j])}}, r"column 'x' of data"),
    ],
)
def test_a_call_that_does_not_fit_is_refused(numpy_map, options, message):
    call = {"data": DATA, "returns": ONE, **options}
    with pytest.raises(ArgumentError, match=message):
        numpy_map(call.pop("f"), call.pop("data"), call.pop("returns"), **call)


def test_a_closed_pool_says_so():
    pool = beringia.Pool(1)
    pool.close()
    pool.close()
    with pytest.raises(ValueError, match="closed"):
        beringia.numpy_map(lambda x: 0.0, DATA, ONE, pool=pool)


def test_progress_is_shown_when_asked_for(numpy_map, capsys):
    numpy_map(lambda x: 0.0, DATA, ONE, by="k", progress=True)
    assert "5.00/5.00" in capsys.readouterr().err
