"""``numpy_map`` as a function of SQL, and functions that were given a name."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyspark
import pytest
from pyspark.errors import AnalysisException

import beringia.spark
from beringia.errors import ArgumentError, GroupError

GUIDE = Path(__file__).parents[1] / "docs" / "sql.md"

MODULE = """
import numpy as np

def line(x, y):
    return np.polyfit(x, y, 1).round(6)

def first(x):
    return x[0], x.size

def weighted(x, w, power, name):
    return f"{name}: {(w.sum() * x.sum() ** power):.1f} {w.dtype}"

def fails(id, x):
    if id == "b":
        raise ValueError("not b")
    return x.sum()

def halves(x):
    return x / 2

def present(k):
    return k.count()
"""

# The grammar of Spark 3.5 has no PARTITION BY for a table that is an argument.
SPARK_4 = int(pyspark.__version__.split(".")[0]) >= 4
since_4 = pytest.mark.skipif(not SPARK_4, reason="Spark 3.5 has no such grammar")
on_4 = pytest.mark.skipif(not SPARK_4, reason="the same on each line of Spark")


@pytest.fixture(scope="module")
def sql(spark, tmp_path_factory, collected):
    """The rows of a query, in which `{t}` is the table."""
    module = tmp_path_factory.mktemp("module") / "sql_functions.py"
    module.write_text(MODULE, encoding="utf-8")
    spark.sparkContext.addFile(str(module))
    frame = spark.createDataFrame(
        [("a", 0, 1.0, 2.0), ("a", 1, 2.0, 4.0), ("a", 2, 3.0, 6.0), ("b", 0, 1.0, 5.0), ("b", 1, 5.0, 7.0)],
        "id string, day int, x double, y double",
    )
    frame.createOrReplaceTempView("visits")
    return lambda query: collected(spark.sql(query))


LINES = [("a", 2.0, 0.0), ("b", 0.5, 4.5)]


def refused(spark, query):
    with pytest.raises(AnalysisException) as caught:
        spark.sql(query)
    return str(caught.value)


def test_groups_by_an_argument(sql):
    call = "numpy_map(TABLE(visits), 'sql_functions:line', 'slope double, intercept double', by => 'id')"
    assert sql(f"SELECT * FROM {call}") == LINES
    assert sql(f"SELECT id, slope * 2 FROM {call} WHERE slope > 1") == [("a", 4.0)]


@since_4
def test_groups_by_clauses(sql):
    lines = "'sql_functions:line', 'slope double, intercept double'"
    assert sql(f"SELECT * FROM numpy_map(TABLE(visits) PARTITION BY (id), {lines})") == LINES
    first = "'sql_functions:first', 'x double, n long'"
    assert sql(f"SELECT * FROM numpy_map(TABLE(visits) PARTITION BY (id) ORDER BY (day DESC), {first})") == [
        ("a", 3.0, 3),
        ("b", 5.0, 2),
    ]
    assert sql(f"SELECT * FROM numpy_map(TABLE(visits) PARTITION BY (id, day % 2) ORDER BY (x DESC), {first})") == [
        ("a", 0, 3.0, 2),
        ("a", 1, 2.0, 1),
        ("b", 0, 1.0, 1),
        ("b", 1, 5.0, 1),
    ]
    assert sql(f"SELECT * FROM numpy_map(TABLE(visits) WITH SINGLE PARTITION ORDER BY (x DESC), {first})") == [(5.0, 5)]


@pytest.mark.skipif(SPARK_4, reason="Spark 4 has such a grammar")
def test_clauses_are_an_error_of_syntax(spark, sql):
    assert "Syntax error at or near 'PARTITION'" in refused(
        spark, "SELECT * FROM numpy_map(TABLE(visits) PARTITION BY (id), 'numpy:sum', 'y double')"
    )


@since_4
def test_clauses_before_another_argument_are_in_parentheses(spark, sql):
    assert "please add parentheses" in refused(
        spark, "SELECT * FROM numpy_map(TABLE(visits) PARTITION BY id, 'sql_functions:first', 'x double, n long')"
    )


@since_4
def test_clauses_and_arguments_do_not_say_the_same_twice(spark, sql):
    call = "TABLE(visits) PARTITION BY (id) ORDER BY (day), 'numpy:sum', 'y double', args => map('a', 'x')"
    assert "numpy_map: the argument `by` says what PARTITION BY says already" in refused(
        spark, f"SELECT * FROM numpy_map({call}, by => 'id')"
    )
    assert "numpy_map: the argument `order_by` says what ORDER BY says already" in refused(
        spark, f"SELECT * FROM numpy_map({call}, order_by => 'day')"
    )


def test_keys_and_orders_are_sql(sql):
    first = "'sql_functions:first', 'x double, n long'"
    assert sql(
        f"SELECT * FROM numpy_map(TABLE(visits), {first}, by => array('id', 'day % 2 AS odd'), order_by => 'x DESC')"
    ) == [("a", 0, 3.0, 2), ("a", 1, 2.0, 1), ("b", 0, 1.0, 1), ("b", 1, 5.0, 1)]
    assert sql(
        f"SELECT * FROM numpy_map(TABLE(visits), {first}, by => array(), order_by => array('day DESC', 'id DESC'))"
    ) == [(3.0, 5)]


@on_4
def test_rows_batches_and_partitions(sql):
    halves = "numpy_map(TABLE(SELECT * FROM visits WHERE id = 'b'), 'sql_functions:halves'"
    assert sql(f"SELECT * FROM {halves}, 'h double')") == [(0.5,), (2.5,)]
    assert sql(f"SELECT * FROM {halves}, 'h double', keep => 'day')") == [(0, 0.5), (1, 2.5)]
    rows = "array<struct<h: double>>"
    for per in ("batch", "partition"):
        assert sql(f"SELECT * FROM {halves}, '{rows}', per => '{per}', keep => array('x', 'day + 1 AS d'))") == [
            (1.0, 1, 0.5),
            (5.0, 2, 2.5),
        ]


def test_columns_by_parameter_and_by_position(sql):
    by = "by => 'id'"
    assert sql(
        f"SELECT * FROM numpy_map(TABLE(visits), 'numpy:sum', 's double', args => map('a', 'x + `y`'), {by})"
    ) == [("a", 18.0), ("b", 18.0)]
    assert sql(f"SELECT * FROM numpy_map(TABLE(visits), 'builtins:max', 'm double', args => array('x'), {by})") == [
        ("a", 3.0),
        ("b", 5.0),
    ]


def test_constants(sql):
    call = "TABLE(visits), 'sql_functions:weighted', 's string', by => 'id'"
    consts = "named_struct('w', array(0.5D, 1.5D), 'power', 2, 'name', 'größe')"
    assert sql(f"SELECT s FROM numpy_map({call}, consts => {consts})") == [("größe: 72.0 float64",)] * 2
    percentile = "TABLE(visits), 'numpy:percentile', 'p double', by => 'id', args => map('a', 'x')"
    assert sql(f"SELECT * FROM numpy_map({percentile}, consts => map('q', 50))") == [("a", 2.0), ("b", 3.0)]


@on_4
def test_options(spark, sql):
    call = "TABLE(visits), 'sql_functions:fails', 's double', by => 'id'"
    with pytest.raises(GroupError, match="not b") as caught:
        sql(f"SELECT * FROM numpy_map({call})")
    assert caught.value.group == "id='b'"
    assert sql(f"SELECT * FROM numpy_map({call}, on_error => 'null', timeout => 30)") == [("a", 6.0), ("b", None)]
    (a, b) = sql(f"SELECT * FROM numpy_map({call}, ON_ERROR => 'column', timeout => 0.5, batch_bytes => '1m')")
    assert a[2] is None
    assert "ValueError: not b" in b[2]
    gaps = "TABLE(SELECT CAST(NULL AS INT) AS k), 'sql_functions:present', 'n long', by => array()"
    assert sql(f"SELECT * FROM numpy_map({gaps}, missing => 'mask')") == [(0,)]
    assert sql(f"SELECT * FROM numpy_map({gaps}, missing => map('k', 'mask'), writable => true)") == [(0,)]
    nan = "TABLE(SELECT double('NaN') AS x), 'numpy:sum', 'n double', args => map('a', 'x')"
    assert sql(f"SELECT n IS NULL FROM numpy_map({nan}, nan_as_null => true)") == [(True,)]


def test_common_table_expressions_views_and_joins(spark, sql):
    call = "numpy_map(TABLE(t), 'sql_functions:line', 'slope double, intercept double', by => 'id')"
    query = f"WITH t AS (SELECT * FROM visits WHERE id = 'a') SELECT * FROM {call} JOIN t USING (id)"
    assert [row[:2] for row in sql(query)] == [("a", 2.0)] * 3
    lines = call.replace("TABLE(t)", "TABLE(visits)")
    assert sql(f"SELECT a.slope, b.slope FROM {lines} a JOIN {lines} b USING (id)") == [(0.5, 0.5), (2.0, 2.0)]
    sql(f"CREATE TEMPORARY VIEW lines AS SELECT * FROM {lines}")
    try:
        assert sql("SELECT * FROM lines") == LINES
        first = "numpy_map(TABLE(lines), 'sql_functions:first', 'x double, n long', by => array(), order_by => 'slope'"
        assert sql(f"SELECT * FROM {first}, args => map('x', 'slope'))") == [(0.5, 2)]
    finally:
        sql("DROP VIEW lines")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("TABLE(visits), 'numpy:sum'", "numpy_map needs the argument `returns`"),
        ("TABLE(visits), 'numpy:sum', 'y double', 'id'", "numpy_map takes 3 arguments by position"),
        ("TABLE(visits), 'numpy:sum', 'y double', wher => 'id'", "numpy_map has no argument `wher`"),
        ("TABLE(visits), 'numpy:sum', 'y double', data => 1", "numpy_map: the argument `data` is given twice"),
        ("'visits', 'numpy:sum', 'y double'", "the argument `data` takes a table"),
        ("TABLE(visits), 3, 'y double'", "numpy_map: the argument `function` takes a text, got 3 (INT)"),
        ("TABLE(visits), 'numpy.sum', 'y double'", "a function of a module is named as 'module:function'"),
        ("TABLE(visits), 'numpy:nothing', 'y double'", "'numpy:nothing' cannot be loaded: AttributeError"),
        ("TABLE(visits), 'numpy:sum', 'y dubble'", "numpy_map: returns is no schema that Spark can read"),
        (
            "TABLE(visits), 'numpy:sum', 'y double', timeout => 'x'",
            "the argument `timeout` takes a number, got 'x' (STR",
        ),
        ("TABLE(visits), 'numpy:sum', 'y double', timeout => -1", "timeout is a number of seconds above zero"),
        ("TABLE(visits), 'numpy:sum', 'y double', writable => 1", "the argument `writable` takes true or false"),
        (
            "TABLE(visits), 'numpy:sum', 'y double', batch_bytes => true",
            "the argument `batch_bytes` takes a number of b",
        ),
        ("TABLE(visits), 'numpy:sum', 'y double', on_error => 'x'", "numpy_map: on_error is one of 'raise'"),
        ("TABLE(visits), 'numpy:sum', 'y double', args => map('a', 1)", "the argument `args` takes columns by parame"),
        (
            "TABLE(visits), 'numpy:sum', 'y double', args => map('a', 'x +')",
            "`args` has a text that is no SQL here: 'x +'",
        ),
        (
            "TABLE(visits), 'numpy:sum', 'y double', by => 'id', order_by => 'x LIMIT 1'",
            "`order_by` has a text that is",
        ),
        ("TABLE(visits), 'numpy:sum', 'y double', args => map('a', 'z')", "The columns are id, day, x, y"),
        ("TABLE(visits), 'numpy:sum', 'y double', by => 'id', per => 'row'", "with groups a call gets a group"),
        ("TABLE(visits), 'numpy:sum', 'y double', by => rand()", "the argument `by` takes a constant"),
        ("TABLE(visits), 'numpy:sum', 'y double', missing => 3", "the argument `missing` takes a text, or texts by pa"),
        ("TABLE(visits), 'numpy:sum', 'y double', consts => 3", "the argument `consts` takes values by parameter"),
    ],
)
def test_what_does_not_fit_is_refused_in_words_of_sql(spark, sql, arguments, words):
    assert words in refused(spark, f"SELECT * FROM numpy_map({arguments})")


def test_a_function_with_a_name(spark, sql):
    factor = np.array([2.0, 3.0])

    def ols(x, y, factor):
        return np.polyfit(x, factor[0] * y, 1).round(6)

    beringia.spark.register(spark, "ols", ols, "slope double, intercept double", consts={"factor": factor})
    assert sql("SELECT * FROM ols(TABLE(visits), by => 'id')") == [("a", 4.0, 0.0), ("b", 1.0, 9.0)]
    beringia.spark.register(spark, "OLS", lambda v: (v.max(), 0), "m double, n int", args={"v": "x"}, on_error="null")
    assert sql("SELECT * FROM ols(TABLE(visits), by => 'id')") == [("a", 3.0, 0), ("b", 5.0, 0)]
    assert "Runs a NumPy function" in str(sql("DESCRIBE FUNCTION numpy_map"))
    assert "OLS has no argument `timeout`: it takes data, by, order_by, keep, per" in refused(
        spark, "SELECT * FROM ols(TABLE(visits), timeout => 3)"
    )
    assert "OLS: " in refused(spark, "SELECT * FROM ols(TABLE(SELECT 1 AS z))")
    sql("DROP TEMPORARY FUNCTION ols")
    assert "ols" in refused(spark, "SELECT * FROM ols(TABLE(visits), by => 'id')")


@since_4
def test_a_function_with_a_name_and_clauses(spark, sql):
    beringia.spark.register(spark, "head", lambda x, n: (x[0], n.size), "x double, n long", args={"x": "x", "n": "y"})
    assert sql("SELECT * FROM head(TABLE(visits) PARTITION BY id ORDER BY day DESC)") == [("a", 3.0, 3), ("b", 5.0, 2)]
    assert sql("SELECT id, x FROM head(TABLE(SELECT * FROM visits) PARTITION BY id ORDER BY day)") == [
        ("a", 1.0),
        ("b", 1.0),
    ]
    sql("DROP TEMPORARY FUNCTION head")


@since_4
def test_the_queries_of_the_guide(spark, sql):
    queries = re.findall(r"^```sql\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    beringia.spark.register(spark, "ols", lambda x, y: np.polyfit(x, y, 1).round(6), "slope double, intercept double")
    assert [sql(query) for query in queries] == [[("a", 2.0), ("b", 4.0)], LINES]
    sql("DROP TEMPORARY FUNCTION ols")


def test_a_name_is_given_in_a_session(spark):
    with pytest.raises(ArgumentError, match="a function gets its name in a SparkSession, got DataFrame"):
        beringia.spark.register(spark.range(1), "total", np.sum, "y long", args={"a": "id"})


@pytest.mark.parametrize("name", ["", "a b", "a.b", "1a", 3])
def test_a_name_that_is_none_is_refused(spark, name):
    with pytest.raises(ArgumentError, match="letters, digits and underscores"):
        beringia.spark.register(spark, name, np.sum, "y double", args={"a": "x"})
