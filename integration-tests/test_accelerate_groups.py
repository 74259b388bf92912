"""Cogroups, and groups as iterators, come to the same on Beringia's workers as on PySpark's own."""

from __future__ import annotations

import sys
from typing import Any, Iterator, Tuple  # noqa: UP035 (of these PySpark knows the names)

import pandas as pd
import pyarrow as pa
import pyspark
import pytest
from pyspark import cloudpickle
from pyspark.sql import functions as F

import beringia.spark
from accelerated import both, covered, data, describe, of_spark_4, same, some

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

COGROUPS = "AcceleratedCoGroupsInPandas"

pytestmark = covered


@pytest.fixture(scope="module")
def other(spark):
    """Some of the keys of `data`, and others, under names that it has too."""
    df = spark.range(2, 40).selectExpr(
        "cast(id % 10 as int) as g",
        "id % 3 = 0 as b",
        "case when id % 4 > 0 then concat('x', id) end as s_null",
        "case when id % 5 > 0 then cast(id as int) end as i32_null",
        "id / 3 as f64",
        "cast(id as decimal(20, 0)) as dec",
        "timestamp_micros(id * 86400123456) as t",
        "date_add(date '2020-01-01', cast(id as int)) as d_null",
    )
    return df.localCheckpoint()


def of_both(key, left, right):
    return pd.concat(
        [pd.DataFrame({"seen": [repr(key), repr([type(k) for k in key])]}), describe(left), describe(right)]
    )


KEYS = (["g"], ["b"], ["s_null"], ["g", "b"], ["dec"], ["d_null"], ["f64"], [])


@pytest.mark.parametrize("keys", some(KEYS))
def test_frames_of_both_sides_are_the_same(both, data, other, keys):
    if keys == ["dec"]:
        data = data.drop("dec").withColumnRenamed("dec_null", "dec")
    groups = data.groupBy(*keys).cogroup(other.groupBy(*keys))
    theirs, ours = both(lambda: groups.applyInPandas(of_both, "seen string"), COGROUPS)
    assert ours == theirs


def joined(left, right):
    return pd.merge(left, right, on="g", how="outer")


def lengths(left, right):
    return pd.DataFrame({"n": [len(left)], "m": [len(right)], "types": [repr([*left.dtypes, *right.dtypes])]})


def written(left, right):
    left["id"] = 0
    right.drop(columns="f64", inplace=True)
    return pd.DataFrame({"n": [int(left.id.sum())], "columns": [repr(right.columns)]})


def in_turn(left, right):
    return left.iloc[:1] if len(left) else right.iloc[:1]


def raises(left, right):
    if len(left) == 3:
        raise ValueError("three")
    return left


def small(df):
    return df.select("g", "id", "f64")


COGROUPED = {
    "joined": (lambda a, b: (small(a), b.select("g", "t")), joined, "g int, id long, f64 double, t timestamp"),
    "without rows on the left": (lambda a, b: (a.where("id < 0"), b), lengths, "n long, m long, types string"),
    "without rows on the right": (lambda a, b: (a, b.where("g < 0")), lengths, "n long, m long, types string"),
    "without rows": (lambda a, b: (a.where("id < 0"), b.where("g < 0")), lengths, "n long, m long, types string"),
    "of one and the same": (lambda a, b: (small(a), small(a)), lengths, "n long, m long, types string"),
    "that are written to": (lambda a, b: (small(a), b), written, "n long, columns string"),
    "that raise": (lambda a, b: (small(a), b), raises, "g int, id long, f64 double"),
    "of other columns": (lambda a, b: (small(a), b), in_turn, "g int, id long, f64 double"),
    "that do not fit": (lambda a, b: (small(a), b), lengths, "n string, m long, types string"),
}


@pytest.mark.parametrize(
    "name", [n if i % 2 == 0 else pytest.param(n, marks=pytest.mark.slow) for i, n in enumerate(COGROUPED)]
)
def test_cogroups_are_the_same(both, data, other, name):
    make, f, schema = COGROUPED[name]
    left, right = make(data, other)
    groups = left.groupBy("g").cogroup(right.groupBy("g"))
    theirs, ours = both(lambda: groups.applyInPandas(f, schema), COGROUPS)
    assert same(ours, theirs)


def test_cogroups_of_other_keys_are_left_to_spark(spark, conf, data, other):
    conf("spark.beringia.accelerate", "true")
    groups = data.select("id").groupBy("id").cogroup(other.select("g").groupBy("g"))
    query = groups.applyInPandas(lambda left, right: left, "id long")
    reason = "the key 'id' is of type bigint on one side, and 'g' of type int on the other"
    assert beringia.spark.explain_acceleration(query) == [("FlatMapCoGroupsInPandas", reason)]


def tables(key, left, right):
    text = [repr(key)]
    for table in (left, right):
        chunks = [[(chunk.offset, len(chunk)) for chunk in column.chunks] for column in table.columns]
        text += [table.schema.to_string(show_schema_metadata=True), repr(chunks), repr(table.to_pydict())]
    return pa.table({"seen": text})


