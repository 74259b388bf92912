"""Text that is not UTF-8, as Spark's own casts make it."""

from __future__ import annotations

import pytest

from beringia.errors import GroupError
from beringia.spark import numpy_map

RETURNS = "seen string"


def see(x):
    return str(x.tolist())


@pytest.fixture
def frame(spark):
    return spark.sql("select 1 k, 'fine' x union all select 2, cast(x'ff41' as string)")


def test_an_argument_names_column_and_group(frame):
    with pytest.raises(GroupError, match=r"argument 'x' \(string\) has text that is not UTF-8: b'\\xffA'") as caught:
        numpy_map(see, frame.groupBy("k"), RETURNS).collect()
    assert caught.value.group == "k=2"


def test_a_failed_group_leaves_the_others_alone(frame):
    rows = numpy_map(see, frame.groupBy("k"), RETURNS, on_error="column").orderBy("k").collect()
    assert [row.seen for row in rows] == ["['fine']", None]
    assert "argument 'x'" in rows[1].error


def test_nested_text_too(frame):
    nested = frame.selectExpr("k", "array(named_struct('f', x)) x")
    with pytest.raises(GroupError, match=r"argument 'x' .* is not UTF-8"):
        numpy_map(lambda x: "", nested.groupBy("k"), RETURNS).collect()


def test_keys_and_kept_columns_pass_as_they_came(frame):
    counts = numpy_map(lambda k: k.size, frame.groupBy("x"), "n int", args={"k": "k"})
    assert {bytes(row.x) for row in counts.selectExpr("cast(x as binary) x").collect()} == {b"fine", b"\xffA"}
    kept = numpy_map(
        lambda k: k,
        frame.groupBy("k").agg({"x": "first"}).withColumnRenamed("first(x)", "x"),
        "n int",
        per="row",
        keep="x",
    )
    assert {bytes(row.x) for row in kept.selectExpr("cast(x as binary) x").collect()} == {b"fine", b"\xffA"}
