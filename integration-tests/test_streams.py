"""Streams: rows, batches, and the groups of windows of event time, which Spark's state gathers."""

from __future__ import annotations

import datetime
import itertools
import json
import os

import numpy as np
import pytest
from pyspark.sql import functions as F

from beringia.errors import ArgumentError, GroupError
from beringia.spark import numpy_map

SCHEMA = "t timestamp, id string, x double"
NAMES = (f"stream_{number}" for number in itertools.count())


class Source:
    """A folder of JSON, each file of which is a micro-batch."""

    def __init__(self, spark, folder):
        self._spark = spark
        self._folder = folder
        self._files = 0

    def add(self, *rows):
        """Write a file of rows: minutes past ten, id, x."""
        self._files += 1
        lines = [json.dumps({"t": f"2024-01-01T10:{minute:02}:00Z", "id": id_, "x": x}) for minute, id_, x in rows]
        file = self._folder / f"{self._files}.json"
        file.write_text("\n".join(lines), encoding="utf-8")
        os.utime(file, (1.7e9 + self._files,) * 2)  # files come in the order of their times

    def frame(self):
        return self._spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1).json(str(self._folder))

    def windows(self, delay="0 seconds"):
        """The stream by windows of ten minutes, and by id."""
        return self.frame().withWatermark("t", delay).groupBy(F.window("t", "10 minutes"), "id")


