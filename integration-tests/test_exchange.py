"""Rows that go to their groups, and are sorted, as columns: results as without, and where it is done."""

from __future__ import annotations

import numpy as np
import pytest

from accelerated import covered
from beringia.spark import numpy_map
from plans import names, sorted_as_rows
from session import setting, spilling

ROW = """
  id AS i, id % 5 = 0 AS b, CAST(id % 100 AS tinyint) AS i8, CAST(id AS smallint) AS i16, CAST(id AS int) AS i32,
  CAST(id / 7 AS float) AS f, IF(id % 5 = 0, double('NaN'), id / 3) AS x, CAST(id / 4 AS decimal(9,2)) AS d,
  CAST(concat(repeat('9', 25), '.', id) AS decimal(38,4)) AS e, date_add(date'1960-02-28', CAST(id AS int)) AS day,
  timestamp_micros(id * 1000003) AS t, CAST(timestamp_micros(id * 1000003) AS timestamp_ntz) AS u,
  IF(id % 4 = 0, NULL, repeat('é', CAST(id % 3 AS int))) AS s,
  IF(id % 6 = 0, NULL, CAST(CAST(id AS string) AS binary)) AS y
"""
KEYS = """
  CASE id % 6 WHEN 0 THEN NULL WHEN 1 THEN double('NaN') WHEN 2 THEN -double('NaN') WHEN 3 THEN 0.0D WHEN 4 THEN -0.0D
    ELSE 1.5D END AS g
"""


def told(df):
    """The rows as text: missing and NaN are told apart."""
    return sorted(map(str, df.collect()))


@pytest.fixture(scope="module")
def rows(spark):
    """Rows of every type that goes in blocks, and groups whose keys are hard."""
    return spark.sql(f"SELECT {KEYS}, {ROW} FROM range(0, 3000, 1, 3)")


def count(i):
    """The group in one number and how many rows it has."""
    return len(i), int(i.sum())


def whole(i8, i16, i32, f, x, d, e, day, t, u, s, y):
    """All that a group has, as text."""
    return repr([np.asarray(column, dtype=object).tolist() for column in (i8, i16, i32, f, x, d, e, day, t, u, s, y)])


@pytest.mark.parametrize("keys", [("b", "s"), ("g",), ("e", "y"), ("d", "f", "i8"), ("t", "day"), ("u", "x")])
def test_every_type_comes_back_and_is_grouped_by(spark, rows, keys):
    def run():
        return numpy_map(whole, rows.groupBy(*keys), "text string", order_by=["i"])

    with setting(spark, spark_beringia_exchange_columns="false"):
        expected = run()
        assert "Blocks" not in names(expected)
        expected = told(expected)
    in_memory = run()
    assert told(in_memory) == expected
    assert sorted_as_rows(in_memory) == (0, 0)
    with spilling(spark, 500):
        spilled = run()
        assert told(spilled) == expected
    partitions, spill = sorted_as_rows(spilled)
    assert partitions > 0 and spill > 0


@pytest.mark.parametrize("missing", [True, False])
def test_columns_of_every_type_are_taken_as_they_are(spark, rows, tmp_path, missing):
    rows = rows if missing else rows.na.drop()
    rows.coalesce(1).write.parquet(str(tmp_path / "rows"))  # more of them in a batch than are taken at a time
    columns = spark.read.parquet(str(tmp_path / "rows"))

    def run():
        return numpy_map(whole, columns.groupBy("b", "i8"), "text string", order_by=["i"])

    with setting(spark, spark_beringia_exchange_columns="false"):
        expected = told(run())
    found = run()
    assert "Blocks" in names(found)
    assert "ColumnarToRow" not in names(found)
    assert told(found) == expected


@pytest.mark.parametrize("adaptive", ["true", "false"])
@pytest.mark.parametrize("partitions", [1, 200])
def test_keys_are_the_same_as_with_rows(spark, rows, adaptive, partitions):
    with setting(spark, spark_sql_adaptive_enabled=adaptive, spark_sql_shuffle_partitions=partitions):
        result = numpy_map(count, rows.groupBy("g"), "n long, sum long")
        found = told(result)
        assert "SortedColumns" in names(result)
        with setting(spark, spark_beringia_exchange_columns="false"):
            assert told(numpy_map(count, rows.groupBy("g"), "n long, sum long")) == found
    assert len(found) == 4  # null, NaN, zero, one and a half


def test_small_partitions_are_put_together(spark, rows):
    with setting(spark, spark_sql_shuffle_partitions=50):
        result = numpy_map(count, rows.groupBy("i8"), "n long, sum long")
        assert len(result.collect()) == 100
        assert "AQEShuffleRead" in names(result)
        assert result.rdd.getNumPartitions() < 50


