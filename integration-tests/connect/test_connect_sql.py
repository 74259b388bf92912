"""Functions of SQL on a server: with a name and of a module; refused in words of SQL, failing as elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.errors import AnalysisException

import beringia.spark
from beringia.errors import ArgumentError, GroupError, InterpreterError


@pytest.fixture(scope="module")
def sql(spark, collected):
    rows = [("a", 1, 0.0, 1.0), ("a", 2, 1.0, 3.0), ("b", 1, 0.0, 5.0), ("b", 2, 2.0, 4.0)]
    spark.createDataFrame(rows, "id string, day int, x double, y double").createOrReplaceTempView("visits")
    return lambda query: collected(spark.sql(query))


def test_a_function_with_a_name(spark, connect, sql):
    beringia.spark.register(spark, "ols", lambda x, y: np.polyfit(x, y, 1).round(6), "slope double, intercept double")
    assert sql("SELECT * FROM ols(TABLE(visits) PARTITION BY id ORDER BY day)") == [("a", 2.0, 1.0), ("b", -0.5, 5.0)]
    other = connect()
    with pytest.raises(AnalysisException, match="ols"):
        other.sql("SELECT * FROM ols(TABLE(SELECT 1.0D AS x, 2.0D AS y))")
    other.stop()


def test_a_large_function_with_a_name(spark, sql):
    table = np.arange(300_000.0)
    beringia.spark.register(spark, "at", lambda day, table: table[day], "y double", consts={"table": table})
    assert sql("SELECT * FROM at(TABLE(visits), keep => 'id')") == [("a", 1.0), ("a", 2.0), ("b", 1.0), ("b", 2.0)]


def test_a_function_of_a_module_that_the_session_brought(connect, tmp_path, collected):
    (tmp_path / "brought.py").write_text("def spread(x):\n    return x.max() - x.min()\n", encoding="utf-8")
    session = connect()
    session.addArtifacts(str(tmp_path / "brought.py"), pyfile=True)
    try:
        session.range(6).selectExpr("id % 2 AS odd", "id * 1.5D AS x").createOrReplaceTempView("t")
        query = "SELECT * FROM numpy_map(TABLE(t) PARTITION BY (odd), 'brought:spread', 'y double', timeout => 30)"
        assert collected(session.sql(query)) == [(0, 6.0), (1, 6.0)]
    finally:
        session.stop()


def test_what_fails_in_a_task_is_typed(spark, sql):
    beringia.spark.register(spark, "fails", lambda k: 1 / (k != "b"), "y double", args={"k": "id"})
    with pytest.raises(GroupError, match="ZeroDivisionError") as caught:
        sql("SELECT * FROM fails(TABLE(visits) PARTITION BY id)")
    assert caught.value.group == "id='b'"


def test_what_does_not_fit_is_refused_in_words_of_sql(spark, sql):
    beringia.spark.register(spark, "total", np.sum, "y double", args={"a": "x"})
    for query, words in (
        ("total(TABLE(visits), timeout => 3)", "total has no argument `timeout`: it takes data, by, order_by, keep"),
        ("total(TABLE(SELECT 1 AS z))", "The columns are z"),
        ("numpy_map(TABLE(visits), 'numpy:nothing', 'y double')", "'numpy:nothing' cannot be loaded"),
    ):
        with pytest.raises(AnalysisException) as caught:
            spark.sql(f"SELECT * FROM {query}")
        assert words in str(caught.value)
    with pytest.raises(ArgumentError, match="returns is no schema"):
        beringia.spark.register(spark, "total", np.sum, "y dubble", args={"a": "x"})
    with pytest.raises(ArgumentError, match="letters, digits"):
        beringia.spark.register(spark, "to tal", np.sum, "y double", args={"a": "x"})


def test_a_python_that_is_not_there_is_named(connect):
    session = connect()
    session.conf.set("spark.beringia.python", "/no/such/python")
    with pytest.raises(InterpreterError, match="/no/such/python"):
        session.sql("SELECT * FROM numpy_map(TABLE(SELECT 1.0D AS a), 'numpy:sum', 'y double')")
    session.stop()
