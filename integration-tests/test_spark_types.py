"""The table of types against Spark: what is seen, what comes back, what messages say. One job for all columns."""

from __future__ import annotations

import pytest
import type_table
from pyspark.sql import functions as F
from type_table import first, seen

from beringia.errors import GroupError
from beringia.spark import numpy_map

TYPES = [row for row in type_table.rows() if row.spark]
NAMES = [f"c{number}" for number in range(len(TYPES))]
ARE_KEYS = [name for name, row in zip(NAMES, TYPES, strict=True) if row.key]


@pytest.fixture(scope="module")
def one(spark):
    """One row, with a column of each type."""
    values = tuple(row.array().to_pylist()[0] for row in TYPES)
    return spark.createDataFrame([values], schema()).cache()


def schema() -> str:
    return ", ".join(f"{name} {row.spark}" for name, row in zip(NAMES, TYPES, strict=True))


def test_arguments_are_seen_as_the_table_says(one):
    result = numpy_map(lambda *columns: ([*map(seen, columns)],), one.groupBy(), "seen array<string>", args=NAMES)
    assert result.first().seen == [row.argument for row in TYPES]


def test_keys_are_seen_and_written_as_the_table_says(one):
    keys = [row for row in TYPES if row.key]
    result = numpy_map(
        lambda *columns: ([*map(seen, columns)],), one.groupBy(*ARE_KEYS), "seen array<string>", args=ARE_KEYS
    )
    assert result.first().seen == [row.key for row in keys]
    with pytest.raises(GroupError) as caught:
        numpy_map(lambda *columns: 1 / 0, one.groupBy(*ARE_KEYS), "y int", args=ARE_KEYS).collect()
    assert caught.value.group == ", ".join(f"{name}={row.text}" for name, row in zip(ARE_KEYS, keys, strict=True))


def test_what_was_seen_comes_back_as_it_was(one):
    result = numpy_map(lambda *columns: tuple(map(first, columns)), one.groupBy(), schema(), args=NAMES)
    assert result.schema == one.schema
    assert result.collect() == one.collect()


def test_misfits_call_types_as_spark_does(spark):
    """Group `i` returns what does not fit field `i`."""
    count = len(TYPES)

    def misfit(group):
        return tuple(object() if i == group else None for i in range(count))

    result = numpy_map(misfit, spark.range(count).groupBy(F.col("id").alias("group")), schema(), on_error="column")
    for row in result.select("group", "error").collect():
        assert f"field '{NAMES[row.group]}': expected {TYPES[row.group].spark}, got <object object" in row.error
