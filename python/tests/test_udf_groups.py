"""A grouped map over a batch comes to what PySpark's own function comes to over each group on its own."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from decimal import Decimal
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark import SparkFiles, TaskContext, cloudpickle
from pyspark.sql.pandas.types import from_arrow_schema, from_arrow_type

from beringia.spark.udf import batch as batches
from beringia.spark.udf.aggregates import Aggregate
from beringia.spark.udf.command import Command
from beringia.spark.udf.groups import CogroupedMap, GroupedMap
from beringia.spark.udf.windows import Window

every = settings(derandomize=True, deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))

ZONE = "America/New_York"
SETTINGS = {"spark.sql.session.timeZone": ZONE}
TYPES = {
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.large_string(): st.text(max_size=5),
    pa.large_binary(): st.binary(max_size=5),
    pa.date32(): st.dates(),
    pa.timestamp("us", "UTC"): st.integers(-(10**15), 10**15),
    pa.timestamp("us"): st.integers(-(10**15), 10**15),
    pa.decimal128(10, 3): st.integers(-(10**9), 10**9).map(lambda i: Decimal(i).scaleb(-3)),
}


@st.composite
def rows(draw):
    """Columns of any types, and the sizes of the groups that they are in."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=12))
    kinds = draw(st.lists(st.sampled_from(list(TYPES)), min_size=1, max_size=5))

    def column(kind):
        some = draw(st.sampled_from([TYPES[kind], TYPES[kind] | st.none()]))
        return pa.array(draw(st.lists(some, min_size=sum(sizes), max_size=sum(sizes))), kind)

    return sizes, [column(kind) for kind in kinds]


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    """This process is none after the test."""
    monkeypatch.setattr(TaskContext, "_taskContext", None)
    monkeypatch.setattr(SparkFiles, "_root_directory", None)
    monkeypatch.setattr(SparkFiles, "_is_running_on_worker", False)
    monkeypatch.setattr(sys, "path", list(sys.path))


def pickled(function, schema):
    return cloudpickle.dumps((function, from_arrow_schema(schema, prefer_timestamp_ntz=True)))


def options(kind, functions, columns, settings=SETTINGS):
    task = {"stage": 1, "partition": 2, "attemptNumber": 0, "attemptId": 3, "cpus": 1, "localProperties": {}}
    task |= {"resources": {}, "files": "/nowhere", "includes": [], "broadcasts": {}}
    given = {"evalType": kind, "keys": 1, "timeZone": ZONE, "batchRows": 0, "largeTypes": False}
    given["functions"] = [{"named": {}, **function} for function in functions]
    schema = pa.schema([(f"c{i}", plain(column.type)) for i, column in enumerate(columns)])
    given["columns"] = from_arrow_schema(schema, prefer_timestamp_ntz=True).jsonValue()
    return json.dumps({**given, "settings": settings, "environment": {}, "task": task}).encode()


def grouped_map(function, schema, columns):
    """Arguments of a function of key and frame, of which the first column is the key."""
    program = pickled(function, schema)
    offsets = [len(columns) + 2, 1, 0, *range(len(columns))]
    return program, options(201, [{"bytes": [len(program)], "offsets": offsets}], columns)


def batch(sizes, columns):
    bounds = np.cumsum([0, *sizes])
    lists = [pa.LargeListArray.from_arrays(pa.array(bounds, pa.int64()), column) for column in columns]
    return pa.table([pa.array(range(len(sizes))), *lists], names=["key", *(f"c{i}" for i in range(len(columns)))])


def plain(kind):
    """A type as PySpark's results have it."""
    return {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}.get(kind, kind)


def called(caller, sizes, columns):
    return called_with(caller, batch(sizes, columns))


def called_with(caller, given):
    calls = caller.begin(given)
    for group in range(given.num_rows):
        calls.prepare(group)
        calls.append(calls.call())
    return calls.finish()


def outcome(work):
    try:
        return work()
    except Exception as error:
        return type(error), str(error)


def joined(parts, fields):
    """The columns that PySpark's own loop gave for each group, as one table."""
    chunks = [pa.chunked_array(list(chunks)) for chunks in zip(*parts, strict=True)]
    return pa.table([c.cast(f.type) for c, f in zip(chunks, fields, strict=True)], schema=pa.schema(fields))


@contextmanager
def cut_by(patterns):
    """A few rows ahead, and by so many patterns of nulls; beyond these groups go their own way, for no other reason."""
    allowed = batches._PATTERNS if patterns is None else patterns
    warning = AssertionError("this pandas makes another frame")
    with (
        mock.patch("beringia.spark.udf.calls._AHEAD", 5),
        mock.patch.object(batches, "_PATTERNS", allowed),
        mock.patch.object(batches._log, "warning", side_effect=warning),
    ):
        yield


