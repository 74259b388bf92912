"""What a column is seen as: dtype, shape, values; as a group's rows, as a row's value, as a key."""

from __future__ import annotations

import datetime
import functools
from decimal import Context, Decimal

import numpy as np
import pyarrow as pa

from contract.case import Case

SEEN = pa.schema({"seen": pa.string()})
UTC = datetime.timezone.utc


def show(x):
    """A value as text: that of an array with dtype and shape, that of a NumPy scalar with its dtype."""
    if isinstance(x, np.ma.MaskedArray):
        return f"masked {show(x.filled(x.dtype.type(0)))} {np.ma.getmaskarray(x).tolist()}"
    if isinstance(x, np.ndarray) and x.dtype == object:
        return f"object{list(x.shape)} [{', '.join(show(item) for item in x.ravel())}]"
    if isinstance(x, np.ndarray):
        return f"{x.dtype}{list(x.shape)} {x.tolist()}"
    if isinstance(x, np.generic):
        return f"{x.dtype} {x.item()!r}"
    if isinstance(x, dict):
        return f"{{{', '.join(f'{name}: {show(value)}' for name, value in x.items())}}}"
    return repr(x)


def writable(x):
    """Whether any array in an argument can be written to."""
    if isinstance(x, dict):
        return any(writable(value) for value in x.values())
    if not isinstance(x, np.ndarray):
        return False
    return x.flags.writeable or (x.dtype == object and any(writable(item) for item in x.ravel()))


def see(x):
    """An argument as text; none may be written to, whatever its type and whatever is missing."""
    return show(x) + (" writable" if writable(x) else "")


def see_key(x, n):
    return show(x) + f" of {n.size}"


def at(*values):
    return [datetime.datetime.fromisoformat(value) for value in values]


def times(*values):
    return [datetime.time.fromisoformat(value) for value in values]


def utc(*values):
    return [value.replace(tzinfo=UTC) for value in at(*values)]


# name, type, three values, as an array
PLAIN = [
    ("bool", pa.bool_(), [True, False, True], "bool"),
    ("int8", pa.int8(), [-128, 0, 127], "int8"),
    ("int16", pa.int16(), [-(2**15), 0, 2**15 - 1], "int16"),
    ("int32", pa.int32(), [-(2**31), 0, 2**31 - 1], "int32"),
    ("int64", pa.int64(), [-(2**63), 0, 2**63 - 1], "int64"),
    ("uint8", pa.uint8(), [0, 1, 255], "uint8"),
    ("uint16", pa.uint16(), [0, 1, 2**16 - 1], "uint16"),
    ("uint32", pa.uint32(), [0, 1, 2**32 - 1], "uint32"),
    ("uint64", pa.uint64(), [0, 1, 2**64 - 1], "uint64"),
    ("float16", pa.float16(), [0.5, -2.0, 65504.0], "float16"),
    ("float32", pa.float32(), [0.5, -1.25, 3e38], "float32"),
    ("float64", pa.float64(), [0.1, -1e300, 5e-324], "float64"),
    ("date32", pa.date32(), [datetime.date(1969, 12, 31), datetime.date(1970, 1, 1), datetime.date(9999, 12, 31)], "M8[D]"),
    ("timestamp", pa.timestamp("us", "UTC"), utc("1969-12-31T23:59:59.999999", "1970-01-01", "2024-02-29T01:02:03"), "M8[us]"),
    ("timestamp without zone", pa.timestamp("us"), at("1969-12-31T23:59:59.999999", "1970-01-01", "2024-02-29T01:02:03"), "M8[us]"),
    ("timestamp of seconds", pa.timestamp("s", "America/New_York"), utc("1969-12-31T23:59:59", "1970-01-01", "2024-02-29T01:02:03"), "M8[s]"),
    ("timestamp of milliseconds", pa.timestamp("ms"), at("1969-12-31T23:59:59.999", "1970-01-01", "2024-02-29T01:02:03"), "M8[ms]"),
    ("timestamp of nanoseconds", pa.timestamp("ns"), at("1969-12-31T23:59:59", "1970-01-01", "2024-02-29T01:02:03"), "M8[ns]"),
    ("duration", pa.duration("us"), [datetime.timedelta(microseconds=-1), datetime.timedelta(0), datetime.timedelta(days=3)], "m8[us]"),
    ("duration of seconds", pa.duration("s"), [datetime.timedelta(seconds=-1), datetime.timedelta(0), datetime.timedelta(days=3)], "m8[s]"),
    ("decimal", pa.decimal128(20, 3), [Decimal("-1.250"), Decimal("0.000"), Decimal("99999999999999999.999")], "O"),
    ("wide decimal", pa.decimal128(38, 0), [Decimal(10**37), Decimal(0), Decimal(-(10**37))], "O"),
    ("string", pa.string(), ["", "ä\0b", "z" * 20], "O"),
    ("large string", pa.large_string(), ["", "ä\0b", "z" * 20], "O"),
    ("binary", pa.binary(), [b"", b"\x00\xff", b"z" * 20], "O"),
    ("large binary", pa.large_binary(), [b"", b"\x00\xff", b"z" * 20], "O"),
    ("fixed-size binary", pa.binary(2), [b"ab", b"\x00\xff", b"zz"], "O"),
    ("string view", pa.string_view(), ["", "ä\0b", "z" * 20], "O"),
    ("binary view", pa.binary_view(), [b"", b"\x00\xff", b"z" * 20], "O"),
    ("dictionary of strings", pa.dictionary(pa.int8(), pa.string()), ["p", "q", "r"], "O"),
    ("dictionary of numbers", pa.dictionary(pa.int8(), pa.float64()), [0.5, 1.5, 2.5], "f8"),
    ("date64", pa.date64(), [datetime.date(1969, 12, 31), datetime.date(1970, 1, 1), datetime.date(9999, 12, 31)], "M8[D]"),
    ("time of seconds", pa.time32("s"), times("00:00:00", "01:02:03", "23:59:59"), "m8[s]"),
    ("time of milliseconds", pa.time32("ms"), times("00:00:00", "01:02:03.004", "23:59:59.999"), "m8[ms]"),
    ("time of microseconds", pa.time64("us"), times("00:00:00", "01:02:03.000004", "23:59:59.999999"), "m8[us]"),
    ("decimal of 9 digits", pa.decimal32(9, 2), [Decimal("-1.25"), Decimal("0.00"), Decimal("9999999.99")], "O"),
    ("decimal of 70 digits", pa.decimal256(70, 1), [Decimal("-1.5"), Decimal("0.0"), Decimal(10**68).quantize(Decimal("0.1"), context=Context(80))], "O"),
]  # fmt: skip


