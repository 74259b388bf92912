"""Results that are no ndarrays and carry their values by a protocol: pandas, polars, Arrow, ``__array__``, ``__dlpack__``."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from beringia.errors import ResultError
from contract.case import Case, Fails

ONE = pa.table({"k": pa.array([5], pa.int32()), "x": pa.array([2.0])})
F8, I4, I8, TEXT = pa.float64(), pa.int32(), pa.int64(), pa.string()
MANY = pa.list_(pa.struct({"a": I4, "b": TEXT}))
PAIR = pa.schema({"a": F8, "b": F8})
NOON = datetime.datetime(2024, 2, 29, 12)
DAY = NOON.date()
UTC = datetime.timezone.utc


class Tensor:
    """What a library has that gives an array of its values when it is asked."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return self.values


class Exchanged:
    """What has its values in memory of the CPU, for other libraries."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


class Elsewhere:
    """What has its values where NumPy cannot read them."""

    def __dlpack__(self, **options):
        raise BufferError("not on this device")

    def __dlpack_device__(self):
        return 2, 0


# type, what is returned, what comes
VALUES = [
    (pa.list_(F8), "a series of pandas", lambda x: pd.Series([1.5, 2.5]), [1.5, 2.5]),
    (pa.list_(F8), "a series of pandas, one missing", lambda x: pd.Series([1.5, None]), [1.5, None]),
    (pa.list_(I8), "nullable integers of pandas", lambda x: pd.Series([2**53 + 1, None], dtype="Int64"), [2**53 + 1, None]),
    (pa.list_(pa.bool_()), "nullable booleans of pandas", lambda x: pd.Series([True, None], dtype="boolean"), [True, None]),
    (pa.list_(TEXT), "strings of pandas", lambda x: pd.Series(["a", None], dtype="string"), ["a", None]),
    (pa.list_(TEXT), "categories of pandas", lambda x: pd.Series(["a", "b", None], dtype="category"), ["a", "b", None]),
    (pa.list_(pa.timestamp("us")), "times of pandas", lambda x: pd.Series([pd.Timestamp(NOON), pd.NaT]), [NOON, None]),
    (pa.list_(pa.timestamp("us", "UTC")), "instants of pandas", lambda x: pd.Series([pd.Timestamp(NOON, tz="Asia/Tokyo")]), [datetime.datetime(2024, 2, 29, 3, tzinfo=UTC)]),
    (pa.list_(I8), "an index of pandas", lambda x: pd.Index([3, 4]), [3, 4]),
    (pa.list_(F8), "a series of polars", lambda x: pl.Series([1.5, None]), [1.5, None]),
    (pa.list_(I8), "integers of polars, one missing", lambda x: pl.Series([2**53 + 1, None]), [2**53 + 1, None]),
    (pa.list_(TEXT), "strings of polars", lambda x: pl.Series(["a", None]), ["a", None]),
    (pa.list_(TEXT), "categories of polars", lambda x: pl.Series(["a", None], dtype=pl.Categorical), ["a", None]),
    (pa.list_(pa.date32()), "dates of polars", lambda x: pl.Series([DAY, None]), [DAY, None]),
    (pa.list_(pa.timestamp("us", "UTC")), "instants of polars", lambda x: pl.Series([NOON]).dt.replace_time_zone("Asia/Tokyo"), [datetime.datetime(2024, 2, 29, 3, tzinfo=UTC)]),
    (pa.list_(pa.list_(I4)), "lists of polars", lambda x: pl.Series([[1, None], None, []], dtype=pl.List(pl.Int32)), [[1, None], None, []]),
    (pa.list_(F8), "an array of Arrow", lambda x: pa.array([1.5, None]), [1.5, None]),
    (pa.list_(F8), "chunks of Arrow", lambda x: pa.chunked_array([[1.5], [2.5]]), [1.5, 2.5]),
    (pa.list_(pa.bool_()), "booleans of Arrow", lambda x: pa.array([True, None, False])[1:], [None, False]),
    (pa.list_(TEXT), "a dictionary of Arrow", lambda x: pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
    (pa.list_(pa.binary()), "bytes of Arrow", lambda x: pa.array([b"ab", None], pa.binary(2)), [b"ab", None]),
    (pa.list_(pa.decimal128(10, 2)), "decimals of Arrow", lambda x: pa.array([1, None]).cast(pa.decimal128(20, 1)), [1, None]),
    (pa.list_(pa.duration("us")), "durations of Arrow", lambda x: pa.array([3, None], pa.duration("s")), [datetime.timedelta(seconds=3), None]),
    (pa.list_(pa.list_(F8)), "lists of Arrow", lambda x: pa.array([[1.0], [2.0, 3.0], None])[1:], [[2.0, 3.0], None]),
    (pa.list_(pa.list_(F8)), "lists of one length of Arrow", lambda x: pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(F8, 2)), [[1.0, 2.0], [3.0, 4.0]]),
    (pa.list_(F8), "an __array__", lambda x: Tensor([1.5, 2.5]), [1.5, 2.5]),
    (pa.list_(pa.list_(F8)), "an __array__ of two axes", lambda x: Tensor([[1.5], [2.5]]), [[1.5], [2.5]]),
    (pa.list_(F8), "a __dlpack__", lambda x: Exchanged([1.5, 2.5]), [1.5, 2.5]),
    (pa.list_(pa.list_(F8)), "several of them in a list", lambda x: [pd.Series([1.0]), pl.Series([2.0]), Tensor([3.0])], [[1.0], [2.0], [3.0]]),
    (F8, "an __array__ without axes", lambda x: Tensor(1.5), 1.5),
    (I4, "a __dlpack__ without axes", lambda x: Exchanged(3), 3),
    (F8, "NA of pandas", lambda x: pd.NA, None),
    (pa.list_(F8), "a list with NA of pandas", lambda x: [1.0, pd.NA], [1.0, None]),
]  # fmt: skip

ROWS = [
    ("a frame of pandas", lambda x: pd.DataFrame({"b": ["p", "q"], "a": [0, 1]})),
    ("a frame of polars", lambda x: pl.DataFrame({"b": ["p", "q"], "a": [0, 1]})),
    ("a table of Arrow", lambda x: pa.table({"b": ["p", "q"], "a": [0, 1]})),
    ("a batch of Arrow", lambda x: pa.record_batch({"b": ["p", "q"], "a": [0, 1]})),
    ("structs of Arrow", lambda x: pa.array([{"b": "p", "a": 0}, {"b": "q", "a": 1}])),
    ("a dict of series", lambda x: {"a": pl.Series([0, 1]), "b": pd.Series(["p", "q"])}),
    ("a tuple of array-likes", lambda x: (Tensor([0, 1]), pa.array(["p", "q"]))),
    ("a list of series with labels", lambda x: [pd.Series({"b": "p", "a": 0}), pd.Series({"a": 1, "b": "q"})]),
]


def misfit(name, f, returns, *words):
    return Case(f"a misfit: {name}", f, ONE, returns, error=Fails(ResultError, words, "k=5"))


def field(kind):
    return pa.schema({"y": kind})


MISFITS = [
    misfit("floats of a series for integers", lambda x: pd.Series([1.0]), field(pa.list_(I4)), ("field 'y': expected ", pa.list_(I4), ", got an ndarray of dtype float64, of a Series")),
    misfit("an integer of a series that a double cannot hold", lambda x: pl.Series([2**53 + 1]), field(pa.list_(F8)), "9007199254740993"),
    misfit("a series for a number", lambda x: pd.Series([1.0]), field(F8), ("field 'y': expected ", F8), "of a Series"),
    misfit("instants for times", lambda x: pl.Series([NOON]).dt.replace_time_zone("UTC"), field(pa.list_(pa.timestamp("us"))), "field 'y'", "with a time zone"),
    misfit("values that are elsewhere", lambda x: Elsewhere(), field(pa.list_(F8)), "got Elsewhere, whose values cannot be read"),
    misfit("values of an unknown type", lambda x: pa.array([{"a": 1}]).cast(pa.struct({"a": I4})), field(pa.list_(F8)), "field"),
    misfit("a frame without a field", lambda x: pd.DataFrame({"a": [1]}), MANY, "without 'b', of a DataFrame"),
    misfit("a frame with more", lambda x: pl.DataFrame({"a": [1], "b": ["p"], "c": [1]}), MANY, "unknown key 'c', of a DataFrame"),
    misfit("a frame with a column twice", lambda x: pd.DataFrame([[1, 2]], columns=["a", "a"]), MANY, "two columns named 'a'"),
    misfit("series of different lengths", lambda x: {"a": pd.Series([1]), "b": pl.Series(["p", "q"])}, MANY, "differ in length: 'a' has 1 rows, 'b' has 2"),
]  # fmt: skip

CASES = [
    *(Case(f"one field, {kind}: {form}", f, ONE, pa.schema({"y": kind}), [(5, y)]) for kind, form, f, y in VALUES),
    *(Case(f"many rows: {form}", f, ONE, MANY, [(5, 0, "p"), (5, 1, "q")]) for form, f in ROWS),
    Case(
        "rows of a series",
        lambda x: pd.Series([1.5, None]),
        ONE,
        pa.list_(pa.struct({"y": F8})),
        [(5, 1.5), (5, None)],
    ),
    Case("no rows of a frame", lambda x: pd.DataFrame({"a": [], "b": []}), ONE, MANY, []),
    Case("a scalar beside a series is repeated", lambda x: (pl.Series([1, 2]), "p"), ONE, MANY, [(5, 1, "p"), (5, 2, "p")]),
    Case("a row by labels", lambda x: pd.DataFrame({"b": [1.0, 2.0], "a": [3.0, 5.0]}).mean(), ONE, PAIR, [(5, 4.0, 1.5)]),
    Case("a row without labels", lambda x: pd.Series([1.0, 2.0]), ONE, PAIR, [(5, 1.0, 2.0)]),
    Case("a row of an __array__", lambda x: Tensor([1.0, 2.0]), ONE, PAIR, [(5, 1.0, 2.0)]),
    Case(
        "a frame is a row of arrays",
        lambda x: pl.DataFrame({"v": [1.0, 2.0], "w": ["p", "q"]}),
        ONE,
        pa.schema({"v": pa.list_(F8), "w": pa.list_(TEXT)}),
        [(5, [1.0, 2.0], ["p", "q"])],
    ),
    *MISFITS,
]  # fmt: skip
