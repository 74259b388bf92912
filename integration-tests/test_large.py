"""Much data through a small heap: what a batch cannot hold never was in memory at once."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import beringia.spark
from pyspark.sql import SparkSession, functions as F
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false").config("spark.driver.memory", "1g")
    .config(map=beringia.spark.conf()).getOrCreate()
)
n = 10_000_000
df = spark.range(0, n, 1, 1).select(
    (F.col("id") / 1000).cast("int").alias("g"), F.rand(0).alias("x"), F.col("id").cast("double").alias("y")
)
ours = beringia.spark.numpy_map(lambda x, y: (x.size, y.sum()), df.groupBy("g"), "n long, total double")
(row,) = ours.agg(F.count("*").alias("groups"), F.sum("n").alias("n"), F.sum("total").alias("total")).collect()
assert (row.groups, row.n, row.total) == (n // 1000, n, n * (n - 1) / 2), row
spark.stop()
print("done")
"""


def test_ten_million_rows_of_one_partition_with_a_heap_of_one_gibibyte(run):
    assert run(PROGRAM, timeout=600) == "done\n"