def array_of(values, dtype):
    if dtype.startswith("M8"):
        values = [value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value for value in values]
    if isinstance(values[0], datetime.time):
        values = [datetime.datetime.combine(datetime.date.min, value) - datetime.datetime.min for value in values]
    array = np.empty(len(values), dtype)
    array[:] = values
    return array


def of_type(name, kind, values, dtype):
    """A type as a column, as the value of a row, and as a key."""
    array = array_of(values, dtype)
    column = pa.array(values, kind)
    ones = pa.table({"k": pa.array([1, 1, 1], pa.int32()), "t": pa.array([0, 1, 2], pa.int32()), "x": column})
    yield Case(f"a column of {name}", see, ones, SEEN, [(1, show(array))], options={"order_by": ["t"]})
    items = [values[i] if dtype == "O" else array[i] for i in range(3)]
    yield Case(
        f"a row's value of {name}", see, ones, SEEN, [(show(item),) for item in items], by=None, options={"per": "row"}
    )
    keyed = pa.table({"x": pa.concat_arrays([column[1:], column[1:], pa.nulls(2, kind)]), "n": pa.array([0] * 6)})
    groups = [(value, show(item) + " of 2") for value, item in zip(column.to_pylist()[1:], items[1:], strict=True)]
    yield Case(f"a key of {name}, null among them", see_key, keyed, SEEN, [*groups, (None, "None of 2")], by=("x",))


def nested(name, kind, values, seen):
    """A column of one group, in order."""
    n = len(values)
    data = pa.table(
        {"k": pa.array([1] * n, pa.int32()), "t": pa.array(range(n), pa.int32()), "x": pa.array(values, kind)}
    )
    return Case(name, see, data, SEEN, [(1, seen)], options={"order_by": ["t"]})


def list_of(kind, depth=1):
    for _ in range(depth):
        kind = pa.list_(kind)
    return kind


F8, I4 = pa.float64(), pa.int32()
CUBE = np.arange(12.0).reshape(2, 3, 2)

