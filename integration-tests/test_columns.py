"""What a column is seen as: dtype, shape, whether it can be written to. Grouped, and row by row."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from pyspark.sql import functions as F

from beringia.errors import GroupError
from beringia.spark import numpy_map

SCALARS = [
    ("boolean", "id % 2 = 0", "bool", [True, False, True]),
    ("byte", "cast(id - 1 as byte)", "int8", [-1, 0, 1]),
    ("short", "cast(id * 300 as short)", "int16", [0, 300, 600]),
    ("int", "cast(id * 70000 as int)", "int32", [0, 70000, 140000]),
    ("long", "id * 5000000000", "int64", [0, 5 * 10**9, 10**10]),
    ("float", "cast(id + 0.5 as float)", "float32", [0.5, 1.5, 2.5]),
    ("double", "cast(id + 0.1 as double)", "float64", [0.1, 1.1, 2.1]),
    (
        "date",
        "date_add(date '1969-12-31', cast(id as int))",
        "datetime64[D]",
        ["1969-12-31", "1970-01-01", "1970-01-02"],
    ),
    (
        "timestamp",
        "timestamp_micros(id * 1000000 - 1)",
        "datetime64[us]",
        ["1969-12-31T23:59:59.999999", "1970-01-01T00:00:00.999999", "1970-01-01T00:00:01.999999"],
    ),
    (
        "timestamp_ntz",
        "timestamp_ntz '2024-01-01 00:00:00' + make_dt_interval(cast(id as int))",
        "datetime64[us]",
        ["2024-01-01T00:00:00.000000", "2024-01-02T00:00:00.000000", "2024-01-03T00:00:00.000000"],
    ),
    ("string", "concat('é', id)", "object", ["é0", "é1", "é2"]),
    ("binary", "cast(concat('b', id) as binary)", "object", [b"b0", b"b1", b"b2"]),
]


@pytest.mark.parametrize(("name", "expression", "dtype", "values"), SCALARS, ids=[s[0] for s in SCALARS])
def test_a_column_of_scalars(spark, name, expression, dtype, values):
    df = spark.sql(f"select id, 1 as g, {expression} as x from range(3)")

    def see(x):
        return str(x.dtype), str(x.shape), [repr(v) for v in x.tolist()], x.flags.writeable

    (row,) = numpy_map(
        see,
        df.groupBy("g"),
        "dtype string, shape string, seen array<string>, writeable boolean",
        order_by="id",
    ).collect()
    expected = np.array(values, dtype=dtype).tolist()
    assert (row.dtype, row.shape, row.seen) == (dtype, "(3,)", [repr(v) for v in expected])
    # Views are read-only; these are copies, made anew for each call.
    copies = ("boolean", "date", "string", "binary")
    assert name in copies or not row.writeable


@pytest.mark.parametrize(("name", "expression", "dtype", "values"), SCALARS, ids=[s[0] for s in SCALARS])
def test_a_row_of_scalars(spark, name, expression, dtype, values):
    df = spark.sql(f"select id, {expression} as x from range(3)")

    def see(x):
        return (str(x.dtype) if hasattr(x, "dtype") else "object"), repr(x.item() if hasattr(x, "item") else x)

    rows = numpy_map(see, df.select("x", "id"), "dtype string, seen string").collect()
    expected = np.array(values, dtype=dtype).tolist()
    assert sorted((row.dtype, row.seen) for row in rows) == sorted((dtype, repr(v)) for v in expected)


def test_a_row_of_arrays(spark, collected):
    df = spark.createDataFrame([([1.0, 2.0, 3.0], 2), ([4.0], 3), ([], 4)], "v array<double>, k int")

    def scaled(v, k):
        return v * k, str(v.dtype), type(k).__name__

    result = numpy_map(scaled, df, "w array<double>, dtype string, k_type string")
    # Without grouping there is no key: the output is the fields alone.
    assert result.columns == ["w", "dtype", "k_type"]
    assert collected(result) == [
        ([12.0], "float64", "int32"),
        ([2.0, 4.0, 6.0], "float64", "int32"),
        ([], "float64", "int32"),
    ]


def test_arrays_of_one_length_are_a_matrix(spark):
    df = spark.createDataFrame(
        [(1, 0, [1.0, 2.0]), (1, 1, [3.0, 4.0]), (1, 2, [5.0, 6.0])], "g int, t int, v array<double>"
    )

    def see(v):
        return str(v.dtype), list(v.shape), v.T @ v

    (row,) = numpy_map(see, df.groupBy("g"), "dtype string, shape array<int>, gram array<array<double>>").collect()
    assert (row.dtype, row.shape) == ("float64", [3, 2])
    assert row.gram == [[35.0, 44.0], [44.0, 56.0]]


def test_ragged_arrays_are_an_object_array_of_views(spark):
    df = spark.createDataFrame([(1, 0, [1, 2]), (1, 1, []), (1, 2, [5])], "g int, t int, v array<int>")

    def see(v):
        return str(v.dtype), list(v.shape), [str(row.dtype) for row in v], [row.size for row in v]

    (row,) = numpy_map(
        see, df.groupBy("g"), "dtype string, shape array<int>, dtypes array<string>, sizes array<int>", order_by="t"
    ).collect()
    assert (row.dtype, row.shape, row.dtypes, row.sizes) == ("object", [3], ["int32"] * 3, [2, 0, 1])


def test_a_missing_list_is_a_row_of_nan_among_equal_ones_else_none(spark):
    schema = "g int, t int, v array<double>"
    equal = spark.createDataFrame([(1, 0, [1.0, 2.0]), (1, 1, None), (1, 2, [5.0, 6.0])], schema)
    (row,) = numpy_map(lambda v: v.tolist(), equal.groupBy("g"), "v array<array<double>>", order_by="t").collect()
    np.testing.assert_array_equal(row.v, [[1.0, 2.0], [np.nan, np.nan], [5.0, 6.0]])
    ragged = spark.createDataFrame([(1, 0, [1.0]), (1, 1, None), (1, 2, [5.0, 6.0])], schema)
    (row,) = numpy_map(
        lambda v: [x is None for x in v], ragged.groupBy("g"), "none array<boolean>", order_by="t"
    ).collect()
    assert row.none == [False, True, False]


def test_arrays_of_arrays_of_one_shape_are_a_cube(spark):
    df = spark.range(4).select(
        F.lit(1).alias("g"),
        F.expr("transform(sequence(1, 2), i -> transform(sequence(1, 3), j -> i * 10.0D + j))").alias("m"),
    )
    (row,) = numpy_map(
        lambda m: (list(m.shape), m.sum(axis=0)), df.groupBy("g"), "s array<int>, m array<array<double>>"
    ).collect()
    assert row.s == [4, 2, 3]
    assert row.m == [[44.0, 48.0, 52.0], [84.0, 88.0, 92.0]]


def test_writing_to_a_column_is_numpys_error(spark):
    def write(x):
        x[0] = 0

    with pytest.raises(GroupError, match="read-only"):
        numpy_map(write, spark.range(3).groupBy(), "y int", args={"x": "id"}).collect()


def test_times_come_back_as_the_instants_they_were(spark):
    df = spark.sql("select 1 as g, timestamp '2024-07-01 12:00:00' as t, date '2024-07-01' as d")
    result = numpy_map(lambda t, d: (t[0], d[0]), df.groupBy("g"), "t timestamp, d date")
    assert result.exceptAll(df).count() == 0
    assert result.select("d").collect()[0].d == datetime.date(2024, 7, 1)
