"""What bad input gets: the same class and the same words on every front."""

from __future__ import annotations

import linecache
import os
import signal
import time

import numpy as np
import pandas as pd
import pyarrow as pa

from beringia.errors import (
    ArgumentError,
    GroupError,
    GroupTimeoutError,
    MissingValueError,
    ResultError,
    WorkerDiedError,
)
from contract.case import Case, Fails

I4, F8 = pa.int32(), pa.float64()
ONE = pa.table({"k": pa.array([5], I4), "x": pa.array([2.0])})
NUMBER = pa.schema({"y": F8})
TWO = pa.schema({"a": F8, "b": F8})


def misfit(name, f, returns, *words):
    returns = (
        pa.schema({"y": returns}) if isinstance(returns, pa.DataType) and not pa.types.is_list(returns) else returns
    )
    return Case(f"does not fit: {name}", f, ONE, returns, error=Fails(ResultError, words, "k=5"))


def field(kind):
    return pa.schema({"y": kind})


def rows(**kinds):
    return pa.list_(pa.struct(kinds))


MISFITS = [
    misfit("too few fields", lambda x: (1.0,), TWO, ("expected 2 fields (a ", F8, ", b ", F8, "), got a tuple of 1")),
    misfit("too many fields", lambda x: (1.0, 2.0, 3.0), TWO, "expected 2 fields", "got a tuple of 3"),
    misfit("an array of another length", lambda x: np.arange(3), TWO, "expected 2 fields", "got an array of 3"),
    misfit("a list of another length", lambda x: [1.0], TWO, "expected 2 fields", "got a list of 1"),
    misfit("a scalar for several fields", lambda x: 1.0, TWO, "expected 2 fields", "got 1.0 (float)"),
    misfit("a dict without a field", lambda x: {"a": 1.0}, TWO, "got a dict without 'b'"),
    misfit("a dict with another key", lambda x: {"a": 1.0, "b": 2.0, "c": 3.0}, TWO, "unknown key 'c'"),
    misfit("a float for an integer", lambda x: 1.5, field(I4), ("field 'y': expected ", I4), "got 1.5 (float)"),
    misfit("a whole float for an integer", lambda x: 1.0, field(I4), ("field 'y': expected ", I4), "got 1.0 (float)"),
    misfit("text for a number", lambda x: "text", field(F8), ("field 'y': expected ", F8, ", got 'text' (str)")),
    misfit("a number for text", lambda x: 1.0, field(pa.string()), ("field 'y': expected ", pa.string(), ", got 1.0 (float)")),
    misfit("out of range", lambda x: 300, field(pa.int8()), "field 'y'", "got 300 (int)"),
    misfit("an integer that a double cannot hold", lambda x: 2**53 + 1, field(F8), ("field 'y': expected ", F8, ", got 9007199254740993 (int)")),
    *(misfit(f"an integer that a double cannot hold, in {form}", f, field(kind), "field 'y': expected ", "9007199254740993") for form, kind, f in [
        ("an array", pa.list_(F8), lambda x: np.array([2, 2**53 + 1])),
        ("a negative array", pa.list_(F8), lambda x: np.array([-(2**53) - 1])),
        ("an unsigned array", pa.list_(F8), lambda x: np.array([2**53 + 1], dtype="u8")),
        ("a masked array", pa.list_(F8), lambda x: np.ma.array([2**53 + 1, 2], mask=[False, True])),
        ("a matrix", pa.list_(pa.list_(F8)), lambda x: np.array([[1], [2**53 + 1]])),
        ("a list", pa.list_(F8), lambda x: [1.0, 2**53 + 1]),
        ("an array of objects", pa.list_(F8), lambda x: np.array([None, 2**53 + 1], dtype=object)),
        ("another byte order", pa.list_(F8), lambda x: np.array([2**53 + 1], dtype=">i8")),
    ]),
    *(misfit(f"an integer that a float cannot hold, {form}", f, field(kind), "field 'y': expected ", "16777217") for form, kind, f in [
        ("a scalar", pa.float32(), lambda x: np.int64(2**24 + 1)),
        ("an array", pa.list_(pa.float32()), lambda x: np.array([0, 2**24 + 1], dtype="i4")),
    ]),
    misfit("an unsigned integer past a signed one", lambda x: np.array([1, 2**63], dtype="u8"), field(pa.list_(pa.int64())), "field 'y': expected ", "9223372036854775808"),
    misfit("a negative integer for an unsigned one", lambda x: np.array([1, -1]), field(pa.list_(pa.uint64())), "field 'y': expected ", "-1"),
    misfit("finite to infinite in an array", lambda x: np.array([1.0, 1e300]), field(pa.list_(pa.float32())), "field 'y': expected ", "1e+300"),
    misfit("finite to infinite in a masked array", lambda x: np.ma.array([1.0, 1e300], mask=[True, False]), field(pa.list_(pa.float32())), "field 'y': expected ", "1e+300"),
    misfit("an integer past a float's greatest", lambda x: np.array([65536], dtype="i4"), field(pa.list_(pa.float16())), "field 'y': expected ", "65536"),
    misfit("a complex number", lambda x: 1 + 2j, field(F8), ("field 'y': expected ", F8, ", got (1+2j) (complex)")),
    misfit("an integer for a time", lambda x: 3, field(pa.timestamp("us")), "field 'y': expected timestamp", "got 3 (int)"),
    misfit("a time past what the unit holds", lambda x: np.datetime64(120_000_000, "D"), field(pa.timestamp("us")), "field 'y': expected timestamp"),
    misfit("times past what the unit holds", lambda x: np.array([120_000_000], "M8[D]"), field(pa.list_(pa.timestamp("us"))), "field 'y': expected ", "timestamp", "got np.datetime64('330518-11-04')"),
    misfit("a date past what nanoseconds hold", lambda x: np.datetime64("9999-12-31"), field(pa.timestamp("ns")), "field 'y': expected timestamp", "9999-12-31"),
    misfit("a duration past what the unit holds", lambda x: np.timedelta64(10**14, "s"), field(pa.duration("us")), ("field 'y': expected ", pa.duration("us"))),
    misfit("a duration of years", lambda x: np.array([1], "m8[Y]"), field(pa.list_(pa.duration("us"))), ("field 'y': expected ", pa.list_(pa.duration("us")))),
    misfit("durations without a unit", lambda x: np.array([1], "m8"), field(pa.list_(pa.duration("us"))), ("field 'y': expected ", pa.list_(pa.duration("us")))),
    misfit("nanoseconds of pandas", lambda x: pd.Timestamp("2024-01-01T00:00:00.000000001"), field(pa.timestamp("us")), "field 'y': expected timestamp"),
    misfit("a time of day for a date", lambda x: np.datetime64("2024-01-01T01:00"), field(pa.date32()), "field 'y': expected date", "2024-01-01"),
    misfit("finite to infinite", lambda x: 1e300, field(pa.float32()), ("field 'y': expected ", pa.float32(), ", got 1e+300 (float)")),
    misfit("a boolean for a float", lambda x: True, field(F8), ("field 'y': expected ", F8, ", got True (bool)")),
    misfit("an integer for a boolean", lambda x: 1, field(pa.bool_()), ("field 'y': expected ", pa.bool_(), ", got 1 (int)")),
    misfit("an array for a scalar", lambda x: np.arange(2.0), field(F8), ("field 'y': expected ", F8, ", got an ndarray of shape [2] and dtype float64")),
    misfit("a scalar for an array", lambda x: 1.0, field(pa.list_(F8)), ("field 'y': expected ", pa.list_(F8), ", got 1.0 (float)")),
    misfit("text among the items of an array", lambda x: [1.0, "b"], field(pa.list_(F8)), ("field 'y': expected ", pa.list_(F8), ", got 'b' (str)")),
    misfit("too few axes", lambda x: np.arange(2.0), field(pa.list_(pa.list_(F8))), ("field 'y': expected ", pa.list_(pa.list_(F8))), "got"),
    misfit("an array of floats for integers", lambda x: np.array([1.5]), field(pa.list_(I4)), "field 'y'", "float64"),
    misfit("a rounded decimal", lambda x: __import__("decimal").Decimal("1.005"), field(pa.decimal128(10, 2)), "field 'y'", "1.005"),
    misfit("a float for a decimal", lambda x: 1.5, field(pa.decimal128(10, 2)), "field 'y'", "got 1.5 (float)"),
    misfit("a time past the end of the day", lambda x: np.timedelta64(86400, "s"), field(pa.time32("s")), "field 'y': expected time", "86400"),
    *(misfit(f"bytes of another width, in {kind}", lambda x, y=y: y, field(kind), ("field 'y': expected ", kind), "got b'abc' (bytes)") for kind, y in [
        (pa.binary(2), b"abc"),
        (pa.list_(pa.binary(2)), [b"ab", None, b"abc"]),
        (pa.dictionary(pa.int8(), pa.binary(2)), b"abc"),
        (pa.run_end_encoded(pa.int32(), pa.binary(2)), b"abc"),
        (pa.uuid(), b"abc"),
        (pa.struct({"a": pa.binary(2)}), ((b"abc",),)),
    ]),
    misfit("a value for the type that has none", lambda x: "text", field(pa.null()), "field 'y': expected null", "got 'text' (str)"),
    misfit("a tensor of another shape", lambda x: np.zeros((3, 2)), field(pa.fixed_shape_tensor(F8, [2, 3])), "field 'y'", "got an ndarray of shape [3, 2]"),
    misfit("a list of another length than the type's", lambda x: np.zeros(3), field(pa.list_(F8, 2)), "field 'y'", "got an ndarray of shape [3]"),
    misfit("columns of different lengths", lambda x: {"a": [1, 2], "b": [1, 2, 3]}, rows(a=I4, b=I4), "differ in length: 'a' has 2 rows, 'b' has 3"),
    misfit("parts of structs of different lengths", lambda x: ({"a": [1, 2], "b": [1, 2, 3]},), rows(y=pa.struct({"a": I4, "b": I4})), "field 'y': expected ", "got [1, 2, 3] (list)"),
    misfit("a part of structs too few", lambda x: ({"a": [1, 2]},), rows(y=pa.struct({"a": I4, "b": I4})), "got a dict without 'b'"),
    misfit("a matrix of another width", lambda x: np.zeros((2, 3)), rows(a=F8, b=F8), "expected rows of 2 fields", "shape [2, 3]"),
    misfit("a scalar for rows", lambda x: 1.0, rows(a=F8, b=F8), "expected rows of 2 fields", "got 1.0 (float)"),
]  # fmt: skip

