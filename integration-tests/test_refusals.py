"""Calls that are refused before anything runs: when `numpy_map` is called, not when the result is computed."""

from __future__ import annotations

import numpy as np
import pyspark
import pytest
from pyspark.sql import functions as F

from beringia.errors import ArgumentError, ConfigError
from beringia.spark import numpy_map


@pytest.fixture(scope="module")
def df(spark):
    return spark.sql("select 1 as id, 1.0D as x, map('a', 1) as m, make_ym_interval(1) as months, 'a' as `a.b`")


def refused(*args, **kwargs):
    with pytest.raises(ArgumentError) as caught:
        numpy_map(*args, **kwargs)
    return str(caught.value)


def mean(x):
    return x.mean()


def test_a_parameter_that_names_no_column_lists_the_columns(df):
    message = refused(lambda dose: 1, df.groupBy("id"), "y double")
    for part in ("dose", "id", "x", "m"):
        assert part in message
    assert "dose" in refused(lambda dose: 1, df, "y double")


def test_args_that_name_no_column(df):
    assert "nowhere" in refused(mean, df.groupBy("id"), "y double", args={"x": "nowhere"})
    assert "nowhere" in refused(mean, df.groupBy("id"), "y double", order_by="nowhere")


@pytest.mark.parametrize(("column", "type_"), [("m", "map<string,int>"), ("months", "interval year")])
def test_a_type_without_a_numpy_form_names_column_and_type(df, column, type_):
    message = refused(mean, df.groupBy("id"), "y double", args={"x": column})
    assert column in message
    assert type_ in message
    assert type_ in refused(mean, df, "y double", args={"x": column})


def test_a_result_of_a_type_without_a_numpy_form(df):
    message = refused(mean, df.groupBy("id"), "y map<string, int>")
    assert "y" in message
    assert "map<string,int>" in message


def test_a_field_of_the_name_of_a_key(df):
    assert "id" in refused(mean, df.groupBy("id"), "id double")
    assert "ID" in refused(mean, df.groupBy("id"), "ID double")


@pytest.mark.parametrize("returns", ["double", "y doble", "array<double>", "", "struct<>", 3])
def test_returns_that_is_no_schema_of_fields(df, returns):
    assert "returns" in refused(mean, df.groupBy("id"), returns)


def test_an_aggregate_in_args(df):
    with pytest.raises(Exception, match=r"(?i)aggregate"):
        numpy_map(mean, df.groupBy("id"), "y double", args={"x": F.sum("x")}).collect()


@pytest.mark.parametrize("data", [[1, 2], "df", None, np.arange(3)], ids=repr)
def test_data_of_another_kind(spark, data):
    assert "df.groupBy(...) or a Spark DataFrame" in refused(mean, data, "y double")


def test_spark_connect_of_spark_3_5(monkeypatch):
    monkeypatch.setattr(pyspark, "__version__", "3.5.9")
    data = type("DataFrame", (), {"__module__": "pyspark.sql.connect.dataframe"})()
    with pytest.raises(ConfigError, match="use a classic session"):
        numpy_map(mean, data, "y double")


def test_other_kinds_of_grouping(df):
    assert "rollup" in refused(mean, df.rollup("id"), "y double").lower()
    assert "cube" in refused(mean, df.cube("id"), "y double").lower()
    assert "pivot" in refused(mean, df.groupBy("id").pivot("x", [1.0]), "y double").lower()