def mapped(function, sizes, columns, fields, *, patterns=None):
    """The results of a batch, or what was raised; with `patterns` of nulls beyond which groups go their own way."""
    given = grouped_map(function, pa.schema([f.with_type(plain(f.type)) for f in fields]), columns)
    with cut_by(patterns):
        return outcome(lambda: called(GroupedMap(*given, pa.schema(fields).empty_table()), sizes, columns))


def by_pyspark(function, sizes, columns, fields):
    """The same by PySpark's own loop, a group at a time."""
    given = grouped_map(function, pa.schema([f.with_type(plain(f.type)) for f in fields]), columns)
    command = Command(*given, "GroupedMap")
    groups = batches.Groups(command, command.given(batch(sizes, columns).to_batches()[0]), None, {})
    return outcome(lambda: joined([command.function.run(groups.rows(i)) for i in range(len(sizes))], fields))


def described(key, frame):
    """All that a function can see."""
    seen = [repr(key), [type(one) for one in key], frame.dtypes.tolist(), frame.index, frame.columns]
    seen += [[type(one) for one in frame[name]] for name in frame]
    seen += [[repr(one) for one in frame[name]] for name in frame]
    return pd.DataFrame({"seen": [repr(seen)]})


def unchanged(key, frame):
    return frame


def same(one, other):
    """Whether two outcomes are equal, NaN too."""
    if not isinstance(one, pa.Table) or not isinstance(other, pa.Table):
        return one == other
    return one.schema == other.schema and repr(values(one)) == repr(values(other))


def values(table):
    """Those of all columns; of times numbers, as Python has no such years as Arrow, and bytes of text that is none."""
    return [column.cast(as_stored(column.type)).to_pylist() for column in table.columns]


def as_stored(kind):
    if pa.types.is_temporal(kind):
        return pa.int32() if pa.types.is_date32(kind) else pa.int64()
    return pa.large_binary() if pa.types.is_large_string(kind) else kind


@every
@given(rows())
def test_functions_see_the_same(given):
    sizes, columns = given
    fields = [pa.field("seen", pa.large_string())]
    expected = by_pyspark(described, sizes, columns, fields)
    assert same(mapped(described, sizes, columns, fields), expected)
    assert same(mapped(described, sizes, columns, fields, patterns=0), expected)


@every
@given(rows())
def test_what_is_returned_unchanged_is_unchanged(given):
    sizes, columns = given
    fields = [pa.field(f"c{i}", column.type) for i, column in enumerate(columns)]
    assert same(mapped(unchanged, sizes, columns, fields), by_pyspark(unchanged, sizes, columns, fields))


def renamed(key, frame):
    """The first column renamed in place, in some groups, as people do who know no better."""
    if key[0] % 2:
        frame.columns.values[0] = "z"
    return pd.DataFrame({"seen": [repr([list(frame.columns), "z" in frame, "c0" in frame, frame.iloc[:, 0].tolist()])]})


def test_names_that_are_written_in_place_are_those_of_one_group():
    fields = [pa.field("seen", pa.large_string())]
    sizes, columns = [1, 2, 1, 2], [pa.array([0, 1, 1, 2, 3, 3]), pa.array([0.5, 1, 2, 3, 4, 5])]
    assert same(mapped(renamed, sizes, columns, fields), by_pyspark(renamed, sizes, columns, fields))


@every
@given(rows(), st.data())
def test_results_of_any_type_are_converted_to_any_type(given, data):
    sizes, columns = given
    fields = [pa.field(f"c{i}", data.draw(st.sampled_from(list(TYPES)))) for i in range(len(columns))]
    assert same(mapped(unchanged, sizes, columns, fields), by_pyspark(unchanged, sizes, columns, fields))


LAYOUTS = [
    lambda frame: frame,
    lambda frame: frame.copy().assign(c1=frame.c1),  # a block of its own, after the others
    lambda frame: frame.astype({"c2": "f4"}),
    lambda frame: frame.astype({"c0": object}),
    lambda frame: frame.iloc[:0],
    lambda frame: frame.astype({"c1": "Int64"}),
    lambda frame: frame.astype({"c0": "f8", "c1": "f8", "c2": "f8", "c3": "f8"}),  # one block
    lambda frame: frame.astype({"c2": "M8[ns]"}),  # which is no such number
]


