"""A grouped map over a batch comes to what PySpark's own function comes to over each group on its own."""

from __future__ import annotations

import io
import json
import struct
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark import SparkFiles, TaskContext, cloudpickle
from pyspark import __version__ as spark_version
from pyspark.sql.pandas.types import from_arrow_schema

from beringia.spark.udf import batch as batches
from beringia.spark.udf.command import Command
from beringia.spark.udf.groups import GroupedMap

pytestmark = pytest.mark.skipif(spark_version >= "4", reason="functions are accelerated on Spark 3.5 only")

every = settings(derandomize=True, deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))

ZONE = "America/New_York"
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


def payload(function, schema, columns):
    """What Spark 3.5 writes for a function of key and frame, of which the first column is the key."""
    out = io.BytesIO()

    def integer(value):
        out.write(struct.pack("!i", value))

    def text(value):
        integer(len(value))
        out.write(value)

    integer(1)
    text(b"spark.sql.session.timeZone")
    text(ZONE.encode())
    offsets = [columns + 2, 1, 0, *range(columns)]
    integer(1)
    integer(len(offsets))
    for offset in offsets:
        integer(offset)
    integer(1)
    text(cloudpickle.dumps((function, from_arrow_schema(schema, prefer_timestamp_ntz=True))))
    return out.getvalue()


def options(columns):
    task = {"stage": 1, "partition": 2, "attemptNumber": 0, "attemptId": 3, "cpus": 1, "localProperties": {}}
    task |= {"resources": {}, "files": "/nowhere", "includes": [], "broadcasts": {}}
    given = {"evalType": 201, "keys": 1, "keyColumns": [0], "valueColumns": list(range(columns)), "timeZone": ZONE}
    return json.dumps({**given, "environment": {}, "task": task}).encode()


def batch(sizes, columns):
    bounds = np.cumsum([0, *sizes])
    lists = [pa.LargeListArray.from_arrays(pa.array(bounds, pa.int64()), column) for column in columns]
    keys = columns[0].take(pa.array(bounds[:-1]))
    return pa.table([keys, *lists], names=["key", *(f"c{i}" for i in range(len(columns)))])


def plain(kind):
    """A type as PySpark's results have it."""
    return {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}.get(kind, kind)


def mapped(function, sizes, columns, fields, *, patterns=None):
    """The results of a batch, or what was raised; with `patterns` of nulls beyond which groups go their own way."""
    arguments = payload(function, pa.schema([field.with_type(plain(field.type)) for field in fields]), len(columns))
    before = batches._PATTERNS
    batches._PATTERNS = before if patterns is None else patterns
    try:
        grouped = GroupedMap(arguments, options(len(columns)), pa.schema(fields).empty_table())
        calls = grouped.begin(batch(sizes, columns))
        for group in range(len(sizes)):
            calls.prepare(group)
            calls.append(calls.call())
        return calls.finish()
    except Exception as error:
        return type(error), str(error)
    finally:
        batches._PATTERNS = before


def by_pyspark(function, sizes, columns, fields):
    """The same by PySpark's function and serializer, a group at a time."""
    arguments = payload(function, pa.schema([field.with_type(plain(field.type)) for field in fields]), len(columns))
    command = Command(arguments, options(len(columns)))
    groups = batches.Groups(command, batch(sizes, columns).to_batches()[0], {})
    try:
        results = [command.serializer._create_batch(command(groups.series(i))) for i in range(len(sizes))]
    except Exception as error:
        return type(error), str(error)
    parts = [result.column(0).flatten() for result in results]
    return pa.table(
        [
            pa.chunked_array(list(chunks)).cast(field.type)
            for chunks, field in zip(zip(*parts, strict=True), fields, strict=True)
        ],
        schema=pa.schema(fields),
    )


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
    return one.schema == other.schema and repr(one.to_pylist()) == repr(other.to_pylist())


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


@every
@given(rows(), st.data())
def test_results_of_any_type_are_converted_to_any_type(given, data):
    sizes, columns = given
    fields = [pa.field(f"c{i}", data.draw(st.sampled_from(list(TYPES)))) for i in range(len(columns))]
    assert same(mapped(unchanged, sizes, columns, fields), by_pyspark(unchanged, sizes, columns, fields))


def test_groups_are_cut_from_the_batch():
    sizes, columns = [2, 3, 1], [pa.array([0, 0, 1, 1, None, 2]), pa.array([True, None, True, True, False, None])]
    fields = [pa.field("seen", pa.large_string())]
    command = Command(payload(described, pa.schema([pa.field("seen", pa.string())]), 2), options(2))
    groups = batches.Groups(command, batch(sizes, columns).to_batches()[0], {})
    assert all(groups.frames(i) is not None for i in range(3))
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
