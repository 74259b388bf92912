"""The counters in Spark's SQL page: that a byte is copied once on its way in and once on its way out."""

from __future__ import annotations

from pyspark.sql import functions as F

from beringia.spark import numpy_map
from plans import metrics

GROUPS, ROWS = 500, 40


def test_every_byte_is_copied_once_each_way(spark):
    df = spark.range(GROUPS * ROWS).select(
        (F.col("id") % GROUPS).alias("g"), F.rand(1).alias("x"), F.rand(2).alias("y")
    )
    result = numpy_map(lambda x, y: (x @ y, x.max()), df.groupBy("g"), "dot double, top double")
    assert len(result.collect()) == GROUPS
    found = metrics(result)
    assert found["numGroups"] == GROUPS
    assert found["numOutputRows"] == GROUPS
    # Two columns of doubles in, with one key and one end of list for each group; two doubles out.
    data_in = GROUPS * ROWS * 2 * 8
    assert data_in <= found["bytesIn"] <= data_in + 40 * GROUPS
    assert GROUPS * 2 * 8 <= found["bytesOut"] <= GROUPS * 2 * 8 + 40 * GROUPS
    assert found["bytesCopied"] == found["bytesIn"] + found["bytesOut"]
    assert found["bytesMoved"] == 0


def test_a_group_that_outgrows_its_segment_is_counted_as_moved(spark, conf):
    n = 3_000_000
    df = spark.range(n).select(F.lit(1).alias("g"), F.col("id").cast("double").alias("x"))
    conf("spark.beringia.exchange.columns", "false")  # of columns it is known how many there are
    result = numpy_map(lambda x: x.size, df.groupBy("g"), "n long")
    assert result.collect()[0].n == n
    found = metrics(result)
    assert found["bytesIn"] >= 8 * n
    assert 0 < found["bytesMoved"] < 2 * found["bytesIn"]
