"""Windows: which rows each has, in which order, and which windows there are."""

from __future__ import annotations

import datetime

import pyarrow as pa

from beringia import window
from beringia.errors import ArgumentError, GroupError
from contract.case import Case, Fails

SEEN = pa.schema({"rows": pa.list_(pa.int64())})
INTS = [7, 3, None, 12, 0, 3, -4, 26]
FLOATS = [0.31, None, float("nan"), 0.1, -0.0, 0.3, float("inf"), 0.2, 1.0]
DAY = datetime.datetime(2024, 1, 1)


def rows(n):
    return n.tolist()


def table(t, kind, **keys):
    return pa.table({"t": pa.array(t, kind), **keys, "n": pa.array(range(len(t)), pa.int64())})


def expected(positions, size, step, zero=0):
    """Each window that has rows, by the plainest way: all of them, and the rows between its bounds."""
    found = []
    for number in range(-60, 60):
        start = zero + number * step
        end = start + size
        members = [i for i, at in enumerate(positions) if at is not None and start <= at < end]
        if members:
            members.sort(key=lambda i: positions[i])
            found.append(({"start": start, "end": end}, members))
    return found


def of_times(zone):
    minutes = [0, 4, 11, None, 25, 3]
    times = [None if m is None else (DAY + datetime.timedelta(minutes=m)).replace(tzinfo=zone) for m in minutes]
    found = expected(minutes, 10, 5)
    at = [datetime.timedelta(minutes=m) for pair in found for m in (pair[0]["start"], pair[0]["end"])]
    bounds = [(DAY + moment).replace(tzinfo=zone) for moment in at]
    keys = [{"start": start, "end": end} for start, end in zip(bounds[::2], bounds[1::2], strict=True)]
    return times, [(key, members) for key, (_, members) in zip(keys, found, strict=True)]


ZONED, IN_ZONES = of_times(datetime.timezone.utc)
NAIVE, IN_NAIVE = of_times(None)
TEN_MINUTES = window("t", size=datetime.timedelta(minutes=10), step=datetime.timedelta(minutes=5))
DATES = [datetime.date(2024, 1, day) if day else None for day in (5, 1, None, 2, 9)]
IN_DATES = [
    ({"start": DAY + datetime.timedelta(start), "end": DAY + datetime.timedelta(start + 4)}, members)
    for start, members in ((-3, [1]), (-1, [1, 3]), (1, [3, 0]), (3, [0]), (5, [4]), (7, [4]))
]
SITES = table([5, 1, 7, None, 3, 9], pa.int64(), k=pa.array(["b", "a", "a", "a", "b", None]))


def at_window(window, n):
    return [int(window["start"]), int(window["end"]), n.size]


def fails_late(window, n):
    return n.tolist() if window["start"] < 10 else 1 // 0


def mixed(s, p):
    return {"text": s, "first": p[:, 0]}


MIXED = pa.table(
    {
        "t": pa.array([4, 1, 6], pa.int32()),
        "s": ["a", None, "c"],
        "p": pa.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], pa.list_(pa.float64())),
    }
)

