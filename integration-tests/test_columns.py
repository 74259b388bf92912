"""Children that give columns: Spark's own vectors of files and caches go to shared memory without rows between."""

from __future__ import annotations

import pytest
from pyspark.sql import functions as F

from beringia.spark import numpy_map
from plans import takes_columns

ROW = """
  id % 2 = 0 AS b, CAST(id AS tinyint) AS i8, CAST(-id AS smallint) AS i16, CAST(id AS int) AS i32, -id AS i64,
  CAST(id / 7 AS float) AS f, IF(id % 5 = 0, double('NaN'), id / 3) AS x, CAST(id / 4 AS decimal(9,2)) AS d,
  CAST(concat(repeat('9', 25), '.', id) AS decimal(38,4)) AS e, date_add(date'1960-02-28', CAST(id AS int)) AS day,
  timestamp_micros(id * 1000003) AS t, CAST(timestamp_micros(id * 1000003) AS timestamp_ntz) AS u,
  concat('s', id % 3) AS s, CAST(repeat('é', CAST(id % 4 AS int)) AS binary) AS y,
  transform(sequence(0L, id % 4), i -> IF(i = 2, NULL, i / 2)) AS v,
  array(array(CAST(id AS string), NULL), array(), NULL) AS w,
  named_struct('i', CAST(id AS int), 'x', IF(id % 3 = 0, NULL, id / 2), 's', CAST(id AS string)) AS r
"""


@pytest.fixture(scope="module")
def rows(spark):
    """A hundred rows of every type that Parquet has; missing are every seventh value, and one column."""
    df = spark.sql(f"SELECT id AS i, {ROW} FROM range(0, 100, 1, 2)")
    some = [F.when((F.col("i") + i) % 7 != 0, F.col(name)).alias(name) for i, name in enumerate(df.columns[1:])]
    return df.select("i", *some, F.lit(None).cast("double").alias("none"))


@pytest.fixture(scope="module")
def file(rows, tmp_path_factory):
    """The rows in a file: most columns are written by a dictionary."""
    path = str(tmp_path_factory.mktemp("columns") / "rows.parquet")
    rows.write.parquet(path)
    return path


def same(i):
    """Return it: the call of a row."""
    return i


def told(df):
    """The rows as text: missing and NaN are told apart."""
    return sorted(map(str, df.collect()))


@pytest.mark.parametrize("vectors", ["true", "false"])
def test_every_type_comes_back_from_a_file(spark, conf, rows, file, vectors):
    conf("spark.sql.parquet.enableVectorizedReader", vectors)
    df = spark.read.parquet(file)
    kept = numpy_map(same, df, "same long", per="row", keep=rows.columns)
    assert takes_columns(kept) == (vectors == "true")
    assert told(kept.drop("same")) == told(rows)


def test_columns_off_the_heap_come_back(spark, conf, rows, file):
    conf("spark.sql.columnVector.offheap.enabled", "true")
    kept = numpy_map(same, spark.read.parquet(file), "same long", per="row", keep=rows.columns)
    assert takes_columns(kept)
    assert told(kept.drop("same")) == told(rows)


@pytest.mark.parametrize("per", ["batch", "partition"])
def test_a_cached_table_is_taken_by_columns(spark, per):
    cached = spark.range(0, 50_000, 1, 2).selectExpr("id AS i", "id / 2 AS x").cache()
    result = numpy_map(lambda i, x: {"i": i, "y": x + i}, cached, "array<struct<i: long, y: double>>", per=per)
    assert takes_columns(result)
    assert sorted(map(tuple, result.collect())) == [(i, i * 1.5) for i in range(50_000)]
    cached.unpersist()


def test_one_function_feeds_another_by_columns(spark):
    df = spark.range(0, 1000, 1, 2).toDF("i")
    first = numpy_map(lambda i: (i, i * 0.5), df, "i long, x double", per="row")
    second = numpy_map(lambda i, x: {"y": i + x}, first.select("i", "x"), "array<struct<y: double>>", per="batch")
    assert sorted(row.y for row in second.collect()) == [i * 1.5 for i in range(1000)]


def test_a_partition_column_is_a_vector_too(spark, tmp_path):
    path = str(tmp_path / "parts")
    spark.range(100).selectExpr("id AS i", "id % 3 AS p").write.partitionBy("p").parquet(path)
    result = numpy_map(lambda i, p: i * 10 + p, spark.read.parquet(path), "y long", per="row")
    assert takes_columns(result)
    assert sorted(row.y for row in result.collect()) == [i * 10 + i % 3 for i in range(100)]
