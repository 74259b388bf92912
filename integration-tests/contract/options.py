"""Options of a call: what is missing, order, what is kept, what one call gets, failures, constants."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa

from contract.arguments import show
from contract.case import Case

I4, F8 = pa.int32(), pa.float64()
NUMBER = pa.schema({"r": F8})
ROWS = pa.list_(pa.struct({"r": F8}))
SEEN = pa.schema({"seen": pa.string()})

GAPS = pa.table(
    {
        "k": pa.array([1, 1, 1, 2], I4),
        "t": pa.array([0, 1, 2, 3], I4),
        "x": pa.array([0.5, None, 4.0, 1.0]),
        "i": pa.array([1, None, 3, 4], I4),
        "b": pa.array([True, None, False, True]),
        "s": pa.array(["a", None, "c", "d"]),
        "v": pa.array([[1.0, 2.0], None, [3.0, None], [5.0, 6.0]], pa.list_(F8)),
    }
)
POINTS = pa.table(
    {
        "k": pa.array([1, 2, 1, 2, 1], I4),
        "t": pa.array([3, 1, None, 2, 1], I4),
        "s": pa.array(["b", "a", "c", "a", "a"]),
        "x": pa.array([1.0, 2.0, 3.0, 4.0, 5.0]),
    }
)
BY_X = {"order_by": ["x"]}


def see(x):
    assert np.shape(x.mask) == x.shape, f"the mask of {x!r} is not full"
    return show(x)


def masked(column, seen, other):
    return Case(
        f"masked by choice: {column}",
        see,
        GAPS,
        SEEN,
        [(1, seen), (2, other)],
        options={"args": {"x": column}, "missing": "mask", "order_by": ["t"]},
    )


def has_full_mask(x):
    return f"{x.mask.shape == x.shape} {x.mask.dtype} {(~x.mask).sum()}"


WHOLE = pa.table(
    {
        "k": pa.array([1, 1], I4),
        "x": pa.array([0.5, 4.0]),
        "i": pa.array([1, 3], I4),
        "b": pa.array([True, False]),
        "s": pa.array(["a", "c"]),
        "v": pa.array([[1.0, 2.0], [5.0, 6.0]], pa.list_(F8)),
        "l": pa.array([[True, False], [True, True]], pa.list_(pa.bool_())),
        "m": pa.array([[[1, 2]], [[3, 4]]], pa.list_(pa.list_(I4))),
    }
)


def fails_to_write(w):
    """Whether nothing in a constant can be written to."""
    if isinstance(w, dict | list):
        return str(all(fails_to_write(item) == "True" for item in (w.values() if isinstance(w, dict) else w)))
    if isinstance(w, np.ma.MaskedArray):
        try:
            w[0] = np.ma.masked
        except ValueError:
            return str(not w.flags.writeable)
        return "False"
    return str(not w.flags.writeable)


def in_order(name, order_by, expected):
    rows = [(1, x) for x in expected] + [(2, 2.0), (2, 4.0)]
    one = POINTS.filter(pa.compute.equal(POINTS["k"], 1))
    return Case(f"in order: {name}", lambda x: x, one, ROWS, rows[:3], options={"order_by": order_by})


MISSING = [
    *(Case(f"a mask is full where nothing is missing: {name}", has_full_mask, WHOLE, SEEN, [(1, f"True bool {size}")], options={"args": {"x": name}, "missing": "mask"}) for name, size in {"x": 2, "i": 2, "b": 2, "s": 2, "v": 4, "l": 4, "m": 4}.items()),
    masked("x", "masked float64[3] [0.5, 0.0, 4.0] [False, True, False]", "masked float64[1] [1.0] [False]"),
    masked("i", "masked int32[3] [1, 0, 3] [False, True, False]", "masked int32[1] [4] [False]"),
    masked("b", "masked bool[3] [True, False, False] [False, True, False]", "masked bool[1] [True] [False]"),
    Case(
        "missing by parameter",
        lambda x, i: (np.isnan(x).sum(), i.count()),
        GAPS,
        pa.schema({"nans": I4, "present": I4}),
        [(1, 1, 2), (2, 0, 1)],
        options={"missing": {"i": "mask"}},
    ),
    Case(
        "integers without a gap in the group are untouched",
        lambda i: str(i.dtype),
        GAPS.slice(3),
        SEEN,
        [(2, "int32")],
    ),
    Case("nulls and NaN stay distinct when masked", lambda x: x, GAPS, ROWS, [(1, 0.5), (1, None), (1, 4.0), (2, 1.0)], options={"missing": "mask", "order_by": ["t"]}),
    Case("without masks a null comes back as NaN", lambda x: x, GAPS, ROWS, [(1, 0.5), (1, np.nan), (1, 4.0), (2, 1.0)], options={"order_by": ["t"]}),
    Case("NaN becomes null where asked", lambda x: x, GAPS, ROWS, [(1, 0.5), (1, None), (1, 4.0), (2, 1.0)], options={"nan_as_null": True, "order_by": ["t"]}),
    Case("NaN in an array becomes null where asked", lambda x: (x,), GAPS, pa.schema({"r": pa.list_(F8)}), [(1, [0.5, None, 4.0]), (2, [1.0])], options={"nan_as_null": True, "order_by": ["t"]}),
    Case("an infinity is no NaN", lambda x: np.inf, GAPS, NUMBER, [(1, np.inf), (2, np.inf)], options={"nan_as_null": True}),
    Case("a missing scalar of a row", lambda x, s: show(x) + show(s), GAPS, SEEN, [("float64 0.5'a'",), ("float64 nanNone",), ("float64 4.0'c'",), ("float64 1.0'd'",)], by=None, options={"per": "row"}),
    Case("a missing scalar of a row, masked", lambda i: str(i is np.ma.masked), GAPS, SEEN, [("False",), ("True",), ("False",), ("False",)], by=None, options={"per": "row", "missing": "mask"}),
]  # fmt: skip

ORDER = [
    in_order("a name ascends, nulls first", ["t"], [3.0, 5.0, 1.0]),
    in_order("descending, nulls last", [("t", "descending")], [1.0, 5.0, 3.0]),
    in_order("ascending, nulls last", [("t", "ascending", "nulls last")], [5.0, 1.0, 3.0]),
    in_order("descending, nulls first", [("t", "descending", "nulls first")], [3.0, 1.0, 5.0]),
    in_order("by strings, descending", [("s", "descending")], [3.0, 1.0, 5.0]),
    Case("in order: two columns", lambda x: x, POINTS, ROWS, [(1, 5.0), (1, 1.0), (1, 3.0), (2, 4.0), (2, 2.0)], options={"order_by": ["s", ("t", "descending")]}),
]  # fmt: skip

KEEP = [
    Case("kept columns stay beside their rows", lambda x: x - x.mean(), POINTS, ROWS, [(1, "b", 3, -2.0), (1, "c", None, 0.0), (1, "a", 1, 2.0), (2, "a", 1, -1.0), (2, "a", 2, 1.0)], options={"keep": ["s", "t"], **BY_X}),
    Case("an argument may be kept", lambda x: 2 * x, POINTS, ROWS, [(1, 1.0, 2.0), (1, 3.0, 6.0), (1, 5.0, 10.0), (2, 2.0, 4.0), (2, 4.0, 8.0)], options={"keep": "x", **BY_X}),
    Case("a failed group keeps its rows", lambda k, x: x / (int(k) - 2) if k == 1 else 1 // 0, POINTS, ROWS, [(1, "b", -1.0), (1, "c", -3.0), (1, "a", -5.0), (2, "a", None), (2, "a", None)], options={"keep": "s", "on_error": "null", **BY_X}),
    Case("kept beside a row", lambda x: 2 * x, POINTS, NUMBER, [("b", 2.0), ("a", 4.0), ("c", 6.0), ("a", 8.0), ("a", 10.0)], by=None, options={"per": "row", "keep": "s"}),
    Case("kept beside a batch", lambda x: 2 * x, POINTS, ROWS, [("b", 2.0), ("a", 4.0), ("c", 6.0), ("a", 8.0), ("a", 10.0)], by=None, options={"per": "batch", "keep": "s"}),
    Case("kept beside a partition", lambda x: x - x.sum(), POINTS, ROWS, [("b", -14.0), ("a", -13.0), ("c", -12.0), ("a", -11.0), ("a", -10.0)], by=None, options={"per": "partition", "keep": "s"}),
    Case("kept lists and structs are unchanged", lambda x: np.zeros(x.size), GAPS, ROWS, [(1, [1.0, 2.0], 0.0), (1, None, 0.0), (1, [3.0, None], 0.0), (2, [5.0, 6.0], 0.0)], options={"keep": "v", "order_by": ["t"]}),
]  # fmt: skip

PER = [
    Case("a row at a time", lambda x, s: f"{s}{x}", POINTS, SEEN, [("b1.0",), ("a2.0",), ("c3.0",), ("a4.0",), ("a5.0",)], by=None, options={"per": "row"}),
    Case("a batch of any rows", lambda x: x + 1, POINTS, ROWS, [(2.0,), (3.0,), (4.0,), (5.0,), (6.0,)], by=None, options={"per": "batch"}),
    Case("a partition is one call", lambda x: (x.sum(),), POINTS, NUMBER, [(15.0,)], by=None, options={"per": "partition"}),
    Case("a partition in order", lambda x: x, POINTS, ROWS, [(5.0,), (4.0,), (3.0,), (2.0,), (1.0,)], by=None, options={"per": "partition", "order_by": [("x", "descending")]}),
    Case("an array column of a row", lambda v: v.sum(), GAPS.slice(3), NUMBER, [(11.0,)], by=None, options={"per": "row"}),
]  # fmt: skip


def raises(k, x):
    if k == 1:
        raise ValueError("no luck")
    return x.sum()


def misfits(k, x):
    return "text" if k == 1 else x.sum()


def dies(k, x):
    if k == 1:
        os._exit(3)
    return x.sum()


FAILURES = [
    *(
        Case(f"a group that {f.__name__} is a row of nulls", f, POINTS, NUMBER, [(1, None), (2, 6.0)], options={"on_error": "null"})
        for f in (raises, misfits, dies)
    ),
    Case("the reason is in a column", raises, POINTS, NUMBER, [(1, None, "'raises' raised ValueError: no luck"), (2, 6.0, None)], options={"on_error": "column"}),
    Case("bytes of another width fail their group alone", lambda k: b"ab" if k == 2 else b"abc", POINTS, pa.schema({"r": pa.binary(2)}), [(1, None), (2, b"ab")], options={"on_error": "null"}),
    Case("the reason of a misfit is in a column", misfits, POINTS, NUMBER, [(1, None, "'misfits' returned what does not fit: field 'r': expected double, got 'text' (str)"), (2, 6.0, None)], options={"on_error": "column"}),
    Case("among many rows a failed group is one row of nulls", lambda k, x: [1 // (int(k) - 1)] * x.size, POINTS, ROWS, [(1, None), (2, 1.0), (2, 1.0)], options={"on_error": "null"}),
    Case("a missing value fails its group alone", lambda i: i.sum(), GAPS, NUMBER, [(1, None), (2, 4.0)], options={"on_error": "null"}),
    Case("a row that fails is a row of nulls", lambda x: 1 // int(x != 3.0), POINTS, NUMBER, [(1.0,), (1.0,), (None,), (1.0,), (1.0,)], by=None, options={"per": "row", "on_error": "null"}),
]  # fmt: skip


def total(x, w, scale=1, *, names=()):
    return float((x * w[: x.size]).sum() * scale + len(names))


def scribble(x):
    x[:] = 0
    return x.sum()


WEIGHTS = np.arange(1.0, 4.0)
MATRIX = np.arange(6.0).reshape(2, 3)

CONSTS = [
    Case("constants are passed by name", total, POINTS, NUMBER, [(1, 44.0), (2, 20.0)], options={"consts": {"w": WEIGHTS, "scale": 2}, **BY_X}),
    Case("constants of any kind", total, POINTS, NUMBER, [(1, 24.0), (2, 12.0)], options={"consts": {"w": WEIGHTS, "names": ("p", "q")}, **BY_X}),
    *(
        Case(f"a constant is read-only: {name}", lambda k, w: fails_to_write(w), POINTS, SEEN, [(1, "True"), (2, "True")], options={"consts": {"w": value}})
        for name, value in {
            "another byte order": np.arange(3).astype(">i4"),
            "objects": np.array(["a", None], dtype=object),
            "masked": np.ma.array([1.0, 2.0], mask=[True, False]),
            "masked, with nothing missing": np.ma.array([1.0, 2.0]),
            "structured": np.zeros(2, dtype=[("a", "f8")]),
            "empty": np.zeros(0),
            "in a dict": {"x": np.zeros(2)},
        }.items()
    ),
    Case("arrays arrive as they are, read-only", lambda k, w, m: show(w) + show(m) + str(w.flags.writeable or m.flags.writeable), POINTS, SEEN, [(k, show(WEIGHTS[::2]) + show(MATRIX.T) + "False") for k in (1, 2)], options={"consts": {"w": WEIGHTS[::2], "m": MATRIX.T}}),
    Case("a constant has the name of a column", lambda x, k: x.sum() + k, POINTS, NUMBER, [(1, 109.0), (2, 106.0)], options={"consts": {"k": 100}}),
    Case("a constant before a column", lambda w, x: x.sum() * w, POINTS, NUMBER, [(1, 90.0), (2, 60.0)], options={"consts": {"w": 10}}),
    Case("constants of a function without a signature", np.power, POINTS, NUMBER, [(1.0,), (4.0,), (27.0,), (256.0,), (3125.0,)], by=None, options={"per": "row", "args": ["x", "x"], "consts": {"dtype": np.float64}}),
]  # fmt: skip

RUNS = [
    Case("arguments may be written to by choice", scribble, POINTS, NUMBER, [(1, 0.0), (2, 0.0)], options={"writable": True}),
    Case("what was written is not what is kept", lambda x: x.fill(0) or x, POINTS, ROWS, [(1, 1.0, 0.0), (1, 3.0, 0.0), (1, 5.0, 0.0), (2, 2.0, 0.0), (2, 4.0, 0.0)], options={"writable": True, "keep": "x", **BY_X}),
    Case("small batches give the same", lambda x: x - x.mean(), POINTS, ROWS, [(1, "b", -2.0), (1, "c", 0.0), (1, "a", 2.0), (2, "a", -1.0), (2, "a", 1.0)], options={"keep": "s", "batch_bytes": 1, **BY_X}),
    Case("a timeout that is not met", lambda x: x.sum(), POINTS, NUMBER, [(1, 9.0), (2, 6.0)], options={"timeout": 60}),
]  # fmt: skip

CASES = [*MISSING, *ORDER, *KEEP, *PER, *FAILURES, *CONSTS, *RUNS]
