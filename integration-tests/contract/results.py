"""What a function may return, and what becomes of it. What does not fit is among the errors."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa

from contract.case import Case

UTC = datetime.timezone.utc
ONE = pa.table({"k": pa.array([5], pa.int32()), "x": pa.array([2.0])})
TWO = pa.schema({"a": pa.float64(), "b": pa.string()})
MANY = pa.list_(pa.struct({"a": pa.int32(), "b": pa.string()}))

Point = collections.namedtuple("Point", "b a extra")
Pair = collections.namedtuple("Pair", "first second")


@dataclasses.dataclass
class Record:
    b: str
    a: float
    more: int = 0


STRUCTURED = np.array((1.5, "one"), dtype=[("a", "f8"), ("b", "U3")])

ONE_ROW = [
    ("a tuple", lambda x: (1.5, "one")),
    ("a dict", lambda x: {"b": "one", "a": 1.5}),
    ("a namedtuple with all fields", lambda x: Point("one", 1.5, 0)),
    ("a namedtuple of other names, by position", lambda x: Pair(1.5, "one")),
    ("a dataclass", lambda x: Record("one", 1.5)),
    ("a structured scalar", lambda x: STRUCTURED[()]),
    ("a list as long as the fields", lambda x: [1.5, "one"]),
    ("NumPy scalars", lambda x: (np.float32(1.5), np.str_("one"))),
    ("0-d arrays", lambda x: (np.array(1.5), np.array("one"))),
    ("a structured 0-d array", lambda x: STRUCTURED),
    ("an object array as long as the fields", lambda x: np.array([1.5, "one"], dtype=object)),
]

DAY = datetime.date(2024, 2, 29)
NOON = datetime.datetime(2024, 2, 29, 12)
MATRIX = np.arange(6.0).reshape(2, 3)

# type, what is returned, what comes
SINGLE = [
    (pa.float64(), "a NumPy scalar", lambda x: x.sum(), 2.0),
    (pa.float64(), "an integer", lambda x: 3, 3.0),
    (pa.float64(), "a NumPy integer", lambda x: np.int8(3), 3.0),
    (pa.float64(), "NaN", lambda x: math.nan, math.nan),
    (pa.float64(), "an infinity", lambda x: -math.inf, -math.inf),
    (pa.float64(), "minus zero", lambda x: -0.0, -0.0),
    (pa.float64(), "a tuple of one", lambda x: (2.5,), 2.5),
    (pa.float64(), "a dict of one", lambda x: {"y": 2.5}, 2.5),
    (pa.float64(), "None", lambda x: None, None),
    (pa.float64(), "masked", lambda x: np.ma.masked, None),
    (pa.float64(), "a 0-d array", lambda x: np.array(2.5), 2.5),
    (pa.float32(), "a double", lambda x: 0.1, float(np.float32(0.1))),
    (pa.float16(), "a double", lambda x: 0.1, float(np.float16(0.1))),
    (pa.int32(), "an int64", lambda x: np.int64(7), 7),
    (pa.int32(), "a boolean", lambda x: True, 1),
    (pa.int8(), "its least", lambda x: -128, -128),
    (pa.int64(), "its greatest", lambda x: 2**63 - 1, 2**63 - 1),
    (pa.uint64(), "its greatest", lambda x: 2**64 - 1, 2**64 - 1),
    (pa.uint8(), "an integer", lambda x: np.int64(200), 200),
    (pa.bool_(), "a NumPy boolean", lambda x: x[0] > 1, True),
    (pa.bool_(), "a Python boolean", lambda x: False, False),
    (pa.string(), "a str", lambda x: "läng", "läng"),
    (pa.large_string(), "a str", lambda x: "läng", "läng"),
    (pa.string_view(), "a str", lambda x: "läng", "läng"),
    (pa.binary(), "bytes", lambda x: b"\x00\xff", b"\x00\xff"),
    (pa.binary(2), "bytes", lambda x: b"\x00\xff", b"\x00\xff"),
    (pa.date32(), "a datetime64", lambda x: np.datetime64("1969-12-31"), datetime.date(1969, 12, 31)),
    (pa.date32(), "a date", lambda x: DAY, DAY),
    (pa.date32(), "NaT", lambda x: np.datetime64("NaT"), None),
    (pa.timestamp("us"), "a datetime64", lambda x: np.datetime64("2024-02-29T12:00"), NOON),
    (pa.timestamp("us"), "a datetime", lambda x: NOON, NOON),
    (pa.timestamp("us"), "a timestamp of pandas", lambda x: pd.Timestamp(NOON), NOON),
    (pa.timestamp("us"), "pandas' NaT", lambda x: pd.NaT, None),
    (pa.timestamp("us"), "the time of a year", lambda x: np.datetime64("2024", "Y"), datetime.datetime(2024, 1, 1)),
    (pa.timestamp("us", "UTC"), "a datetime64", lambda x: np.datetime64("2024-02-29T12:00"), NOON.replace(tzinfo=UTC)),
    (
        pa.timestamp("us", "UTC"),
        "a datetime of another zone",
        lambda x: NOON.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
        datetime.datetime(2024, 2, 29, 10, tzinfo=UTC),
    ),
    (pa.timestamp("s"), "a datetime64", lambda x: np.datetime64("2024-02-29T12:00:00.000"), NOON),
    (pa.duration("us"), "a timedelta64", lambda x: np.timedelta64(-3, "s"), datetime.timedelta(seconds=-3)),
    (pa.duration("us"), "a timedelta of pandas", lambda x: pd.Timedelta(days=2), datetime.timedelta(days=2)),
    (pa.duration("us"), "a timedelta", lambda x: datetime.timedelta(days=2), datetime.timedelta(days=2)),
    (pa.decimal128(10, 2), "a Decimal", lambda x: Decimal("-1.5"), Decimal("-1.50")),
    (pa.decimal128(10, 2), "an integer", lambda x: 12, Decimal("12.00")),
    (pa.decimal256(70, 1), "a Decimal", lambda x: Decimal("-1.5"), Decimal("-1.5")),
    (pa.decimal32(9, 2), "a Decimal", lambda x: Decimal("-1.5"), Decimal("-1.50")),
    (pa.time32("s"), "a time", lambda x: datetime.time(1, 2, 3), datetime.time(1, 2, 3)),
    (pa.time64("us"), "a timedelta64", lambda x: np.timedelta64(3723, "s"), datetime.time(1, 2, 3)),
    (pa.date64(), "a datetime64", lambda x: np.datetime64("2024-02-29"), DAY),
    (pa.dictionary(pa.int8(), pa.string()), "a str", lambda x: "one", "one"),
    (pa.binary_view(), "bytes", lambda x: b"one", b"one"),
    (pa.list_view(pa.float64()), "an array", lambda x: np.arange(2.0), [0.0, 1.0]),
    (pa.run_end_encoded(pa.int32(), pa.string()), "a str", lambda x: "one", "one"),
    (pa.list_(pa.float64()), "an array", lambda x: np.arange(3.0), [0.0, 1.0, 2.0]),
    (pa.list_(pa.float64()), "an array of integers", lambda x: np.arange(3), [0.0, 1.0, 2.0]),
    (pa.list_(pa.float64()), "a reversed array", lambda x: np.arange(6.0)[::-2], [5.0, 3.0, 1.0]),
    (pa.list_(pa.float64()), "another byte order", lambda x: np.arange(3.0).astype(">f8"), [0.0, 1.0, 2.0]),
    (pa.list_(pa.float64()), "a list with None", lambda x: [1, None, 3], [1.0, None, 3.0]),
    (pa.list_(pa.float64()), "no items", lambda x: np.array([]), []),
    (pa.list_(pa.float64()), "a masked array", lambda x: np.ma.array([1.0, 2.0], mask=[True, False]), [None, 2.0]),
    (pa.list_(pa.float64()), "the argument itself", lambda x: x, [2.0]),
    (pa.list_(pa.float64()), "a tuple of one array", lambda x: (np.arange(2.0),), [0.0, 1.0]),
    (pa.list_(pa.float64()), "integers that doubles hold", lambda x: np.array([2**53, -(2**63), 2**62 + 2**20]), [2.0**53, -(2.0**63), 2.0**62 + 2.0**20]),
    (pa.list_(pa.float64()), "unsigned integers that doubles hold", lambda x: np.array([2**64 - 2**11], dtype="u8"), [2.0**64 - 2.0**11]),
    (pa.list_(pa.float32()), "integers that floats hold", lambda x: np.array([2**24, 2**30]), [2.0**24, 2.0**30]),
    (pa.list_(pa.float64()), "a masked array of integers", lambda x: np.ma.array([2**53 + 1, 3], mask=[True, False]), [None, 3.0]),
    (pa.list_(pa.float32()), "a masked array of doubles", lambda x: np.ma.array([1e300, 0.5], mask=[True, False]), [None, 0.5]),
    (pa.list_(pa.timestamp("us")), "times, one NaT and one masked", lambda x: np.ma.array(np.array(["2024-02-29T12", "NaT", "2024-02-29T12"], "M8[h]"), mask=[False, False, True]), [NOON, None, None]),
    (pa.list_(pa.string()), "an array of str", lambda x: np.array(["a", "bé"]), ["a", "bé"]),
    (pa.list_(pa.int64()), "an object array", lambda x: np.array([1, 2], dtype=object), [1, 2]),
    (pa.list_(pa.bool_()), "an array of booleans", lambda x: np.array([True, False]), [True, False]),
    (pa.list_(pa.date32()), "dates, one of them NaT", lambda x: np.array(["2024-02-29", "NaT"], "M8[D]"), [DAY, None]),
    (pa.list_(pa.duration("us")), "durations", lambda x: np.array([1, 2], "m8[D]"), [datetime.timedelta(1), datetime.timedelta(2)]),
    (pa.list_(pa.list_(pa.int32())), "a transposed matrix", lambda x: np.arange(4).reshape(2, 2).T, [[0, 2], [1, 3]]),
    (pa.list_(pa.list_(pa.float64())), "a Fortran-ordered matrix", lambda x: np.asfortranarray(MATRIX), MATRIX.tolist()),
    (pa.list_(pa.list_(pa.int32())), "ragged lists", lambda x: [[1], [], [2, 3]], [[1], [], [2, 3]]),
    (pa.list_(pa.list_(pa.list_(pa.int8()))), "a cube", lambda x: np.arange(8).reshape(2, 2, 2), np.arange(8).reshape(2, 2, 2).tolist()),
    (pa.list_(pa.float64(), 2), "an array of its length", lambda x: np.arange(2.0), [0.0, 1.0]),
    (pa.struct({"p": pa.int32(), "q": pa.string()}), "a dict", lambda x: {"y": {"q": "b", "p": 1}}, {"p": 1, "q": "b"}),
    (pa.struct({"p": pa.int32(), "q": pa.string()}), "a tuple", lambda x: ((1, "b"),), {"p": 1, "q": "b"}),
    (pa.list_(pa.struct({"p": pa.int32(), "q": pa.string()})), "structs in parts", lambda x: {"y": {"p": np.arange(2), "q": ["a", None]}}, [{"p": 0, "q": "a"}, {"p": 1, "q": None}]),
    (pa.list_(pa.struct({"p": pa.int32(), "q": pa.string()})), "structs in parts, one for all", lambda x: {"y": {"p": np.arange(2), "q": "a"}}, [{"p": 0, "q": "a"}, {"p": 1, "q": "a"}]),
    (pa.list_(pa.struct({"p": pa.int32()})), "dicts in a list", lambda x: [{"p": 1}, None], [{"p": 1}, None]),
]  # fmt: skip

MANY_ROWS = [
    ("a dict of arrays", lambda x: {"a": np.arange(2), "b": np.array(["p", "q"])}),
    ("a tuple of arrays", lambda x: (np.arange(2), ["p", "q"])),
    ("a structured array", lambda x: np.array([(0, "p"), (1, "q")], dtype=[("a", "i4"), ("b", "U1")])),
    ("a list of tuples", lambda x: [(0, "p"), (1, "q")]),
    ("a list of dicts", lambda x: [{"a": 0, "b": "p"}, {"b": "q", "a": 1}]),
    ("a list of other forms", lambda x: [Point("p", 0, None), Record("q", 1)]),
    ("an object matrix", lambda x: np.array([[0, "p"], [1, "q"]], dtype=object)),
]

NOTHING = [
    ("None", lambda x: None),
    ("an empty list", lambda x: []),
    ("a dict of empty arrays", lambda x: {"a": [], "b": []}),
    ("an empty matrix", lambda x: np.empty((0, 2))),
]


POINT = pa.struct({"p": pa.float64(), "q": pa.string()})
STRUCTS = [{"p": 1.0, "q": "a"}, None, {"p": None, "q": None}]
NESTED = [[{"p": 1.0, "q": "a"}, None], None, []]
COLUMNS = pa.table({"k": pa.array([5] * 3, pa.int32()), "t": pa.array([0, 1, 2], pa.int32()), "s": pa.array(STRUCTS, POINT), "v": pa.array(NESTED, pa.list_(POINT)), "w": pa.array([STRUCTS[:2]] * 3, pa.list_(POINT))})  # fmt: skip
IN_ORDER = {"order_by": ["t"], "missing": "mask"}

STRUCT_COLUMNS = [
    Case("a column of structs comes back", lambda s: (s,), COLUMNS, pa.list_(pa.struct({"y": POINT})), [(5, s) for s in STRUCTS], options=IN_ORDER),
    Case("a column of lists of structs comes back", lambda v: (v,), COLUMNS, pa.list_(pa.struct({"y": pa.list_(POINT)})), [(5, v) for v in NESTED], options=IN_ORDER),
    Case("a column of equally long lists of structs comes back", lambda w: (w,), COLUMNS, pa.list_(pa.struct({"y": pa.list_(POINT)})), [(5, STRUCTS[:2])] * 3, options=IN_ORDER),
    Case("a column of structs comes back as one list", lambda s: (s,), COLUMNS, pa.schema({"y": pa.list_(POINT)}), [(5, STRUCTS)], options=IN_ORDER),
    Case("structs in a struct come back", lambda s: ({"a": s, "b": np.arange(3)},), COLUMNS, pa.list_(pa.struct({"y": pa.struct({"a": POINT, "b": pa.int64()})})), [(5, {"a": s, "b": b}) for b, s in enumerate(STRUCTS)], options=IN_ORDER),
    Case("parts of structs may be changed", lambda t: ({"p": t / 2, "q": "a"},), COLUMNS, pa.list_(pa.struct({"y": POINT})), [(5, {"p": t / 2, "q": "a"}) for t in range(3)], options=IN_ORDER),
    Case("one struct is repeated", lambda t: (t, {"p": 0.5, "q": "a"}), COLUMNS, pa.list_(pa.struct({"x": pa.int32(), "y": POINT})), [(5, t, {"p": 0.5, "q": "a"}) for t in range(3)], options=IN_ORDER),
]  # fmt: skip


def one_of(kind):
    return pa.list_(pa.struct({"y": kind}))


CASES = [
    *(Case(f"one row: {form}", f, ONE, TWO, [(5, 1.5, "one")]) for form, f in ONE_ROW),
    *(Case(f"one field, {kind}: {form}", f, ONE, pa.schema({"y": kind}), [(5, y)]) for kind, form, f, y in SINGLE),
    *(Case(f"many rows: {form}", f, ONE, MANY, [(5, 0, "p"), (5, 1, "q")]) for form, f in MANY_ROWS),
    *(Case(f"no row: {form}", f, ONE, MANY, []) for form, f in NOTHING),
    *STRUCT_COLUMNS,
    Case("None is a row of nulls", lambda x: None, ONE, TWO, [(5, None, None)]),
    Case(
        "an array as long as the fields",
        lambda x: np.array([1.0, 2.0]),
        ONE,
        pa.schema({"a": pa.float64(), "b": pa.float64()}),
        [(5, 1.0, 2.0)],
    ),
    Case(
        "a scalar among arrays is repeated",
        lambda x: {"a": np.arange(3), "b": "p"},
        ONE,
        MANY,
        [(5, 0, "p"), (5, 1, "p"), (5, 2, "p")],
    ),
    Case("scalars alone are one row", lambda x: {"a": 1, "b": "p"}, ONE, MANY, [(5, 1, "p")]),
    Case("the first axis of a single field is rows", lambda x: np.arange(2), ONE, one_of(pa.int32()), [(5, 0), (5, 1)]),
    Case(
        "a matrix of one column is the column", lambda x: MATRIX[:, :1], ONE, one_of(pa.float64()), [(5, 0.0), (5, 3.0)]
    ),
    Case(
        "a matrix of one column for arrays is rows of one item",
        lambda x: MATRIX[:, :1],
        ONE,
        one_of(pa.list_(pa.float64())),
        [(5, [0.0]), (5, [3.0])],
    ),
    Case(
        "rows that are arrays",
        lambda x: MATRIX,
        ONE,
        one_of(pa.list_(pa.float64())),
        [(5, [0.0, 1.0, 2.0]), (5, [3.0, 4.0, 5.0])],
    ),
    Case("a None among rows is a row of nulls", lambda x: [None, (1, "p")], ONE, MANY, [(5, None, None), (5, 1, "p")]),
    Case(
        "a matrix whose columns are the fields",
        lambda x: np.array([[1.0, 2.0], [3.0, 4.0]]),
        ONE,
        pa.list_(pa.struct({"a": pa.float64(), "b": pa.float64()})),
        [(5, 1.0, 2.0), (5, 3.0, 4.0)],
    ),
]
