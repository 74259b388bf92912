"""Columns that are carried through to the output beside what the function returns."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import functions as F

from beringia.errors import ArgumentError
from beringia.spark import numpy_map

RANKS = "array<struct<rank: int>>"


@pytest.fixture(scope="module")
def df(spark):
    return spark.sql(
        """select id % 3 as g, cast(id * 7 % 10 as double) as x, concat('r', id) as name,
                  if(id % 4 = 0, null, array(id, id + 1)) as pair, id as i,
                  timestamp_micros(id) as t, id % 2 = 0 as even, cast(id as decimal(20, 2)) as price,
                  named_struct('a', id, 'b', concat('b', id)) as s
           from range(12)"""
    ).cache()


def rank(x):
    return np.argsort(np.argsort(x))


def test_every_row_of_a_group_is_carried_through(df):
    kept = ["name", "pair", "i", "t", "even", "price", "s"]
    result = numpy_map(rank, df.groupBy("g"), RANKS, keep=kept, order_by="i")
    assert result.columns == ["g", *kept, "rank"]
    assert [f.dataType for f in result.schema][1:-1] == [df.schema[name].dataType for name in kept]
    expected = df.selectExpr("g", *kept, "cast(rank() over (partition by g order by x) - 1 as int) as rank")
    assert sorted(map(repr, result.collect())) == sorted(map(repr, expected.collect()))


def test_an_argument_and_an_expression_may_be_kept(df, collected):
    result = numpy_map(
        rank, df.where("g = 0").groupBy("g"), RANKS, keep=["x", (F.col("i") * 2).alias("twice"), F.col("g").alias("h")]
    )
    assert result.columns == ["g", "x", "twice", "h", "rank"]
    assert collected(result) == [(0, 0.0, 0, 0, 0), (0, 1.0, 6, 0, 1), (0, 2.0, 12, 0, 2), (0, 3.0, 18, 0, 3)]


def test_a_single_column_needs_no_list(df):
    assert numpy_map(rank, df.groupBy("g"), RANKS, keep="name").columns == ["g", "name", "rank"]


@pytest.mark.parametrize(
    ("keep", "returns", "message"),
    [
        ("name", "y double", "array of struct"),
        ("g", RANKS, "two columns named 'g'"),
        (["name", "NAME"], RANKS, "two columns named 'NAME'"),
        ("rank", RANKS, "cannot be found"),
        (lambda: F.lit(1).alias("rank"), RANKS, "two columns named 'rank'"),
        (3, RANKS, "keep must be a column"),
        (lambda: F.map_from_arrays(F.array("i"), F.array("x")).alias("m"), RANKS, "kept column 'm' has type map"),
    ],
)
def test_what_cannot_be_kept_is_refused(df, keep, returns, message):
    with pytest.raises(ArgumentError, match=message):
        numpy_map(rank, df.groupBy("g"), returns, keep=keep() if callable(keep) else keep)
