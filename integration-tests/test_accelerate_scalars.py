"""Unchanged scalar UDFs on Beringia's workers: beside the same rows come the same results as on PySpark's own."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyspark
import pytest
from pyspark import SparkFiles, TaskContext, cloudpickle
from pyspark.sql import functions as F

import beringia.spark
from accelerated import BATCH_ROWS, both, covered, data, kept, of_spark_4, same, some
from plans import nodes, takes_columns

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

IN_PANDAS = "AcceleratedEvalInPandas"
IN_ARROW = "AcceleratedEvalInArrow"

pytestmark = covered


def udf(kind):
    """A decorator that makes scalar pandas UDFs, once there is a session."""

    def decorate(function):
        def typed(*columns: pd.Series) -> pd.Series:
            return function(*columns)

        return lambda *columns: F.pandas_udf(typed, kind)(*columns)

    return decorate


@udf("double")
def plus(*columns):
    return sum(columns[1:], columns[0] + 0.5)


@udf("long")
def doubled(column):
    return column * 2


@udf("string")
def text(*columns):
    """All that a function can see."""
    about = [(one.tolist(), one.dtype, one.name, one.index) for one in columns]
    writeable = [getattr(one.array, "_ndarray", np.empty(0)).flags.writeable for one in columns]
    return pd.Series([repr([about, writeable])] * len(columns[0]))


def arrow(kind):
    """The same of scalar Arrow UDFs."""

    def decorate(function):
        def typed(*columns: pa.Array) -> pa.Array:
            return function(*columns)

        return lambda *columns: F.arrow_udf(typed, kind)(*columns)

    return decorate


def described(*arrays):
    """All that a function can see."""
    about = [(one.type, one.offset, one.null_count, one.to_pylist()) for one in arrays]
    return pa.array([repr(about)] * len(arrays[0]))


def last(*arrays):
    return arrays[-1]


def constants():
    """Return one of each type, and some that are missing."""
    values = [
        (True, "boolean"), (1, "byte"), (2, "short"), (3, "int"), (4, "long"), (0.5, "float"), (1.5, "double"),
        ("a", "string"), ("b", "binary"), ("2020-01-02", "date"), ("2020-01-02 03:04:05", "timestamp"),
        ("2020-01-02 03:04:05", "timestamp_ntz"), (1, "decimal(9,2)"), (2, "decimal(18,2)"), (3, "decimal(38,2)"),
        (None, "int"), (None, "string"),
    ]  # fmt: skip
    return [F.lit(value).cast(kind) for value, kind in values]


QUERIES = {
    "of one column": lambda df: kept(df, plus("f64")),
    "of several": lambda df: kept(df, plus("f64", "id", "f32")),
    "several at once": lambda df: kept(df, plus("f64"), doubled("id"), text("s")),
    "of expressions": lambda df: kept(df, plus(F.col("id") + 1, F.sqrt("f64"))),
    "of a random number": lambda df: kept(df, plus(F.rand(7), "f64")),
    "of another's result": lambda df: kept(df, doubled(doubled("id"))),
    "beside all columns": lambda df: df.withColumn("more", plus("f64")),
    "beside no column": lambda df: df.select(plus("f64")),
    "of constants": lambda df: kept(df, plus(F.lit(1.0))),
    "of a column and constants": lambda df: kept(df, text("id", *constants())),
    "within expressions": lambda df: kept(df, (doubled("id") + 1).cast("string")),
    "in a condition": lambda df: kept(df.where(plus("f64") > 3)),
    "of no rows": lambda df: kept(df.where("id < 0"), plus("f64")),
    "of empty partitions": lambda df: kept(df.repartition(5, "g").where("g < 2"), plus("f64")),
    "before a group": lambda df: df.groupBy(doubled("id") % 3).agg(F.sum("id")),
    "before a sort": lambda df: kept(df, doubled("id").alias("x")).orderBy(F.desc("x")).limit(20),
    "of a limit": lambda df: kept(df.coalesce(1), doubled("id")).limit(3),
    **{
        f"that see {name}": lambda df, name=name: kept(df, text(name))
        for name in (
            "i8", "i16", "i32", "id", "f32", "f64", "b", "s", "bin", "d", "t", "n", "dec", "i32_null", "i64_null",
            "f64_null", "b_null", "s_null", "bin_null", "d_null", "t_null", "dec_null", "nan", "none",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", some(QUERIES))
def test_scalars_are_the_same(both, conf, data, name):
    conf(BATCH_ROWS, "7")
    theirs, ours = both(lambda: QUERIES[name](data), IN_PANDAS)
    assert isinstance(ours[1], list)
    assert ours == theirs


@pytest.fixture(scope="module")
def file(spark, data, tmp_path_factory):
    """The data as Spark reads them from a file: by columns."""
    path = str(tmp_path_factory.mktemp("scalars") / "data.parquet")
    data.coalesce(1).write.parquet(path)
    return spark.read.parquet(path)


IN_A_FILE = ["several at once", "of a column and constants", "of a limit", "that see s_null", "that see b_null"]
OTHERS = [name for name in QUERIES if not any(of in name for of in ("expressions", "random", "condition"))]


@pytest.mark.parametrize("name", [*IN_A_FILE, *[pytest.param(name, marks=pytest.mark.slow) for name in OTHERS]])
def test_scalars_are_the_same_beside_columns(both, conf, file, name):
    conf(BATCH_ROWS, "7")
    theirs, ours = both(lambda: QUERIES[name](file), IN_PANDAS)
    assert isinstance(ours[1], list)
    assert ours == theirs


def test_columns_stay_columns(conf, file):
    conf("spark.beringia.accelerate", "true")
    query = file.select("id", doubled("id"), plus(F.lit(1.0), "f64"))
    assert takes_columns(query)
    assert {row[1] - 2 * row[0] for row in query.collect()} == {0}


@pytest.mark.parametrize("of", ["id", "id + 1"])
def test_other_columns_stay_rows_or_are_left_to_a_spark_that_takes_batches(conf, spark, tmp_path, of):
    spark.range(9).selectExpr("id", "map(id, id) as m").write.parquet(str(tmp_path / "maps"))
    df = spark.read.parquet(str(tmp_path / "maps"))
    conf("spark.beringia.accelerate", "true")
    query = df.select("m" if of == "id" else "id", doubled(F.expr(of)))
    [node] = beringia.spark.explain_acceleration(query)
    assert (node.reason is None) == (pyspark.__version__ < "4")
    assert node.reason is None or "columnarInput" in node.reason
    assert sorted(row[1] for row in query.collect()) == [2 * (i + len(of) // 6) for i in range(9)]


OF_OTHERS = {
    "another of columns": lambda df: df.select("id", text(plus("id"), plus("f64"))),
    "a map": lambda df: df.select("id").mapInPandas(lambda frames: frames, "id long").select("id", text("id")),
    "a map, left to Spark": lambda df: df.select("id").mapInPandas(lambda frames: frames, "id long").select(
        "id", text(F.create_map("id", "id"))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_OTHERS)
def test_what_others_return_comes_in_the_batches_that_spark_gives(conf, file, name):
    conf("spark.sql.parquet.columnarReaderBatchSize", "7")
    conf(BATCH_ROWS, "5")
    outcomes = []
    for way in ("false", "true"):
        conf("spark.beringia.accelerate", way)
        outcomes.append(sorted(map(repr, OF_OTHERS[name](file).collect())))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("outcome", ["a value short", "raised later"])
def test_errors_beside_columns_are_the_same(both, conf, file, outcome):
    conf(BATCH_ROWS, "7")
    kind, make = RESULTS[outcome]
    theirs, ours = both(lambda: kept(file, udf(kind)(make)("id", "t")), IN_PANDAS)
    assert same(ours, theirs)


@of_spark_4
def test_arrays_are_the_same_beside_columns(both, conf, file):
    conf(BATCH_ROWS, "7")
    theirs, ours = both(lambda: kept(file, arrow("string")(described)("s_null", "id")), IN_ARROW)
    assert isinstance(ours[1], list)
    assert ours == theirs


RESULTS = {
    "int as double": ("double", lambda x, t: x),
    "double as int": ("int", lambda x, t: x / 2),
    "too large for a byte": ("byte", lambda x, t: x * 100),
    "int as string": ("string", lambda x, t: x),
    "text as double": ("double", lambda x, t: x.astype(str)),
    "NaN as long": ("long", lambda x, t: x.where(x > 3)),
    "texts and nulls": ("string", lambda x, t: x.map("n{}".format).where(x > 3, None)),
    "categories": ("string", lambda x, t: x.map("n{}".format).astype("category")),
    "nullable": ("long", lambda x, t: x.astype("Int64").where(x > 3)),
    "times": ("timestamp", lambda x, t: t + pd.Timedelta("1h")),
    "dates": ("date", lambda x, t: t.dt.date),
    "bytes": ("binary", lambda x, t: x.map(lambda i: bytes([i]))),
    "objects": ("string", lambda x, t: pd.Series([object()] * len(x))),
    "of another index": ("long", lambda x, t: x.iloc[::-1]),
    "a value short": ("long", lambda x, t: x[1:]),
    "an array": ("long", lambda x, t: x.to_numpy()),
    "a list": ("long", lambda x, t: x.tolist()),
    "a number": ("long", lambda x, t: 1),
    "nothing": ("long", lambda x, t: None),
    "a frame": ("long", lambda x, t: pd.DataFrame({"x": x})),
    "raised": ("long", lambda x, t: 1 / 0),
    "raised later": ("long", lambda x, t: x if x.iloc[0] < 10 else t.nothing),
    "stopped": ("long", lambda x, t: next(iter(()))),
    "left": ("long", lambda x, t: sys.exit("leaving")),
}


@pytest.mark.parametrize("name", some(RESULTS))
def test_results_are_taken_as_by_pyspark(both, conf, data, name):
    conf(BATCH_ROWS, "7")
    kind, make = RESULTS[name]
    theirs, ours = both(lambda: kept(data.coalesce(1), udf(kind)(make)("id", "t"), doubled("id")), IN_PANDAS)
    assert same(ours, theirs)


@of_spark_4
@pytest.mark.parametrize("name", some(["f64", "id", "s", "bin", "d", "t", "n", "dec", "b_null", "i64_null", "none"]))
def test_arrays_are_the_same(both, conf, data, name):
    conf(BATCH_ROWS, "7")
    theirs, ours = both(
        lambda: kept(data, arrow("string")(described)(name, "id"), arrow("long")(last)("f64", "id")), IN_ARROW
    )
    assert isinstance(ours[1], list)
    assert ours == theirs


ARRAYS = {
    "of large strings": ("string", lambda x: x.cast(pa.large_string())),
    "of another type": ("int", lambda x: x),
    "too large": ("byte", lambda x: pc.multiply(x, 100)),
    "that cannot be cast": ("date", lambda x: x),
    "in chunks": ("long", lambda x: pa.chunked_array([x])),
    "a value short": ("long", lambda x: x[1:]),
    "of pandas": ("long", lambda x: x.to_pandas()),
    "that are none": ("long", lambda x: 1),
    "raised": ("long", lambda x: 1 / 0),
}


@of_spark_4
@pytest.mark.parametrize("name", some(ARRAYS))
def test_arrays_are_taken_as_by_pyspark(both, conf, data, name):
    conf(BATCH_ROWS, "7")
    kind, make = ARRAYS[name]
    theirs, ours = both(lambda: kept(data, arrow(kind)(make)("id"), arrow("long")(last)("id")), IN_ARROW)
    assert same(ours, theirs)


@of_spark_4
def test_arrays_have_the_large_types_that_are_asked_for(both, conf, data):
    conf("spark.sql.execution.arrow.useLargeVarTypes", "true")
    theirs, ours = both(lambda: kept(data, arrow("string")(described)("s")), IN_ARROW)
    assert "large_string" in repr(theirs)
    assert ours == theirs


def test_functions_that_raise_show_the_users_code_alone(both, data):
    theirs, ours = both(lambda: data.select(udf("long")(lambda x: 1 / 0)("id")), IN_PANDAS)
    assert ours == theirs
    assert "beringia" not in ours[1].replace(__file__, "")


def test_functions_of_functions_are_nodes_of_their_own(conf, data):
    outcomes = []
    for way in ("false", "true"):
        conf("spark.beringia.accelerate", way)
        query = data.select("id", plus(doubled("id"), plus("f64")))
        outcomes.append(sorted(query.collect()))
    assert beringia.spark.explain_acceleration(query) == [(IN_PANDAS, None)] * 2
    assert outcomes[0] == outcomes[1]


def test_rows_that_take_much_are_put_beside_their_results(conf, spark):
    conf("spark.beringia.accelerate", "true")
    df = spark.range(0, 40_000, 1, 2).selectExpr("id", "repeat(cast(id as string), 2000) as s")
    query = df.withColumn("x", doubled("id")).selectExpr(
        "max(abs(x - 2 * id))", "sum(x)", "max(abs(id - left(s, length(id))))"
    )
    assert beringia.spark.explain_acceleration(query) == [(IN_PANDAS, None)]
    assert [*query.head()] == [0, 40_000 * 39_999, 0]


def test_functions_know_their_task(both, spark, data, tmp_path):
    (tmp_path / "given.txt").write_text("given")
    spark.sparkContext.addFile(str(tmp_path / "given.txt"))
    words = spark.sparkContext.broadcast({"a": 1})

    def f(x):
        with open(SparkFiles.get("given.txt")) as file:  # noqa: PTH123 (as in the guide of PySpark)
            seen = [file.read(), TaskContext.get().partitionId(), words.value]
        return pd.Series([repr(seen)] * len(x))

    theirs, ours = both(lambda: data.select("id", udf("string")(f)("id")), IN_PANDAS)
    assert ours == theirs


def test_plans_show_it(conf, data, capsys):
    conf("spark.beringia.accelerate", "true")
    data.select(plus("f64")).explain()
    assert IN_PANDAS in capsys.readouterr().out


def test_metrics_have_the_names_of_sparks_own(conf, data):
    labels = []
    for way in ("false", "true"):
        conf("spark.beringia.accelerate", way)
        plan = data.select(doubled("id"))._jdf.queryExecution().executedPlan()
        (node,) = (node for node in nodes(plan) if node.nodeName() in ("ArrowEvalPython", IN_PANDAS))
        names = node.metrics().keySet().mkString(",").split(",")
        labels.append({node.metrics().apply(name).name().get() for name in names})
    theirs, ours = labels
    assert "data sent to Python workers" in theirs
    assert {label for label in theirs if not label.startswith("time")} <= ours


LEFT = {
    "column 'argument' is of type map<bigint,int>": lambda df, conf: df.select(
        udf("int")(len)(F.create_map("id", "g"))
    ),
    f"{BATCH_ROWS} is 0": lambda df, conf: conf(BATCH_ROWS, "0") or df.select(plus("f64")),
}


@pytest.mark.parametrize("reason", LEFT)
def test_what_is_not_covered_is_left_to_spark(conf, data, reason):
    conf("spark.beringia.accelerate", "true")
    [node] = beringia.spark.explain_acceleration(LEFT[reason](data, conf))
    assert node == ("ArrowEvalPython", reason)
