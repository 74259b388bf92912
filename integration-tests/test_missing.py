"""Missing values: on the way in by policy, on the way out null; never mixed up with NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pyspark.sql import functions as F

from beringia.errors import MissingValueError
from beringia.spark import numpy_map


@pytest.fixture(scope="module")
def gaps(spark):
    """Group 1 has a gap in every column, group 2 has none."""
    return spark.sql(
        """select g, t, if(gap, null, cast(t as double)) as x, if(gap, null, cast(t as int)) as i,
                  if(gap, null, t % 2 = 0) as b, if(gap, null, cast(t as string)) as s,
                  if(gap, null, date_add(date '2024-01-01', cast(t as int))) as d
           from (select id % 2 + 1 as g, id as t, id = 2 as gap from range(6))"""
    ).cache()


def seen(gaps, column, missing="nan"):
    """What group 1 shows of a column, in order; the gap is the second of its three values."""
    df = numpy_map(
        lambda x: (str(x.dtype), type(x).__name__, [repr(v) for v in x.tolist()]),
        gaps.where("g = 1").groupBy("g"),
        "dtype string, kind string, seen array<string>",
        args={"x": column},
        order_by="t",
        missing=missing,
    )
    (row,) = df.collect()
    return row.dtype, row.kind, row.seen


def test_nan_is_the_form_of_what_is_missing(gaps):
    assert seen(gaps, "x") == ("float64", "ndarray", ["0.0", "nan", "4.0"])
    assert seen(gaps, "s") == ("object", "ndarray", ["'0'", "None", "'4'"])
    assert seen(gaps, "d") == (
        "datetime64[D]",
        "ndarray",
        ["datetime.date(2024, 1, 1)", "None", "datetime.date(2024, 1, 5)"],
    )


@pytest.mark.parametrize("column", ["i", "b"])
def test_integers_and_booleans_are_never_made_floats(gaps, column):
    with pytest.raises(MissingValueError) as caught:
        seen(gaps, column)
    message = str(caught.value)
    assert "g" in caught.value.group
    assert "1" in caught.value.group
    for part in (caught.value.group, "x", "double", "mask"):
        assert part in message
    # First the cast that helps, then the other settings.
    assert message.index("double") < message.index("mask")


def test_an_integer_column_without_a_gap_in_the_group_is_untouched(gaps, collected):
    result = numpy_map(lambda i: (i.dtype.str, i.sum()), gaps.where("g = 2").groupBy("g"), "dtype string, total long")
    assert collected(result) == [(2, "<i4", 9)]


@pytest.mark.parametrize("column", ["x", "i", "b", "s", "d"])
def test_masked_arrays_by_choice(gaps, column):
    _, kind, values = seen(gaps, column, "mask")
    assert kind == "MaskedArray"
    assert values[1] == "None"
    assert values[0] != "None"


def test_mask_is_a_mask_where_nothing_is_missing_too(gaps, collected):
    result = numpy_map(lambda x: type(x).__name__, gaps.where("g = 2").groupBy("g"), "kind string", missing="mask")
    assert collected(result) == [(2, "MaskedArray")]


@pytest.mark.parametrize("column", ["x", "s", "d"])
def test_an_error_by_choice(gaps, column):
    with pytest.raises(MissingValueError, match="x"):
        seen(gaps, column, "error")


def test_by_parameter(gaps, collected):
    result = numpy_map(
        lambda x, i: (np.isnan(x).sum(), i.count()),
        gaps.groupBy("g"),
        "nans long, present long",
        missing={"i": "mask"},
    )
    assert collected(result) == [(1, 1, 2), (2, 0, 3)]


def test_nulls_and_nans_stay_distinct(spark):
    df = spark.createDataFrame([(1, math.nan), (1, None), (1, 1.0)], "g int, x double").orderBy(F.desc("x"))

    def both(x):
        return np.ma.getmaskarray(x).sum(), np.isnan(x.data[~np.ma.getmaskarray(x)]).sum(), x

    (row,) = numpy_map(both, df.groupBy("g"), "nulls int, nans int, x array<double>", missing="mask").collect()
    assert (row.nulls, row.nans) == (1, 1)
    assert sorted(map(repr, row.x)) == ["1.0", "None", "nan"]


def test_a_missing_scalar_of_a_row(spark, collected):
    df = spark.createDataFrame([(1.0, "a"), (None, None)], "x double, s string")
    result = numpy_map(lambda x, s: (repr(float(x)), repr(s)), df, "x string, s string")
    assert collected(result) == [("1.0", "'a'"), ("nan", "None")]