NESTED = [
    nested("lists of one length are a matrix", list_of(F8), [[1.0, 2.0], [3.0, 4.0]], "float64[2, 2] [[1.0, 2.0], [3.0, 4.0]]"),
    nested("ragged lists are an object array of views", list_of(I4), [[1, 2], [], [5]], "object[3] [int32[2] [1, 2], int32[0] [], int32[1] [5]]"),
    nested("empty lists are a matrix without columns", list_of(F8), [[], []], "float64[2, 0] [[], []]"),
    nested("a missing list is None among equal ones too", list_of(F8), [[1.0, 2.0], None], "object[2] [float64[2] [1.0, 2.0], None]"),
    nested("missing lists alone are None too", list_of(F8), [None, None], "object[2] [None, None]"),
    nested("a missing list is None among ragged ones", list_of(F8), [[1.0], None, [2.0, 3.0]], "object[3] [float64[1] [1.0], None, float64[2] [2.0, 3.0]]"),
    nested("a missing list of integers is None", list_of(I4), [[1, 2], None], "object[2] [int32[2] [1, 2], None]"),
    nested("a missing value in a list is NaN", list_of(F8), [[1.0, None], [3.0, 4.0]], "float64[2, 2] [[1.0, nan], [3.0, 4.0]]"),
    nested("lists of strings", list_of(pa.string()), [["a", "b"], ["c", None]], "object[2] [object[2] ['a', 'b'], object[2] ['c', None]]"),
    nested("lists of booleans", list_of(pa.bool_()), [[True, False], [False, True]], "bool[2, 2] [[True, False], [False, True]]"),
    nested("lists of lists of one shape are a cube", list_of(F8, 2), CUBE.tolist(), show(CUBE)),
    nested("raggedness nests", list_of(I4, 2), [[[1], [2, 3]], [[4]]], "object[2] [object[2] [int32[1] [1], int32[2] [2, 3]], int32[1, 1] [[4]]]"),
    nested("lists of lists of lists", list_of(I4, 3), np.arange(8).reshape(1, 2, 2, 2).tolist(), show(np.arange(8, dtype="i4").reshape(1, 2, 2, 2))),
    nested("a struct is a dict of its fields", pa.struct({"a": I4, "b": pa.string()}), [{"a": 1, "b": "x"}, {"a": 2, "b": None}], "{a: int32[2] [1, 2], b: object[2] ['x', None]}"),
    nested("fields of a missing struct are missing", pa.struct({"a": F8, "b": pa.string()}), [{"a": 1.0, "b": "x"}, None], "{a: float64[2] [1.0, nan], b: object[2] ['x', None]}"),
    nested("a struct within a struct", pa.struct({"a": pa.struct({"b": F8})}), [{"a": {"b": 1.0}}, {"a": {"b": 2.0}}], "{a: {b: float64[2] [1.0, 2.0]}}"),
    nested("a struct with lists", pa.struct({"a": list_of(F8)}), [{"a": [1.0]}, {"a": [2.0]}], "{a: float64[2, 1] [[1.0], [2.0]]}"),
    nested("fixed-size lists are a matrix", pa.list_(F8, 2), [[1.0, 2.0], [3.0, 4.0]], "float64[2, 2] [[1.0, 2.0], [3.0, 4.0]]"),
    nested("list views", pa.list_view(F8), [[1.0, 2.0], None, [3.0]], "object[3] [float64[2] [1.0, 2.0], None, float64[1] [3.0]]"),
    nested("lists of dictionaries", pa.list_(pa.dictionary(pa.int8(), pa.string())), [["a", "b"], ["c"]], "object[2] [object[2] ['a', 'b'], object[1] ['c']]"),
    nested("large lists", pa.large_list(F8), [[1.0, 2.0], [3.0]], "object[2] [float64[2] [1.0, 2.0], float64[1] [3.0]]"),
]  # fmt: skip

MISSING = [
    nested("a missing float is NaN", F8, [1.0, None], "float64[2] [1.0, nan]"),
    nested("a missing float32 is NaN", pa.float32(), [1.0, None], "float32[2] [1.0, nan]"),
    nested("a missing date is NaT", pa.date32(), [datetime.date(2024, 1, 1), None], "datetime64[D][2] [datetime.date(2024, 1, 1), None]"),
    nested("a missing timestamp is NaT", pa.timestamp("us", "UTC"), [*utc("2024-01-01"), None], "datetime64[us][2] [datetime.datetime(2024, 1, 1, 0, 0), None]"),
    nested("a missing duration is NaT", pa.duration("us"), [datetime.timedelta(1), None], "timedelta64[us][2] [datetime.timedelta(days=1), None]"),
    nested("a missing string is None", pa.string(), ["a", None], "object[2] ['a', None]"),
    nested("a missing decimal is None", pa.decimal128(10, 2), [Decimal("1.50"), None], "object[2] [Decimal('1.50'), None]"),
    nested("a column of the type null", pa.null(), [None, None], "object[2] [None, None]"),
    nested("a missing time of day is NaT", pa.time64("us"), [datetime.time(1), None], "timedelta64[us][2] [datetime.timedelta(seconds=3600), None]"),
    nested("all values may be missing", F8, [None, None], "float64[2] [nan, nan]"),
]  # fmt: skip

