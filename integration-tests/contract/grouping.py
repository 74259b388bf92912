"""Which rows make a group, and that no row is no call."""

from __future__ import annotations

import pyarrow as pa

from beringia.errors import GroupError
from contract.case import Case, Fails

NUMBER = pa.schema({"n": pa.int32()})


def count(x):
    return x.size


def table(rows, **keys):
    return pa.table({**keys, "x": pa.array(range(rows), pa.int32())})


PLACE = pa.struct({"n": pa.int32(), "at": pa.struct({"x": pa.float64(), "s": pa.string()})})
NAN = float("nan")


def place(n, x, s):
    return {"n": n, "at": {"x": x, "s": s}}


PLACES = table(6, k=pa.array([place(1, NAN, "p"), place(1, 2.0, None), None, place(1, -NAN, "p"), place(1, 2.0, None), {"n": None, "at": None}], PLACE))  # fmt: skip


def seen(k):
    return "nothing" if k is None else f"{k['n']}, {k['at'] and k['at']['s']}"


def fails(k, x):
    return 1 // 0


STRINGS = ["é", "e\u0301", "E", "é", "", None, "e\0", "e"]

CASES = [
    Case(
        "several keys, nulls among them",
        count,
        table(6, a=pa.array([1, 1, 1, None, None, 2]), b=pa.array(["p", "q", "p", None, None, None])),
        NUMBER,
        [(1, "p", 2), (1, "q", 1), (None, None, 2), (2, None, 1)],
        by=("a", "b"),
    ),
    Case(
        "NaN is one key",
        count,
        table(3, k=pa.array([float("nan"), -float("nan"), 1.0])),
        NUMBER,
        [(float("nan"), 2), (1.0, 1)],
    ),
    *(Case(f"zero is one key, of {kind}", count, table(4, k=pa.array([-0.0, 0.0, 1.0, -0.0], kind)), NUMBER, [(0.0, 3), (1.0, 1)]) for kind in (pa.float32(), pa.float64(), pa.float16())),
    Case("zero is one key in structs too", count, table(3, k=pa.array([{"a": -0.0}, {"a": 0.0}, None], pa.struct({"a": pa.float64()}))), NUMBER, [({"a": 0.0}, 2), (None, 1)]),
    Case("a key of -0.0 is 0.0", lambda k, x: str(k), table(1, k=pa.array([-0.0])), pa.schema({"seen": pa.string()}), [(0.0, "0.0")]),
    Case("strings are compared by their bytes", count, table(8, k=pa.array(STRINGS)), NUMBER, [("é", 2), ("e\u0301", 1), ("E", 1), ("", 1), (None, 1), ("e\0", 1), ("e", 1)]),
    Case("structs are keys, with nulls and NaN in them", count, PLACES, NUMBER, [(place(1, NAN, "p"), 2), (place(1, 2.0, None), 2), (None, 1), ({"n": None, "at": None}, 1)]),
    Case("a struct key comes as a dict", seen, PLACES, pa.schema({"s": pa.string()}), [(place(1, NAN, "p"), "1, p"), (place(1, 2.0, None), "1, None"), (None, "nothing"), ({"n": None, "at": None}, "None, None")]),
    Case("a struct key stands at each of many rows", lambda x: x * 0, PLACES, pa.list_(pa.struct(NUMBER)), [(place(1, NAN, "p"), 0)] * 2 + [(place(1, 2.0, None), 0)] * 2 + [(None, 0), ({"n": None, "at": None}, 0)]),
    Case("a struct key is written out in errors", fails, table(1, k=pa.array([place(5, 0.5, "o'neill")], PLACE)), NUMBER, error=Fails(GroupError, ("ZeroDivisionError",), "k={n: 5, at: {x: 0.5, s: 'o\\'neill'}}")),
    Case("no keys: all rows are one group", count, table(5, k=pa.array([1, 2, 3, 4, 5])), NUMBER, [(5,)], by=()),
    Case("no rows, no call", lambda x: 1 // 0, table(0, k=pa.array([], pa.int64())), NUMBER, []),
    Case("no rows, no call, without keys too", lambda x: 1 // 0, table(0, k=pa.array([], pa.int64())), NUMBER, [], by=()),
    *(Case(f"no rows, no call, per {per}", lambda x: 1 // 0, table(0, k=pa.array([], pa.int64())), pa.list_(pa.struct(NUMBER)), [], by=None, options={"per": per}) for per in ("row", "batch", "partition")),
    Case("groups of one row", count, table(50, k=pa.array(range(50), pa.int32())), NUMBER, [(i, 1) for i in range(50)]),
    Case("one group of many rows", count, table(100_000, k=pa.array([7] * 100_000, pa.int32())), NUMBER, [(7, 100_000)]),
]  # fmt: skip
