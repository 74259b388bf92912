"""Columns cross to PySpark's types and back, with what they have within."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from pyspark.sql.types import (
    ArrayType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructType,
    TimestampType,
)

from beringia.spark.udf.types import as_given, as_taken, is_taken

ZONE = "America/New_York"
TIME = dt.datetime(2020, 5, 17, 12, tzinfo=dt.UTC)

TEXT = pa.large_string()
POINT = pa.struct([("x", pa.int32()), ("s", TEXT), ("at", pa.timestamp("us", "UTC"))])


OF_SPARK = StructType().add("x", IntegerType()).add("s", StringType()).add("at", TimestampType())


def point(x, s, at):
    return {"x": x, "s": s, "at": at}


COLUMNS = {
    "lists": ([[1, None], None, [], [3]], pa.large_list(pa.int64()), ArrayType(LongType())),
    "texts": ([["a", None], None, ["ä"]], pa.large_list(TEXT), ArrayType(StringType())),
    "lists of lists": (
        [[[1.5], None, []], None, []],
        pa.large_list(pa.large_list(pa.float64())),
        ArrayType(ArrayType(DoubleType())),
    ),
    "structs": (
        [point(1, "a", TIME), None, point(None, None, None)],
        POINT,
        OF_SPARK,
    ),
    "lists of structs": (
        [[point(1, "a", TIME), None], None, []],
        pa.large_list(POINT),
        ArrayType(OF_SPARK),
    ),
    "structs of structs": (
        [{"p": {"a": [Decimal("1.50"), None]}}, {"p": None}, None],
        pa.struct([("p", pa.struct([("a", pa.large_list(pa.decimal128(10, 2)))]))]),
        StructType().add("p", StructType().add("a", ArrayType(DecimalType(10, 2)))),
    ),
    "none": ([], pa.large_list(POINT), ArrayType(OF_SPARK)),
}


@pytest.mark.parametrize("has_large_types", [False, True])
@pytest.mark.parametrize("name", COLUMNS)
def test_nested_columns_cross_and_come_back(name, has_large_types):
    values, kind, of_spark = COLUMNS[name]
    ours = pa.array(values, kind)
    theirs = as_given(ours, of_spark, ZONE, has_large_types)
    theirs.validate(full=True)
    assert theirs.to_pylist() == values
    assert is_taken(theirs.type, kind)
    assert as_taken(theirs, kind).equals(ours)
    text = str(theirs.type)
    assert "large_list" not in text
    assert "item" not in text
    assert ("large_string" in text) is (has_large_types and "string" in text)
    assert "UTC" not in text


def test_what_is_sliced_crosses_too():
    values, kind, of_spark = COLUMNS["lists of structs"]
    ours = pa.array(values * 2, kind)[2:5]
    assert as_given(ours, of_spark, ZONE, False).to_pylist() == (values * 2)[2:5]


def test_types_say_what_cannot_be_null():
    of_spark = StructType().add("a", ArrayType(IntegerType()), nullable=False)
    theirs = as_given(pa.array([{"a": [1]}], pa.struct([("a", pa.large_list(pa.int32()))])), of_spark, ZONE, False)
    assert theirs.type == pa.struct([pa.field("a", pa.list_(pa.field("element", pa.int32())), nullable=False)])