GAPS = pa.table({"k": pa.array([5, 5], I4), "x": pa.array([1.0, None]), "i": pa.array([1, None], I4), "b": pa.array([True, None]), "v": pa.array([[1, None], [2, 3]], pa.list_(I4)), "w": pa.array([["a"], None], pa.list_(pa.string()))})  # fmt: skip


def missing(name, f, *words, **options):
    return Case(name, f, GAPS, NUMBER, error=Fails(MissingValueError, words, "k=5"), options=options)


HELP = ("cast the column to ", F8, " to get NaN, or pass missing='mask'")

MISSING = [
    Case("a missing integer of a row is an error too", lambda i: 0.0, GAPS, NUMBER, error=Fails(MissingValueError, ("argument 'i' (", I4, HELP)), by=None, options={"per": "row"}),
    missing("a missing integer is an error that helps", lambda i: 0.0, "argument 'i' (", I4, ") has a missing value", HELP),
    missing("a missing boolean is an error that helps", lambda b: 0.0, "argument 'b' (", pa.bool_(), HELP),
    missing("a missing integer in a list too", lambda v: 0.0, "argument 'v' (", HELP),
    missing("missing='error' refuses any", lambda x: 0.0, ("argument 'x' (", F8, ") has a missing value"), "missing='error' refuses", missing="error"),
    missing("missing='error' refuses a missing list", lambda w: 0.0, "argument 'w' (", "missing='error' refuses", missing="error"),
]  # fmt: skip


