"""Windows on Spark: what moves, what the plan shows, and the same results as without Spark, whatever the batches."""

from __future__ import annotations

import datetime
import operator

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

import beringia
from beringia.errors import ArgumentError, GroupTooLargeError
from beringia.spark import numpy_map
from plans import nodes

OVERLAP = 5
ROWS = 4000


def member(n):
    return n.tolist()


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(7)
    t = rng.integers(-3000, 3000, ROWS)
    missing = rng.random(ROWS) < 0.02
    return pa.table(
        {
            "k": rng.choice(["a", "b", "c"], ROWS, p=[0.7, 0.2, 0.1]),
            "t": pa.array(t, mask=missing),
            "n": np.arange(ROWS),
            "pad": pa.array([f"{i:x}" * (i % 7) for i in range(ROWS)]),
        }
    )


@pytest.fixture(scope="module")
def df(spark, table):
    return spark.createDataFrame(table.to_pylist(), "k string, t long, n long, pad string").repartition(4).cache()


@pytest.fixture(scope="module")
def pool():
    with beringia.Pool(workers=1) as pool:
        yield pool


def found(rows, *keys):
    """Windows with their rows, in any order."""
    return sorted((tuple(map(str, map(row.__getitem__, keys))), sorted(row["rows"])) for row in rows)


def expected(pool, table, by, *keys):
    returns = pa.schema({"rows": pa.list_(pa.int64())})
    return found(beringia.numpy_map(member, table, returns, by=by, pool=pool).to_pylist(), *keys)


def asdicts(result):
    return [row.asDict(recursive=True) for row in result.collect()]


def exchanged(result):
    """Rows that the exchanges of a DataFrame whose action has run have written."""
    plan = result._jdf.queryExecution().executedPlan()
    exchanges = [node for node in nodes(plan) if node.nodeName() == "Exchange"]
    return sum(node.metrics().apply("shuffleRecordsWritten").value() for node in exchanges)


