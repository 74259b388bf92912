"""Without groups: what a call gets by row, by batch, by partition."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from pyspark.sql import functions as F

import beringia
from beringia.errors import GroupTooLargeError
from beringia.spark import numpy_map
from plans import metrics, nodes


@pytest.fixture(scope="module")
def df(spark):
    """A thousand rows in four partitions, and a fifth that is empty."""
    rows = spark.range(0, 1000, 1, 4).select(F.col("id").alias("i"), (F.col("id") / 2).alias("x"))
    return rows.union(rows.where("i < 0").coalesce(1))


def test_a_partition_is_one_call(df, collected):
    result = numpy_map(lambda i, x: (i.min(), i.size, x.sum()), df, "first long, n int, total double", per="partition")
    expected = [(k, 250, sum(range(k, k + 250)) / 2) for k in range(0, 1000, 250)]
    # No rows, no call: the empty partition gives no row.
    assert collected(result) == sorted(expected, key=repr)


def test_a_partition_may_give_many_rows(df):
    result = numpy_map(lambda i: i[:2], df, "array<struct<i: long>>", per="partition")
    assert sorted(row.i for row in result.collect()) == [0, 1, 250, 251, 500, 501, 750, 751]


def test_a_function_has_items_done_by_the_workers_that_others_leave(df):
    def total(x):
        def item(index):
            time.sleep(0.03)
            return os.getpid(), x[index]

        results = beringia.scatter(item, range(20))
        return sum(value for _, value in results), len({pid for pid, _ in results})

    one = df.where("i < 20").coalesce(1)
    for _ in range(20):  # a second worker is started in the background
        (row,) = numpy_map(total, one, "total double, workers int", per="partition").collect()
        assert row.total == 95.0
        if row.workers > 1:
            break
    assert row.workers > 1


def test_a_partition_in_order(df, collected):
    result = numpy_map(lambda i: i[0], df, "i long", per="partition", order_by=F.desc("i"))
    assert collected(result) == [(249,), (499,), (749,), (999,)]


def test_a_batch_is_any_rows_of_a_partition(df):
    def halves(i, x):
        return {"i": i, "calls": i.size, "y": 2 * x}

    returns = "array<struct<i: long, calls: int, y: double>>"
    small = numpy_map(halves, df, returns, per="batch", batch_bytes=512)
    rows = small.collect()
    assert sorted((row.i, row.y) for row in rows) == [(i, float(i)) for i in range(1000)]
    assert max(row.calls for row in rows) < 100
    assert metrics(small)["numGroups"] > 10
    large = numpy_map(halves, df, returns, per="batch", batch_bytes="8m")
    assert {row.calls for row in large.collect()} == {250}
    assert metrics(large)["numGroups"] == 4


def test_rows_stay_where_they_are(df):
    for per, returns in [("batch", "array<struct<n: int>>"), ("partition", "n int"), ("row", "n int")]:
        result = numpy_map(lambda x: np.size(x), df, returns, per=per)
        names = [node.nodeName() for node in nodes(result._jdf.queryExecution().executedPlan())]
        assert not any("Exchange" in name or "Sort" in name for name in names)


def test_row_is_the_default(df, collected):
    one = df.where("i < 2")
    assert collected(numpy_map(lambda x: x, one, "y double")) == [(0.0,), (0.5,)]
    assert collected(numpy_map(lambda x: x, one, "y double", per="row")) == [(0.0,), (0.5,)]


def test_a_partition_past_the_cap_is_refused(conf, df):
    conf("spark.beringia.maxGroupBytes", "1k")
    with pytest.raises(GroupTooLargeError, match="maxGroupBytes"):
        numpy_map(lambda x: x.sum(), df, "y double", per="partition").collect()


def test_a_row_of_a_child_with_columns_is_a_group_by_itself(conf, df, tmp_path):
    df.write.parquet(str(tmp_path / "rows"))
    conf("spark.beringia.maxGroupBytes", "1k")
    rows = df.sparkSession.read.parquet(str(tmp_path / "rows"))
    assert numpy_map(lambda x: x, rows, "y double").agg(F.sum("y")).first()[0] == sum(range(1000)) / 2