def fails(x):
    raise KeyError("nothing there")


def writes(x):
    x[0] = 1


def interrupts(x):
    raise KeyboardInterrupt


def leaves(x):
    raise SystemExit(3)


def killed(x):
    os.kill(os.getpid(), signal.SIGKILL)


def exits(x):
    os._exit(3)


def sleeps(x):
    time.sleep(60)


def fails_within(x):
    def deeper():
        return 1 / 0  # the line within

    return deeper()


def _cell():
    """A function of a notebook: its lines are where IPython has them, and in no file."""
    source, file = "def of_a_cell(x):\n    return x.nowhere  # the line of the cell\n", "/tmp/ipykernel_1/2.py"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {"__name__": "__main__"}
    exec(compile(source, file, "exec"), names)
    return names["of_a_cell"]


def failing(name, f, kind, *words, **options):
    return Case(name, f, ONE, NUMBER, error=Fails(kind, words, "k=5"), options=options)


GROUPS = [
    failing("a function that raises", fails, GroupError, "'fails' raised KeyError: 'nothing there'", "Traceback", 'raise KeyError("nothing there")'),
    failing("a function in a function shows its file and line", fails_within, GroupError, "contract/errors.py", "return 1 / 0  # the line within"),
    failing("a function of a notebook shows its cell", _cell(), GroupError, 'File "/tmp/ipykernel_1/2.py", line 2, in of_a_cell', "return x.nowhere  # the line of the cell"),
    failing("a function that leaves", leaves, GroupError, "'leaves' raised SystemExit: 3"),
    failing("a function that is interrupted", interrupts, GroupError, "'interrupts' raised KeyboardInterrupt"),
    failing("writing to an argument", writes, GroupError, "'writes' raised ValueError: assignment destination is read-only", "pass writable=True"),
    failing("a worker that is killed", killed, WorkerDiedError, "SIGKILL", "while 'killed' ran"),
    failing("a worker that exits", exits, WorkerDiedError, "exited with code 3", "while 'exits' ran"),
    failing("a call that takes too long", sleeps, GroupTimeoutError, "a call took longer than the timeout of 300ms", "while 'sleeps' ran", timeout=0.3),
    failing("writing to a constant", lambda x, w: w.fill(1), GroupError, "read-only", consts={"w": np.zeros(3)}),
]  # fmt: skip