@pytest.mark.parametrize("batch_bytes", [None, 4000])
def test_a_row_is_moved_at_most_twice_whatever_the_overlap(df, table, pool, batch_bytes):
    """The blocks that two windows of a border share, and no more: with batches of few windows too."""
    windows = beringia.window("t", size=50, step=50 // OVERLAP)
    by = ["k", windows]
    result = numpy_map(member, df, "rows array<long>", by=by, batch_bytes=batch_bytes)
    assert found(asdicts(result), "k", "window") == expected(pool, table, by, "k", "window")
    placed = table.num_rows - table["t"].null_count
    # A block has sixteen times as many windows as a row lies in.
    assert placed < exchanged(result) < 1.2 * placed


@pytest.mark.parametrize(
    ("column", "size", "step"),
    [
        ("cast(t as float) / 10", 0.7, 0.1),
        ("cast(t as short)", 40, 15),
        ("date_add(date'2024-01-01', cast(t as int))", datetime.timedelta(30), datetime.timedelta(10)),
        ("timestamp_seconds(t)", datetime.timedelta(seconds=30), datetime.timedelta(seconds=60)),
    ],
)
def test_windows_over_an_expression_are_those_on_this_machine(df, pool, column, size, step):
    result = numpy_map(member, df, "rows array<long>", by=beringia.window(F.expr(column), size=size, step=step))
    rows = df.select(F.expr(column).alias("at"), "n").collect()
    table = pa.table({name: [row[name] for row in rows] for name in ("at", "n")})
    window = beringia.window("at", size=size, step=step)
    want = beringia.numpy_map(member, table, pa.schema({"rows": pa.list_(pa.int64())}), by=window, pool=pool)
    assert sorted(sorted(row["rows"]) for row in asdicts(result)) == sorted(map(sorted, want["rows"].to_pylist()))


@pytest.mark.parametrize("column", ["9223372036854775807 - n % 2", "date_add(date'2024-01-01', 200000000)"])
def test_a_position_beyond_the_last_window_is_refused(df, column):
    size = datetime.timedelta(1) if "date" in column else 1
    with pytest.raises(ArgumentError, match="too far"):
        numpy_map(member, df, "rows array<long>", by=beringia.window(F.expr(column), size=size)).collect()


def test_rows_come_in_the_order_of_the_position(df):
    by = ["k", beringia.window("t", size=100, step=50)]
    rows = numpy_map(lambda t: bool((np.diff(t) >= 0).all()), df, "sorted boolean", by=by).collect()
    assert all(row.sorted for row in rows)


def test_windows_of_rows_are_of_each_key(df, table, pool):
    by = ["k", beringia.window("t", size=300, step=100, unit="rows")]

    def span(t):
        return t.size, t.min(), t.max()

    result = numpy_map(span, df, "n long, low long, high long", by=by)
    returns = pa.schema({"n": pa.int64(), "low": pa.int64(), "high": pa.int64()})
    want = beringia.numpy_map(span, table, returns, by=by, pool=pool).to_pylist()
    assert sorted(asdicts(result), key=str) == sorted(want, key=str)


def test_the_plan_shows_windows_and_their_blocks(df, capsys):
    numpy_map(member, df, "rows array<long>", by=["k", beringia.window("t", size=50, step=10)]).explain()
    plan = capsys.readouterr().out
    assert "window of 50 every 10" in plan
    assert "hashpartitioning(k#" in plan
    assert "block#" in plan
    assert "first_block" in plan


def test_one_exchange_serves_two_calls_over_the_same_windows(spark):
    # Over a cached relation Spark itself reuses no exchange.
    df = spark.range(200).select((F.col("id") % 50).alias("t"), F.col("id").alias("n"))
    by = beringia.window("t", size=10, step=5)
    sizes = numpy_map(lambda n: n.size, df, "size long", by=by)
    sums = numpy_map(lambda n: n.sum(), df, "total long", by=by)
    joined = sizes.join(sums, "window")
    assert len(joined.collect()) == sizes.count() == 11
    assert "ReusedExchange" in joined._jdf.queryExecution().executedPlan().toString()


def test_the_key_is_a_struct_like_any_other(df):
    windows = numpy_map(lambda n: n.size, df, "size long", by=beringia.window("t", size=100))
    assert windows.schema["window"].dataType.simpleString() == "struct<start:bigint,end:bigint>"
    again = windows.where("window.start = 0").select("window.end", "size").collect()
    assert [(row.end, row.size) for row in again] == [(100, df.where("t between 0 and 99").count())]
    assert windows.union(windows).groupBy("window").count().where("count != 2").count() == 0


def test_windows_of_a_group_that_is_too_large_say_so(conf, df):
    by = ["k", beringia.window("t", size=10**6)]
    conf("spark.beringia.maxGroupBytes", "2000")
    with pytest.raises(GroupTooLargeError, match="k=a, window="):
        numpy_map(member, df.where("k = 'a'"), "rows array<long>", by=by).collect()


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (pd.Timedelta(1500, "ns"), "size is no whole number of microseconds"),
        (np.timedelta64(5, "s"), "size is a number, or a duration, above zero"),
        (10**400, "size is a number, or a duration, above zero"),
    ],
    ids=str,
)
def test_sizes_that_cannot_be_kept_are_refused(df, size, says):
    with pytest.raises(ArgumentError, match=says):
        numpy_map(member, df, "rows array<long>", by=beringia.window("t", size=size))


def test_positions_beyond_what_can_be_counted_are_an_error(spark):
    far = spark.range(1).select(F.lit(1e300).alias("t"), F.col("id").alias("n"))
    with pytest.raises(ArgumentError, match=r"position 1\.0E300 is too far from 0 for steps of 1"):
        numpy_map(member, far, "rows array<long>", by=beringia.window("t", size=1)).collect()


def test_windows_at_the_ends_of_64_bits_are_found(spark):
    ends = [-(2**63) + 40, 2**63 - 41]
    frame = spark.createDataFrame([(t, i) for i, t in enumerate(ends)], "t long, n long")
    rows = asdicts(numpy_map(member, frame, "rows array<long>", by=beringia.window("t", size=2, step=1)))
    assert sorted(operator.itemgetter("rows")(row) for row in rows) == [[0], [0], [1], [1]]


def test_streams_are_refused_with_what_to_do(spark):
    stream = spark.readStream.format("rate").load()
    by = beringia.window("timestamp", size=datetime.timedelta(minutes=1))
    with pytest.raises(ArgumentError, match=r"F\.window"):
        numpy_map(lambda value: value.size, stream, "n long", by=by)


def test_by_is_groupby(df):
    sums = {row.k: row.total for row in numpy_map(lambda n: n.sum(), df, "total long", by=["k"]).collect()}
    assert sums == {row.k: row["sum(n)"] for row in df.groupBy("k").sum("n").collect()}
    with pytest.raises(ArgumentError, match="by is for a DataFrame"):
        numpy_map(lambda n: n.sum(), df.groupBy("k"), "total long", by="k")
    with pytest.raises(ArgumentError, match="by must be a column"):
        numpy_map(lambda n: n.sum(), df, "total long", by=3)