def test_rows_are_ordered_within_their_groups(spark, rows):
    hard = rows.selectExpr("i8", "i", "IF(i % 3 = 0, NULL, IF(i % 7 = 0, -0.0D, IF(i % 11 = 0, 0.0D, x))) AS x")
    order = [hard.x.desc_nulls_first(), hard.i.desc()]

    def run():
        return numpy_map(lambda i: str(i.tolist()), hard.groupBy("i8"), "text string", order_by=order)

    with setting(spark, spark_beringia_exchange_columns="false"):
        expected = told(run())
    assert told(run()) == expected
    assert "SortedColumns" in names(run())
    with spilling(spark, 500):
        assert told(run()) == expected


def test_no_rows_are_no_groups(spark, rows):
    result = numpy_map(count, rows.where("i < 0 AND rand() < 2").groupBy("i8"), "n long, sum long")
    assert result.collect() == []


def test_a_task_that_ends_early_gives_its_memory_back(spark, rows):
    conf = spark._jsc.sc().conf()
    conf.set("spark.unsafe.exceptionOnMemoryLeak", "true")
    try:
        result = numpy_map(lambda i: int(i), rows.groupBy("i"), "n long")
        with spilling(spark, 500):
            assert len(result.limit(2).collect()) == 2
        assert len(result.limit(2).collect()) == 2
    finally:
        conf.remove("spark.unsafe.exceptionOnMemoryLeak")


def test_two_that_share_an_exchange_move_rows(spark, rows):
    def run():
        one = numpy_map(count, rows.groupBy("i8"), "n long, sum long")
        return one.union(numpy_map(lambda i: (len(i), 0), rows.groupBy("i8"), "n long, sum long"))

    both = run()
    found = told(both)
    assert len(found) == 200
    assert "Blocks" not in names(both)


@covered
def test_functions_of_pyspark_are_given_columns_too(spark, rows):
    def total(group):
        return group.groupby("i8", as_index=False).agg(n=("i", "size"), sum=("i", "sum"))

    def run():
        return rows.select("i8", "i").groupBy("i8").applyInPandas(total, "i8 tinyint, n long, sum long")

    expected = told(run())
    with setting(spark, spark_beringia_accelerate="true"):
        result = run()
        assert told(result) == expected
        assert "SortedColumns" in names(result)


def test_what_a_join_asks_of_the_partitions_holds(spark, rows):
    with setting(spark, spark_sql_autoBroadcastJoinThreshold=-1, spark_sql_shuffle_partitions=7):
        left = numpy_map(count, rows.groupBy("i32"), "n long, sum long")
        joined = left.join(rows.select("i32", "x"), "i32")
        assert joined.count() == 3000
        assert "SortedColumns" in names(joined)


def test_a_plan_that_has_the_rows_elsewhere_too_counts_them_right(spark, rows, tmp_path):
    path = str(tmp_path / "rows")
    rows.select("i8", "i").coalesce(1).write.parquet(path)
    file = spark.read.parquet(path)
    result = numpy_map(count, file.groupBy("i8"), "n long, sum long")
    both = result.select("n").union(file.limit(2500).select("i"))
    assert both.count() == 2600


def test_types_that_go_in_no_blocks_go_as_rows(spark, rows):
    listed = rows.selectExpr("i8", "array(x, NULL) AS v")
    result = numpy_map(lambda v: len(v), listed.groupBy("i8"), "n long")
    assert len(result.collect()) == 100
    assert "Blocks" not in names(result)


def test_an_error_names_its_group(spark, rows):
    from beringia.errors import GroupError

    def fails(i):
        raise ValueError("no")

    with pytest.raises(GroupError) as raised:
        numpy_map(fails, rows.where("i8 = 7").groupBy("i8"), "n long").collect()
    assert "i8=7" in str(raised.value)


PROGRAM = """
import beringia.spark
from pyspark.sql import SparkSession, functions as F
spark = (
    SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    .config("spark.io.encryption.enabled", "true").config("spark.unsafe.exceptionOnMemoryLeak", "true")
    .config("spark.memory.offHeap.enabled", "true").config("spark.memory.offHeap.size", "16m")
    .config("spark.sql.shuffle.partitions", "2").config("spark.sql.adaptive.enabled", "false")
    .config(map=beringia.spark.conf(batchBytes="1m")).getOrCreate()
)
def groups(n):
    df = spark.range(n).select((F.col("id") % 1000).alias("g"), "id", F.col("id").cast("string").alias("s"))
    ours = beringia.spark.numpy_map(lambda id, s: (id.size, id.sum()), df.groupBy("g"), "n long, total long")
    found = ours.collect()
    assert len(found) == 1000 and sum(row.total for row in found) == n * (n - 1) // 2
    node = ours._jdf.queryExecution().executedPlan()
    while node.nodeName() != "SortedColumns":
        node = node.children().apply(0)
    return node.metrics().apply("partitionsSortedAsRows").value()
assert groups(20_000) == 0
assert groups(300_000) == 2
spark.stop()
print("done")
"""


def test_what_spark_has_no_memory_for_is_spilled_encrypted_and_off_the_heap(run):
    assert run(PROGRAM) == "done\n"