@every
@given(st.lists(st.sampled_from(range(len(LAYOUTS))), min_size=1, max_size=12))
def test_frames_that_lie_in_memory_in_another_way_each_are_taken_in_their_order(order):
    def laid_out(key, frame):
        return LAYOUTS[order[key[0]]](frame)

    groups, numbers = len(order), np.arange(2 * len(order))
    columns = [pa.array(numbers // 2), pa.array(numbers), pa.array(numbers / 4), pa.array(numbers * 3.0, "f4")]
    fields = [pa.field(f"c{i}", column.type) for i, column in enumerate(columns)]
    expected = by_pyspark(laid_out, [2] * groups, columns, fields)
    assert same(mapped(laid_out, [2] * groups, columns, fields), expected)


def test_a_column_that_does_not_fit_is_told_of_among_others_of_its_frame():
    columns = [pa.array([0, 1]), pa.array([1, 2]), pa.array([0.5, 1.5])]
    fields = [pa.field("c0", pa.int64()), pa.field("c1", pa.int64()), pa.field("c2", pa.large_string())]
    kind, text = mapped(unchanged, [1, 1], columns, fields)
    assert (kind, text) == by_pyspark(unchanged, [1, 1], columns, fields)
    assert "float" in text


@pytest.mark.parametrize("last", [[0.5, 0.5], ["a", "a"]], ids=["numbers", "texts"])
def test_a_frame_that_is_returned_again_is_what_it_was_each_time(last):
    kept = pd.DataFrame({"c0": [0, 0], "c1": [0.5, 0.5], "c2": last})

    def written(key, frame):
        kept.loc[:, "c0"] = frame.c0.to_numpy()
        kept.iloc[:, 1] += 1
        kept.loc[:, "c2"] += kept.loc[0, "c2"]
        return kept

    columns = [pa.array([0, 0, 1, 1]), pa.array([0.5] * 4), pa.array(last * 2)]
    fields = [pa.field(f"c{i}", column.type) for i, column in enumerate(columns)]
    assert mapped(written, [2, 2], columns, fields).to_pydict() == {
        "c0": [0, 0, 1, 1],
        "c1": [1.5, 1.5, 2.5, 2.5],
        "c2": [2 * last[0]] * 2 + [4 * last[0]] * 2,
    }


@st.composite
def two_sides(draw):
    """Rows of two sides, of which one may have none of a group."""
    sides = [draw(rows()), draw(rows())]
    groups = min(len(sizes) for sizes, _ in sides)
    sizes = [sizes[:groups] for sizes, _ in sides]
    for i in range(groups):
        side = draw(st.sampled_from([None, 0, 1]))
        if side is not None:
            sizes[side][i] = 0
    return [(own, [column[: sum(own)] for column in columns]) for own, (_, columns) in zip(sizes, sides, strict=True)]


def described_both(key, left, right):
    return pd.concat([described(key, left), described(key, right)])


@settings(every, max_examples=50)
@given(two_sides())
def test_frames_of_cogroups_are_the_same(given):
    fields = [pa.field("seen", pa.large_string())]
    program = pickled(described_both, pa.schema([pa.field("seen", pa.string())]))
    counts = [len(columns) for _, columns in given]
    offsets = [number for count in counts for number in (count + 2, 1, 0, *range(count))]
    of_both = [column for _, columns in given for column in columns]
    task = (program, options(206, [{"bytes": [len(program)], "offsets": offsets}], of_both))
    left, right = (batch(sizes, columns) for sizes, columns in given)
    names = [f"c{i}" for i in range(sum(counts))]
    both = pa.table(
        [pa.array(range(left.num_rows)), *left.columns[1:], *right.columns[1:]], names=["key", *names]
    ).to_batches()[0]
    command = Command(*task, "CogroupedMap")
    sides = [batches.Groups(command, side, None, {}) for side in command.of_sides(command.given(both))]

    def by_pyspark():
        parts = [command.function.run(*[side.rows(i) for side in sides]) for i in range(left.num_rows)]
        return joined(parts, fields)

    expected = outcome(by_pyspark)
    with cut_by(None):
        ours = outcome(lambda: called_with(CogroupedMap(*task, pa.schema(fields).empty_table()), both))
    assert same(ours, expected)


def test_groups_are_cut_from_the_batch():
    sizes, columns = [2, 3, 1], [pa.array([0, 0, 1, 1, None, 2]), pa.array([True, None, True, True, False, None])]
    fields = [pa.field("seen", pa.large_string())]
    for caller in (
        GroupedMap(*grouped_map(described, pa.schema([pa.field("seen", pa.string())]), columns), pa.table([])),
        Aggregate(*aggregates([(seen, pa.large_string())], columns), pa.table([])),
    ):
        command = caller._command
        groups = batches.Groups(command, command.given(batch(sizes, columns).to_batches()[0]), caller.cut, {})
        assert None not in groups.parts(0, 3)
    assert same(mapped(described, sizes, columns, fields), by_pyspark(described, sizes, columns, fields))


def test_the_error_of_an_earlier_group_comes_first():
    def f(key, frame):
        if key[0] == 1:
            raise RuntimeError("later")
        return frame.assign(c1=pd.Series([object()] * len(frame)))

    columns = [pa.array([0, 1]), pa.array(["a", "b"], pa.large_string())]
    fields = [pa.field("c0", pa.int64()), pa.field("c1", pa.large_string())]
    kind, text = mapped(f, [1, 1], columns, fields)
    assert (kind, text) == by_pyspark(f, [1, 1], columns, fields)
    assert "later" not in text


def aggregates(functions, columns):
    """Arguments of functions that are each given all columns, and return a value of a type."""
    programs = [
        cloudpickle.dumps((function, from_arrow_type(plain(kind), prefer_timestamp_ntz=True)))
        for function, kind in functions
    ]
    given = [{"bytes": [len(program)], "offsets": list(range(len(columns)))} for program in programs]
    return b"".join(programs), options(202, given, columns)


def seen(*series):
    """All that a function can see."""
    about = [(one.dtype, one.name, one.index, [(type(v), repr(v)) for v in one]) for one in series]
    return repr([about, [getattr(one.array, "_ndarray", np.empty(0)).flags.writeable for one in series]])


@every
@given(rows(), st.data(), st.sampled_from([None, 0]))
def test_aggregates_are_the_same(given, data, patterns):
    sizes, columns = given
    kinds = [data.draw(st.sampled_from(list(TYPES))) for _ in range(2)]
    functions = [(seen, pa.large_string())]
    functions += [(lambda *series, i=i: series[i % len(series)].iloc[0], kind) for i, kind in enumerate(kinds)]
    functions += [(lambda *series: len(series[0]), pa.float64()), (lambda *series: None, pa.int64())]
    fields = [pa.field(f"f{i}", kind) for i, (_, kind) in enumerate(functions)]
    ours, theirs = by_both(Aggregate, aggregates(functions, columns), sizes, columns, fields, patterns)
    assert same(ours, theirs)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.large_binary(), pa.bool_()], ids=str)