PAIRS = pa.table({"k": pa.array([1, 1, 2], I4), "x": pa.array([1.0, 2.0, 5.0]), "y": pa.array([10.0, 20.0, 50.0])})
NUMBER = pa.schema({"r": F8})


class Scale:
    """A callable with a method to bind."""

    def __call__(self, x):
        return 2 * x.sum()

    def by_three(self, x):
        return 3 * x.sum()


def default(x, y=None, *, z=7):
    return x.sum() + (0 if y is None else y.sum()) + z


def anything(x, *more, **named):
    return x.sum() + len(more) + sum(value.sum() for value in named.values())


SIGNATURES = [
    Case("a required parameter takes the column of its name", lambda x: x.sum(), PAIRS, NUMBER, [(1, 3.0), (2, 5.0)]),
    Case("a parameter with a default keeps it", default, PAIRS, NUMBER, [(1, 10.0), (2, 12.0)]),
    Case("args gives a parameter another column", default, PAIRS, NUMBER, [(1, 40.0), (2, 62.0)], options={"args": {"y": "y"}}),
    Case("variadic parameters collect nothing", anything, PAIRS, NUMBER, [(1, 3.0), (2, 5.0)]),
    Case("unknown names go to **kwargs", anything, PAIRS, NUMBER, [(1, 33.0), (2, 55.0)], options={"args": {"w": "y"}}),
    Case("a list goes by position", max, PAIRS, NUMBER, [(1, 2.0), (2, 5.0)], options={"args": ["x"]}),
    Case("a list for a ufunc", np.add, PAIRS, pa.list_(pa.struct({"r": F8})), [(1, 11.0), (1, 22.0), (2, 55.0)], options={"args": ["x", "y"], "order_by": ["x"]}),
    Case("a list for *args alone", lambda *columns: float(len(columns)), PAIRS, NUMBER, [(1, 3.0), (2, 3.0)], options={"args": ["x", "y", "x"]}),
    Case("a function without parameters is called once per group", lambda: 7.0, PAIRS, NUMBER, [(1, 7.0), (2, 7.0)]),
    Case("a partial", functools.partial(np.percentile, q=50), PAIRS, NUMBER, [(1, 1.5), (2, 5.0)], options={"args": {"a": "x"}}),
    Case("a callable object", Scale(), PAIRS, NUMBER, [(1, 6.0), (2, 10.0)]),
    Case("a bound method", Scale().by_three, PAIRS, NUMBER, [(1, 9.0), (2, 15.0)]),
    Case("one column for two parameters", lambda x, y: (x * y).sum(), PAIRS, NUMBER, [(1, 5.0), (2, 25.0)], options={"args": {"y": "x"}}),
    Case("a key is a scalar argument", lambda k, x: k + x.sum(), PAIRS, NUMBER, [(1, 4.0), (2, 7.0)]),
    Case("a key under another name", lambda g, x: g * x.sum(), PAIRS, NUMBER, [(1, 3.0), (2, 10.0)], options={"args": {"g": "k"}}),
    Case("arguments are read-only views, or copies", lambda x: float(x.flags.owndata or x.flags.writeable), PAIRS, NUMBER, [(1, 0.0), (2, 0.0)]),
]  # fmt: skip

TENSORS = pa.table(
    {
        "k": pa.array([1, 1, 2], I4),
        "m": pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(18.0).reshape(3, 2, 3)),
        "r": pa.chunked_array([pa.RunEndEncodedArray.from_arrays([2, 3], pa.array(["a", "b"]))]),
    }
)

OTHERS = [
    Case("fixed-shape tensors keep their shape", lambda m: show(m), TENSORS, SEEN, [(1, show(np.arange(12.0).reshape(2, 2, 3))), (2, show(np.arange(12.0, 18).reshape(1, 2, 3)))]),
    Case("a row's tensor", lambda m: show(m), TENSORS.slice(2), SEEN, [(show(np.arange(12.0, 18).reshape(2, 3)),)], by=None, options={"per": "row"}),
    Case("tensors come back", lambda m: m.sum(axis=0), TENSORS.select(["k", "m"]), pa.schema({"y": pa.fixed_shape_tensor(F8, [2, 3])}), [(1, np.arange(6.0, 18.0, 2).reshape(2, 3)), (2, np.arange(12.0, 18).reshape(2, 3))]),
    Case("runs are values", lambda r: show(r), TENSORS.select(["k", "r"]), SEEN, [(1, "object[2] ['a', 'a']"), (2, "object[1] ['b']")]),
]  # fmt: skip

CASES = [*OTHERS, *(case for each in PLAIN for case in of_type(*each)), *NESTED, *MISSING, *SIGNATURES]