TABLES = {
    "that are described": (lambda a, b: (a, b), tables, "seen string"),
    "without rows on the left": (lambda a, b: (a.where("id < 0"), b), tables, "seen string"),
    "of one side": (lambda a, b: (small(a), b), lambda left, right: left, "g int, id long, f64 double"),
    "of another type": (lambda a, b: (small(a), b), lambda left, right: right, "g int, id long, f64 double"),
    "of nothing": (lambda a, b: (small(a), b), lambda left, right: pa.table({}), "g int"),
}


@of_spark_4
@pytest.mark.parametrize("name", TABLES)
def test_tables_of_both_sides_are_the_same(both, conf, data, other, name):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    make, f, schema = TABLES[name]
    left, right = make(data, other)
    groups = left.groupBy("g").cogroup(right.groupBy("g"))
    theirs, ours = both(lambda: groups.applyInArrow(f, schema), "AcceleratedCoGroupsInArrow")
    assert same(ours, theirs)


def described_frames(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    rows = 0
    for frame in frames:
        rows += len(frame)
        yield pd.DataFrame({"seen": [describe(frame).to_csv()]})
    yield pd.DataFrame({"seen": [f"after {rows}"]})


def keyed_frames(key: Tuple[Any, ...], frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:  # noqa: UP006
    yield pd.DataFrame({"seen": [repr(key)]})
    yield from described_frames(frames)


def first_frames(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    yield pd.DataFrame({"seen": [describe(next(frames)).to_csv()]})


def other_frames(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for frame in frames:
        yield frame[["g"]]


def raising_frames(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for frame in frames:
        if frame.g.iloc[0] == 4:
            raise ValueError("four")
        yield pd.DataFrame({"seen": [str(len(frame))]})


def described_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        text = [batch.schema.to_string(show_schema_metadata=True), batch.to_pydict(), [c.offset for c in batch.columns]]
        yield pa.record_batch({"seen": [repr(text)]})


def keyed_batches(key: Tuple[Any, ...], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:  # noqa: UP006
    yield pa.record_batch({"seen": [repr(key)]})
    yield from described_batches(batches)


PULLED = {
    "frames that are described": (described_frames, "InPandas"),
    "frames with their key": (keyed_frames, "InPandas"),
    "frames of which one is looked at": (first_frames, "InPandas"),
    "frames that do not fit": (other_frames, "InPandas"),
    "frames that raise": (raising_frames, "InPandas"),
    "batches that are described": (described_batches, "InArrow"),
    "batches with their key": (keyed_batches, "InArrow"),
}


KEYED = [("frames with their key", ["s_null"]), ("batches with their key", ["s_null"]), ("frames with their key", [])]


@of_spark_4
@pytest.mark.parametrize(("name", "keys"), [*((name, ["g"]) for name in PULLED), *KEYED], ids=str)
def test_groups_that_are_pulled_are_the_same(both, conf, data, name, keys):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    f, of = PULLED[name]
    call = f"apply{of}"
    theirs, ours = both(lambda: getattr(data.groupBy(*keys), call)(f, "seen string"), f"AcceleratedGroups{of}")
    assert same(ours, theirs)


def total_of_portions(columns: Iterator[pd.Series]) -> float:
    return float(sum(column.sum() * (i + 1) for i, column in enumerate(columns)))


def first_of_portions(columns: Iterator[Tuple[pd.Series, pd.Series]]) -> str:  # noqa: UP006
    return repr([(one.tolist(), one.dtype, one.name, other.tolist()) for one, other in [next(columns)]])


def latest_of_portions(columns: Iterator[pd.Series]) -> Any:
    return max(column.max() for column in columns)


def total_of_arrays(columns: Iterator[pa.Array]) -> int:
    return sum(sum(column.to_pylist()) * (i + 1) for i, column in enumerate(columns))


def raising_portions(columns: Iterator[pd.Series]) -> float:
    raise ValueError(next(columns).tolist())


PORTIONS = {
    "of series": lambda df: df.groupBy("g").agg(F.pandas_udf(total_of_portions, "double")("f64")),
    "of two series": lambda df: df.groupBy("s_null").agg(F.pandas_udf(first_of_portions, "string")("b_null", "t")),
    "that are times": lambda df: df.groupBy("g").agg(F.pandas_udf(latest_of_portions, "timestamp")("t")),
    "that do not fit": lambda df: df.groupBy("g").agg(F.pandas_udf(first_of_portions, "double")("id", "s")),
    "that raise": lambda df: df.groupBy("g").agg(F.pandas_udf(raising_portions, "double")("id")),
    "of all rows": lambda df: df.agg(F.pandas_udf(total_of_portions, "double")("f64")),
    "of arrays": lambda df: df.groupBy("g").agg(F.arrow_udf(total_of_arrays, "long")("id")),
}


@of_spark_4
@pytest.mark.parametrize("name", PORTIONS)
def test_aggregates_of_portions_are_the_same(both, conf, data, name):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    node = "AcceleratedAggregateInArrow" if name == "of arrays" else "AcceleratedAggregateInPandas"
    theirs, ours = both(lambda: PORTIONS[name](data), node)
    assert same(ours, theirs)


@of_spark_4
def test_no_group_is_no_call(both, data):
    none = data.where("id < 0").groupBy("g")
    theirs, ours = both(lambda: none.applyInPandas(keyed_frames, "seen string"))
    assert ours == theirs
    assert ours[1] == []