CASES = [
    *(Case(f"windows of {kind}: size {size}, step {step}", rows, table(INTS, kind), SEEN, expected(INTS, size, step), by=(window("t", size=size, step=step),)) for kind in (pa.int64(), pa.int32()) for size, step in ((10, 10), (10, 5), (7, 3), (3, 8), (1, 1), (40, 1))),
    *(Case(f"windows of floats: size {size}, step {step}", rows, table(FLOATS, pa.float64()), SEEN, expected([f if f is not None and abs(f) < 9 else None for f in FLOATS], size, step), by=(window("t", size=size, step=step),)) for size, step in ((0.1, 0.1), (0.3, 0.1), (0.25, 0.5))),
    Case("windows of instants", rows, table(ZONED, pa.timestamp("us", "UTC")), SEEN, IN_ZONES, by=(TEN_MINUTES,)),
    Case("windows of wall clocks", rows, table(NAIVE, pa.timestamp("us")), SEEN, IN_NAIVE, by=(TEN_MINUTES,)),
    Case("windows of dates are of timestamps", rows, table(DATES, pa.date32()), SEEN, IN_DATES, by=(window("t", size=datetime.timedelta(4), step=datetime.timedelta(2)),)),
    Case("windows in each group of another key", rows, SITES, SEEN, [("a", {"start": 0, "end": 4}, [1]), ("a", {"start": 4, "end": 8}, [2]), ("b", {"start": 0, "end": 4}, [4]), ("b", {"start": 4, "end": 8}, [0]), (None, {"start": 8, "end": 12}, [5])], by=("k", window("t", size=4))),
    Case("windows before another key", rows, SITES, SEEN, [({"start": 0, "end": 4}, "a", [1]), ({"start": 4, "end": 8}, "a", [2]), ({"start": 0, "end": 4}, "b", [4]), ({"start": 4, "end": 8}, "b", [0]), ({"start": 8, "end": 12}, None, [5])], by=(window("t", size=4), "k")),
    Case("windows of rows end with the rows", rows, table(INTS, pa.int64()), SEEN, [({"start": 0, "end": 3}, [6, 4, 1]), ({"start": 2, "end": 5}, [1, 5, 0]), ({"start": 4, "end": 7}, [0, 3, 7]), ({"start": 6, "end": 7}, [7])], by=(window("t", size=3, step=2, unit="rows"),)),
    Case("windows of rows, some left out", rows, table(INTS, pa.int64()), SEEN, [({"start": 0, "end": 2}, [6, 4]), ({"start": 5, "end": 7}, [3, 7])], by=(window("t", size=2, step=5, unit="rows"),)),
    Case("the bounds of a window are an argument", at_window, table([1, 12], pa.int64()), pa.schema({"s": pa.int64(), "e": pa.int64(), "n": pa.int64()}), [({"start": 0, "end": 10}, 0, 10, 1), ({"start": 10, "end": 20}, 10, 20, 1)], by=(window("t", size=10),)),
    Case("many rows for each window", mixed, MIXED, pa.list_(pa.struct({"text": pa.string(), "first": pa.float64()})), [({"start": -2, "end": 2}, None, 3.0), ({"start": 0, "end": 4}, None, 3.0), ({"start": 2, "end": 6}, "a", 1.0), ({"start": 4, "end": 8}, "a", 1.0), ({"start": 4, "end": 8}, "c", 5.0), ({"start": 6, "end": 10}, "c", 5.0)], by=(window("t", size=4, step=2),)),
    Case("no position, no window", rows, table([None, None], pa.float64()), SEEN, [], by=(window("t", size=1.0),)),
    Case("no rows, no window", rows, table([], pa.int64()), SEEN, [], by=(window("t", size=1),)),
    Case("a window that fails is named", fails_late, table([1, 12], pa.int64()), SEEN, error=Fails(GroupError, ("ZeroDivisionError",), "window={start: 10, end: 20}"), by=(window("t", size=10),)),
    Case("a window that fails becomes a row of nulls", fails_late, table([1, 12], pa.int64()), SEEN, [({"start": 0, "end": 10}, [0]), ({"start": 10, "end": 20}, None)], by=(window("t", size=10),), options={"on_error": "null"}),
    Case("refused: windows of text", rows, table(["a"], pa.string()), SEEN, error=Fails(ArgumentError, ("a window goes over numbers, dates, timestamps or durations", "'t'")), by=(window("t", size=10),)),
    Case("refused: windows of times whose size is a number", rows, table(NAIVE, pa.timestamp("us")), SEEN, error=Fails(ArgumentError, ("'t'", "size is a duration", "got 10")), by=(window("t", size=10),)),
    Case("refused: windows of numbers whose size is a duration", rows, table(INTS, pa.int64()), SEEN, error=Fails(ArgumentError, ("'t'", "size is a number")), by=(TEN_MINUTES,)),
    Case("refused: windows of integers whose step is none", rows, table(INTS, pa.int64()), SEEN, error=Fails(ArgumentError, ("'t' is of integers, and step is 0.5",)), by=(window("t", size=10, step=0.5),)),
    Case("refused: two windows", rows, table(INTS, pa.int64()), SEEN, error=Fails(ArgumentError, ("one window at a time",)), by=(window("t", size=10), window("n", size=10))),
    Case("refused: a window over a column that is not there", rows, table(INTS, pa.int64()), SEEN, error=Fails(ArgumentError, ("'u'", "t, n")), by=(window("u", size=10),)),
    Case("refused: keep with windows", rows, table(INTS, pa.int64()), pa.list_(pa.struct(SEEN)), error=Fails(ArgumentError, ("keep carries each row through once",)), by=(window("t", size=10),), options={"keep": "n"}),
    Case("refused: an order within windows", rows, table(INTS, pa.int64()), SEEN, error=Fails(ArgumentError, ("in the order of its column",)), by=(window("t", size=10),), options={"order_by": ["n"]}),
    Case("refused: to write where windows overlap", rows, table(INTS, pa.int64()), SEEN, error=Fails(ArgumentError, ("writable: windows that overlap",)), by=(window("t", size=10, step=5),), options={"writable": True}),
]  # fmt: skip