def test_a_number_that_is_none_meets_a_field_of_another_type(kind):
    columns = [pa.array([1, None, 3])]
    functions = [(lambda series: series.iloc[0] if series[0] == 1 else np.nan, kind)]
    fields = [pa.field("f0", kind)]
    for sizes in ([1, 2], [3]):
        given = aggregates(functions, columns)
        assert same(*by_both(Aggregate, given, sizes, columns, fields, None))
    nothing = [(lambda series: np.nan, kind)]
    assert same(*by_both(Aggregate, aggregates(nothing, columns), [1, 2], columns, fields, None))


def by_both(caller, given, sizes, columns, fields, patterns):
    """What functions come to by ours, and by PySpark's own loop; with `patterns` of nulls beyond which it is that."""
    command = Command(*given, caller.kind)
    groups = batches.Groups(command, command.given(batch(sizes, columns).to_batches()[0]), None, {})

    def by_pyspark():
        return joined([command.function.run(groups.rows(i)) for i in range(len(sizes))], fields)

    with cut_by(patterns):
        ours = outcome(lambda: called(caller(*given, pa.schema(fields).empty_table()), sizes, columns))
    return ours, outcome(by_pyspark)


@st.composite
def windows(draw, sizes):
    """Where the window of each row begins in its group, and where it ends."""
    bounds = [sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in sizes for _ in range(n)]
    return [pa.array([pair[i] for pair in bounds], pa.int32()) for i in range(2)]


@settings(every, max_examples=50)
@given(rows(), st.data(), st.sampled_from([None, 0]))
def test_aggregates_over_windows_are_the_same(given, data, patterns):
    sizes, columns = given
    every_column = range(2, len(columns) + 2)

    def last(*series):
        return series[0].iloc[-1] if len(series[0]) else None

    functions = [
        (seen, pa.large_string(), True),
        (seen, pa.large_string(), False),
        (last, columns[0].type, True),
        (last, data.draw(st.sampled_from(list(TYPES))), False),
        (lambda *series: len(series[0]) / 2, pa.float64(), True),
    ]
    programs = [
        cloudpickle.dumps((function, from_arrow_type(plain(kind), prefer_timestamp_ntz=True)))
        for function, kind, _ in functions
    ]
    bounds = ",".join("bounded" if is_bounded else "unbounded" for *_, is_bounded in functions)
    given = [*data.draw(windows(sizes)), *columns]
    task = options(
        203,
        [
            {"bytes": [len(program)], "offsets": [*range(2 * is_bounded), *every_column]}
            for program, (*_, is_bounded) in zip(programs, functions, strict=True)
        ],
        given,
        SETTINGS | {"pandas_window_bound_types": bounds, "window_bound_types": bounds},
    )
    fields = [pa.field(f"f{i}", kind) for i, (_, kind, _) in enumerate(functions)]
    kept = pa.array(range(sum(sizes)))
    assert same(*by_both(Window, (b"".join(programs), task), sizes, [*given, kept], fields, patterns))
