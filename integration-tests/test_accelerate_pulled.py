"""Unchanged mapInPandas and mapInArrow come to the same on Beringia's workers as on PySpark's own."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyspark
import pytest
from pyspark import TaskContext, cloudpickle

import beringia.spark
from accelerated import both, covered, data, describe, describe_table, raises_later, same, some, stops_itself

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

pytestmark = covered


def first_of_all(frames):
    yield pd.DataFrame({"n": [-1], "s": ["before"]})
    n = 0
    for frame in frames:
        n += len(frame)
        yield pd.DataFrame({"n": [len(frame)], "s": [describe(frame).to_csv()]})
    yield pd.DataFrame({"n": [n], "s": [f"after {TaskContext.get().partitionId()}"]})


def only_the_first(frames):
    for frame in frames:
        yield frame[["n", "s"]]
        return


def nobody(frames):
    return iter(())


def without_end(frames):
    while True:
        yield pd.DataFrame({"n": np.arange(100_000), "s": "many bytes of text"})


def more_than_asked_for(frames):
    for frame in frames:
        for i in range(3):
            yield frame.assign(n=i, other=i)


FRAMES = {
    "that are described": (first_of_all, lambda df: df),
    "of the first batch": (only_the_first, lambda df: df),
    "of no partition": (first_of_all, lambda df: df.where("n < 0")),
    "returned as they came": (lambda frames: (frame[["s", "n"]] for frame in frames), lambda df: df),
    "with a column more": (more_than_asked_for, lambda df: df),
    "without end": (lambda frames: without_end(frames), lambda df: df),
    "that nobody looks at": (nobody, lambda df: df),
    "in a list": (lambda frames: list(frames), lambda df: df.select("n", "s")),
    "that are series": (lambda frames: (frame.n for frame in frames), lambda df: df),
    "of other names": (lambda frames: (frame[["n"]] for frame in frames), lambda df: df),
    "followed by an error": (raises_later, lambda df: df.select("n", "s")),
    "that are none": (lambda frames: 1, lambda df: df),
    "followed by StopIteration": (stops_itself, lambda df: df.select("n", "s")),
    "of empty partitions": (first_of_all, lambda df: df.where("n < 4")),
}


@pytest.fixture(scope="module")
def rows(spark):
    """Three partitions, and columns with and without nulls."""
    df = spark.range(0, 25, 1, 3).selectExpr(
        "id as n", "concat('ä', id) as s", "case when id % 6 > 0 then id end as i64_null", "id / 7 as f64",
        "timestamp_seconds(id) as t", "cast(id as decimal(9, 2)) as dec", "id % 2 = 0 as b",
    )  # fmt: skip
    return df.localCheckpoint()


@pytest.mark.parametrize("name", some(FRAMES))
def test_frames_that_are_pulled_are_the_same(both, conf, rows, name):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    f, select = FRAMES[name]

    def query():
        df = select(rows).mapInPandas(f, "n long, s string")
        return df.limit(150_000) if name == "without end" else df

    theirs, ours = both(query, "AcceleratedMapInPandas")
    assert same(ours, theirs)


WITH_TEXT = slice(None)
OF_NUMBERS = ("id", "i8", "i32", "f32", "f64", "b", "d", "t", "n", "i32_null", "b_null", "d_null", "t_null", "nan")


@pytest.mark.parametrize("names", [WITH_TEXT, OF_NUMBERS], ids=["with text", "of numbers and times"])
def test_frames_of_any_type_are_the_same(both, conf, data, names):
    """PySpark 4 converts all columns of a frame in one way or the other."""
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    df = data.coalesce(2).select(*(data.columns if names is WITH_TEXT else names))

    def described(frames):
        for frame in frames:
            yield describe(frame)

    nullable = ", ".join(f"{name} {kind}" for name, kind in df.dtypes)
    for f, schema in ((described, "seen string"), (lambda frames: frames, nullable)):
        theirs, ours = both(lambda f=f, schema=schema: df.mapInPandas(f, schema), "AcceleratedMapInPandas")
        assert isinstance(ours[1], list)
        assert ours == theirs


def the_same_again(frames):
    again = pd.DataFrame({"n": [0, 0], "s": ["", ""]})
    for i, frame in enumerate(frames):
        again["n"] = i
        again.loc[:, "s"] = frame.s.iloc[0]
        yield again


def misfits_before_it_raises(frames):
    for frame in frames:
        yield frame[["n", "s"]].assign(n="no number")
    raise ValueError("later")


@pytest.mark.parametrize("f", [the_same_again, misfits_before_it_raises])
def test_frames_are_taken_before_the_function_goes_on(both, conf, rows, f):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    theirs, ours = both(lambda: rows.mapInPandas(f, "n long, s string"), "AcceleratedMapInPandas")
    assert same(ours, theirs)
    assert "later" not in repr(ours)


def seen_batches(batches):
    yield pa.record_batch({"s": ["before"], "n": [-1]}).select(["n", "s"])
    for batch in batches:
        text = repr([*describe_table(pa.table(batch)), [column.offset for column in batch.columns]])
        yield pa.record_batch({"n": [batch.num_rows], "s": [text]})


def gives(*columns, **types):
    def f(batches):
        for batch in batches:
            chosen = [batch.column(name) for name in columns]
            yield pa.record_batch(
                [c.cast(types.get(name, c.type)) for name, c in zip(columns, chosen, strict=True)], names=columns
            )

    return f


BATCHES = {
    "that are described": (seen_batches, None),
    "of empty partitions": (seen_batches, "n < 4"),
    "of large strings": (gives("n", "s", s=pa.large_string()), None),
    "without a column": (gives("n"), None),
    "of other names": (gives("s", "n"), None),
    "of another type, without rows": (lambda batches: iter([pa.record_batch({"n": [1.5], "s": ["a"]})[:0]]), None),
    "of another type": (gives("n", "s", n=pa.int32()), None),
    "that are frames": (lambda batches: (batch.to_pandas() for batch in batches), None),
    "with nulls": (
        lambda batches: (pa.record_batch([b.column("i64_null"), b.column("s")], names=["n", "s"]) for b in batches),
        None,
    ),
}


BATCHES_MISFIT = ("of another type", "of other names", "without a column")


@pytest.mark.parametrize("name", some(BATCHES))
def test_batches_that_are_pulled_are_the_same(both, conf, rows, name):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    f, where = BATCHES[name]
    df = rows.where(where) if where else rows
    theirs, ours = both(lambda: df.mapInArrow(f, "n long, s string"), "AcceleratedMapInArrow")
    if name in BATCHES_MISFIT:  # which is an error of Spark's generated code, whatever that says
        assert issubclass(theirs[0], Exception)
        assert "where this was declared" in ours[1]
    else:
        assert same(ours, theirs)


def test_batches_have_the_large_types_that_are_asked_for(both, conf, rows):
    conf("spark.sql.execution.arrow.useLargeVarTypes", "true")
    theirs, ours = both(lambda: rows.mapInArrow(seen_batches, "n long, s string"), "AcceleratedMapInArrow")
    assert "large_string" in repr(theirs)
    assert same(ours, theirs)


def test_functions_that_pull_from_each_other_take_turns(both, conf, rows):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    conf("spark.beringia.accelerate", "true")

    def counted(frames):
        for i, frame in enumerate(frames):
            yield frame.assign(n=frame.n * 10 + i)

    query = rows.select("n").mapInPandas(counted, "n long").mapInPandas(counted, "n long")
    ours = sorted(query.collect())
    assert [node.reason for node in beringia.spark.explain_acceleration(query)] == [None, None]
    conf("spark.beringia.accelerate", "false")
    query = rows.select("n").mapInPandas(counted, "n long").mapInPandas(counted, "n long")
    assert sorted(query.collect()) == ours


PULLS_LEFT = {
    "it is in barrier mode": lambda df, conf: df.mapInPandas(nobody, "n long", barrier=True),
    "spark.sql.execution.arrow.maxRecordsPerBatch is 0": lambda df, conf: (
        conf("spark.sql.execution.arrow.maxRecordsPerBatch", "0") or df.mapInPandas(nobody, "n long")
    ),
    "spark.sql.execution.arrow.maxBytesPerBatch is set": lambda df, conf: (
        conf("spark.sql.execution.arrow.maxBytesPerBatch", "1000") or df.mapInPandas(nobody, "n long")
    ),
}


@pytest.mark.parametrize("reason", PULLS_LEFT)
def test_frames_that_cannot_be_pulled_are_left_to_spark(conf, rows, reason):
    conf("spark.beringia.accelerate", "true")
    query = PULLS_LEFT[reason](rows, conf)
    assert beringia.spark.explain_acceleration(query) == [("MapInPandas", reason)]
