"""The ways of Spark to say what a function returns."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import Row

from beringia.spark import numpy_map


@pytest.fixture(scope="module")
def one(spark):
    """One group, of one row."""
    return spark.createDataFrame([(5, 2.0)], "id int, x double").cache()


def result(one, f, returns):
    df = numpy_map(f, one.groupBy("id"), returns)
    return [tuple(row)[1:] for row in df.collect()]


def test_a_structtype_says_the_same_as_ddl(spark, one):
    from pyspark.sql.types import ArrayType, DoubleType, StringType, StructType

    fields = StructType().add("a", DoubleType()).add("b", StringType())
    assert result(one, lambda x: (1.5, "one"), fields) == [(1.5, "one")]
    assert result(one, lambda x: [(1.5, "one")], ArrayType(fields)) == [(1.5, "one")]


def test_instants_of_a_timestamp_field(spark, one):
    df = numpy_map(lambda x: np.datetime64("2024-07-01T00:00:00"), one.groupBy("id"), "t timestamp")
    assert df.selectExpr("unix_micros(t)").collect() == [Row(1_719_792_000_000_000)]