@pytest.fixture
def source(spark, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    return Source(spark, folder)


def drained(frame, mode="append"):
    """All rows that a stream gives, in order."""
    rows = []

    def collect(batch, _):
        rows.extend(batch.collect())

    run(frame.writeStream.foreachBatch(collect).outputMode(mode))
    return sorted((short(row) for row in rows), key=repr)


def run(writer):
    """Run a query over all that is there."""
    query = writer.trigger(availableNow=True).start()
    try:
        query.awaitTermination()
    finally:
        query.stop()


def short(row):
    """A row as a tuple: of a window the minute in which it begins."""
    return tuple(minute(value.start) if hasattr(value, "start") else value for value in row)


def minute(instant):
    return instant.astimezone(datetime.timezone.utc).minute


def total(x):
    return x.sum(), x.size


def test_each_row_of_a_stream(source):
    source.add((1, "a", 1.0), (2, "b", 4.0))
    source.add((3, "a", 9.0))
    roots = numpy_map(np.sqrt, source.frame(), "root double", args=["x"], keep="id")
    assert drained(roots) == [("a", 1.0), ("a", 3.0), ("b", 2.0)]


@pytest.mark.parametrize("per", ["batch", "partition"])
def test_batches_and_partitions_of_a_stream(source, per):
    source.add((1, "a", 1.0), (2, "b", 4.0))
    source.add((3, "a", 9.0))
    roots = numpy_map(np.sqrt, source.frame(), "array<struct<root: double>>", args=["x"], per=per, keep="id")
    assert drained(roots) == [("a", 1.0), ("a", 3.0), ("b", 2.0)]


def test_the_group_of_a_window_is_all_that_came_in_it(source):
    source.add((1, "a", 1.0), (2, "b", 2.0), (11, "a", 4.0))
    source.add((9, "a", 8.0), (12, "b", 16.0))
    source.add((35, "a", 32.0))
    sums = numpy_map(total, source.windows("5 minutes"), "total double, n long")
    assert sums.columns == ["window", "id", "total", "n"]
    assert drained(sums) == [(0, "a", 9.0, 2), (0, "b", 2.0, 1), (10, "a", 4.0, 1), (10, "b", 16.0, 1)]


def test_a_late_row_is_dropped(source):
    source.add((1, "a", 1.0))
    source.add((20, "a", 2.0))
    source.add((21, "a", 0.0))
    source.add((3, "a", 4.0), (22, "a", 8.0))  # the window of the first is over
    source.add((45, "a", 16.0))
    sums = numpy_map(total, source.windows(), "total double, n long")
    assert drained(sums) == [(0, "a", 1.0, 1), (20, "a", 10.0, 3)]


def test_in_update_mode_a_group_comes_as_it_stands(source):
    source.add((1, "a", 1.0))
    source.add((2, "a", 2.0), (3, "b", 4.0))
    sums = numpy_map(total, source.windows(), "total double, n long")
    assert drained(sums, "update") == [(0, "a", 1.0, 1), (0, "a", 3.0, 2), (0, "b", 4.0, 1)]


def test_order_and_kept_columns_of_a_window(source):
    source.add((3, "a", 3.0), (1, "a", 1.0))
    source.add((2, "a", 2.0))
    source.add((40, "a", 0.0))
    ranks = numpy_map(
        lambda x, window: x.cumsum(),
        source.windows("10 minutes"),
        "array<struct<sum: double>>",
        order_by=F.desc("t"),
        keep=["x", F.minute("t").alias("m")],
    )
    assert drained(ranks) == [(0, "a", 1.0, 1, 6.0), (0, "a", 2.0, 2, 5.0), (0, "a", 3.0, 3, 3.0)]


def test_a_window_without_columns_is_a_call(source):
    source.add((1, "a", 1.0), (2, "a", 1.0))
    source.add((40, "a", 0.0))
    starts = numpy_map(lambda window: window["start"].astype(int) // 60_000_000 % 60, source.windows(), "y long")
    assert drained(starts) == [(0, "a", 0)]


def test_a_restart_from_a_checkpoint_loses_and_repeats_nothing(spark, source, tmp_path):
    fails = tmp_path / "fails"

    def fragile(key, x):
        if fails.exists() and key == "b":
            raise ValueError("not today")
        return x.sum(), x.size

    def start():
        sums = numpy_map(fragile, source.windows(), "total double, n long", args={"key": "id"})
        files = sums.writeStream.format("parquet").option("path", str(tmp_path / "sums"))
        run(files.option("checkpointLocation", str(tmp_path / "checkpoint")))

    source.add((1, "a", 1.0), (2, "b", 2.0), (12, "a", 4.0))
    start()
    source.add((9, "c", 8.0), (13, "b", 16.0))  # the first is late
    source.add((25, "a", 32.0))
    fails.touch()
    with pytest.raises(GroupError, match="not today") as caught:
        start()
    assert "window={start: 2024-01-01 10:10:00, end: 2024-01-01 10:20:00}, id='b'" in str(caught.value)
    fails.unlink()
    start()
    source.add((50, "a", 64.0))
    start()
    rows = sorted((short(row) for row in spark.read.parquet(str(tmp_path / "sums")).collect()), key=repr)
    assert rows == [
        (0, "a", 1.0, 1),
        (0, "b", 2.0, 1),
        (10, "a", 4.0, 1),
        (10, "b", 16.0, 1),
        (20, "a", 32.0, 1),
    ]


def test_session_windows_of_a_stream_and_of_data_at_rest(spark, source):
    source.add((1, "a", 1.0), (3, "a", 2.0), (2, "b", 4.0))
    source.add((6, "a", 8.0), (20, "a", 16.0))
    source.add((50, "c", 0.0))
    sessions = F.session_window("t", "5 minutes")
    stream = source.frame().withWatermark("t", "10 minutes").groupBy(sessions, "id")
    expected = [(1, "a", 11.0, 3), (2, "b", 4.0, 1), (20, "a", 16.0, 1)]
    assert drained(numpy_map(total, stream, "total double, n long")) == expected
    rest = spark.read.schema(SCHEMA).json(str(source._folder)).groupBy(sessions, "id")
    rows = numpy_map(total, rest, "total double, n long").collect()
    assert sorted(map(short, rows), key=repr) == [*expected, (50, "c", 0.0, 1)]


def test_windows_of_data_at_rest(spark, source):
    source.add((1, "a", 1.0), (9, "a", 2.0), (12, "a", 4.0))
    frame = spark.read.schema(SCHEMA).json(str(source._folder))
    for window in (F.window("t", "10 minutes"), F.window("t", "10 minutes", "5 minutes")):
        ours = numpy_map(total, frame.groupBy(window), "total double, n long")
        assert dict(ours.dtypes)["window"] == "struct<start:timestamp,end:timestamp>"
        spark_s = frame.groupBy(window).agg(F.sum("x"), F.count("x"))
        assert sorted(map(short, ours.collect())) == sorted(map(short, spark_s.collect()))


def test_the_event_time_of_kept_columns_and_of_windows_is_known_behind(source):
    source.add((1, "a", 1.0), (2, "a", 2.0), (3, "b", 4.0))
    source.add((40, "a", 0.0))
    source.add((41, "a", 0.0))
    frame = source.frame().withWatermark("t", "0 seconds")
    roots = numpy_map(np.sqrt, frame, "root double", args=["x"], keep="t")
    counts = roots.groupBy(F.window("t", "10 minutes")).count()
    assert drained(counts) == [(0, 3)]
    totals = numpy_map(total, source.windows(), "total double, n long")
    assert drained(totals.groupBy("window").agg(F.sum("total"), F.count("id"))) == [(0, 7.0, 2)]


@pytest.mark.parametrize(
    "grouped",
    [
        lambda source: source.frame().groupBy("id"),
        lambda source: source.frame().groupBy(),
        lambda source: source.frame().groupBy(F.window("t", "10 minutes")),
        lambda source: source.frame().withWatermark("t", "0 seconds").groupBy("id"),
    ],
    ids=["by a column", "all", "by a window without a watermark", "by no window"],
)
def test_groups_that_are_never_complete_are_refused(source, grouped):
    with pytest.raises(ArgumentError, match=r"(?s)withWatermark.*foreachBatch"):
        numpy_map(total, grouped(source), "total double, n long")


def test_a_window_is_no_argument(spark):
    frame = spark.sql("select timestamp'2024-01-01 10:00:00' as t, 1.0D as x")
    with pytest.raises(ArgumentError, match="a time window leaves out rows"):
        numpy_map(lambda w: 0.0, frame, "y double", args={"w": F.window("t", "10 minutes")})