def mean(x):
    return x.mean()


class Unpicklable:
    def __reduce__(self):
        raise TypeError("stays here")

    def __call__(self, x):
        return 0.0


def refused(name, *words, f=mean, data=ONE, returns=NUMBER, by=("k",), **options):
    return Case(f"refused: {name}", f, data, returns, error=Fails(ArgumentError, words), by=by, options=options)


MAPS = pa.table({"k": pa.array([1], I4), "m": pa.array([[("a", 1)]], pa.map_(pa.string(), I4))})

REFUSED = [
    refused("a parameter that names no column", "dose", "columns are k, x", "A required parameter takes the column of its name", f=lambda dose: 1),
    refused("args that name no column", "nowhere", "columns are k, x", args={"x": "nowhere"}),
    refused("order_by that names no column", "nowhere", order_by=["nowhere"]),
    refused("keep that names no column", "nowhere", keep="nowhere", returns=rows(y=F8)),
    refused("args unknown to the function", "args names 'z', but mean has 'x'", args={"z": "x"}),
    refused("a list of args for named parameters", "args is a list, but mean names its parameters", "args={'x': …}", args=["x"]),
    refused("names for a function without a signature", "has no signature to read parameters from", "args=['a', 'b']", f=np.hypot),
    refused("a number in args", "x must be a column", "consts", args={"x": 3}),
    refused("an array in args", "x must be a column", "consts", args={"x": np.arange(3)}),
    refused("args of another kind", "args must be a dict by parameter, or a list by position, got int", args=3),
    refused("a name in args and consts", "'x' is in args and in consts: leave it in one of them", args={"x": "x"}, consts={"x": 1}),
    refused("consts unknown to the function", "consts names 'w', but mean has 'x'", consts={"w": 1}),
    refused("consts of another kind", "consts must be a dict of values by parameter, got list", consts=[1]),
    refused("no function", "the first argument must be a function, got float", f=3.0),
    refused("a function that cannot be sent", "cannot be sent to the workers: TypeError: stays here", f=Unpicklable()),
    refused("missing that is no policy", "missing is one of 'nan', 'mask', 'error', got 'drop'", missing="drop"),
    refused("missing for no parameter", "missing names 'z'", missing={"z": "mask"}),
    refused("on_error that is none", "on_error is one of 'raise', 'null', 'column', got 'ignore'", on_error="ignore"),
    refused("a timeout of zero", "timeout is a number of seconds above zero, got 0", timeout=0),
    refused("a timeout that is no number", "timeout is a number of seconds above zero, got '1s'", timeout="1s"),
    refused("batch_bytes of zero", "batch_bytes", batch_bytes=0),
    refused("a field of the name of a key", "the output has two columns named 'k'", returns=field(F8).set(0, pa.field("k", F8))),
    refused("a field of the name of the error column", "the output has two columns named 'error'", returns=pa.schema({"error": F8}), on_error="column"),
    refused("a kept column of the name of a field", "the output has two columns named 'x'", returns=rows(x=F8), keep="x"),
    refused("a field twice", "the output has two columns named 'y'", returns=pa.schema([("y", F8), ("y", F8)])),
    refused("no field", "returns has no field", returns=pa.schema([])),
    refused("kept rows for one result", "keep", "returns must be", keep="x"),
    refused("per with groups", "per", "groups", per="row"),
    refused("a batch for one result", "per='batch'", "returns must be", by=None, per="batch"),
    refused("per that is none", "per is one of 'row', 'batch', 'partition', got 'group'", by=None, per="group"),
    refused("order of a row", "order_by is the order within a group", by=None, per="row", order_by=["x"]),
    refused("order of a batch", "order_by is the order within a group", by=None, per="batch", order_by=["x"], returns=rows(y=F8)),
    refused("many results kept with a row", "keep goes with one result row for each row", by=None, per="row", keep="x", returns=rows(y=F8)),
    refused("a column without a NumPy form", "'m'", "map<", f=lambda m: 0.0, data=MAPS),
    refused("a result without a NumPy form", "field 'y'", "map<", returns=field(pa.map_(pa.string(), I4))),
    refused("a list for a key", "grouping column 'v'", f=lambda: 0.0, data=GAPS, by=("v",)),
    refused("a key without a scalar form", "'m'", "map<", f=lambda: 0.0, data=MAPS, by=("m",)),
]  # fmt: skip

CASES = [
    *MISFITS,
    *MISSING,
    *GROUPS,
    *REFUSED,
    Case(
        "keep needs as many rows as the group has",
        lambda x: x[:1],
        pa.table({"k": pa.array([5, 5], I4), "x": pa.array([1.0, 2.0])}),
        rows(y=F8),
        error=Fails(ResultError, ("returned 1 rows for a group of 2; keep needs one for each",), "k=5"),
        options={"keep": "x"},
    ),
]
