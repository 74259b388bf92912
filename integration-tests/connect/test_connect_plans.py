"""What a numpy_map is on a server: part of plans like any other relation, and refused as on a classic session."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark import SparkContext
from pyspark.sql import functions as F

from beringia.errors import ArgumentError, GroupError
from beringia.spark import numpy_map


@pytest.fixture(scope="module")
def df(spark):
    rows = [("a", 1, 0.0, 1.0), ("a", 2, 1.0, 3.0), ("b", 1, 0.0, 5.0), ("b", 2, 2.0, 4.0)]
    return spark.createDataFrame(rows, "id string, day int, x double, y double")


def slope(x, y):
    return np.polyfit(x, y, 1)[0].round(6)


def test_there_is_no_jvm_in_this_process(df):
    numpy_map(slope, df.groupBy("id"), "slope double").collect()
    assert SparkContext._jvm is None


def test_the_schema_is_known_at_once(df):
    result = numpy_map(slope, df.groupBy("id"), "slope double")
    assert result.schema.simpleString() == "struct<id:string,slope:double>"


def test_keys_arguments_and_orders_are_expressions(df, collected):
    result = numpy_map(
        lambda late, v: (late, v.tolist()),
        df.groupBy((df.day > 1).alias("late"), F.lower("id").alias("who")),
        "late_too boolean, v array<double>",
        args={"late": "late", "v": df.x + df.y},
        order_by=[F.desc("y")],
    )
    assert collected(result) == [
        (False, "a", False, [1.0]),
        (False, "b", False, [5.0]),
        (True, "a", True, [4.0]),
        (True, "b", True, [6.0]),
    ]


def test_columns_of_a_frame_that_the_data_come_from(df, collected):
    later = df.where(df.x > 0).withColumn("z", df.y * 2)
    result = numpy_map(lambda z: z.sum(), later.groupBy(df.id), "total double", args={"z": later.z})
    assert collected(result) == [("a", 6.0), ("b", 8.0)]


def test_a_result_joins_itself_and_what_it_came_from(df, collected):
    slopes = numpy_map(slope, df.groupBy("id"), "slope double")
    joined = df.join(slopes, "id").where("day = 1").select("id", "x", "slope")
    assert collected(joined) == [("a", 0.0, 2.0), ("b", 0.0, -0.5)]
    assert slopes.alias("l").join(slopes.alias("r"), "id").count() == 2
    assert slopes.union(slopes).distinct().count() == 2


def test_a_result_is_a_view_for_sql(spark, df):
    numpy_map(slope, df.groupBy("id"), "slope double").createOrReplaceTempView("slopes")
    (row,) = spark.sql("select id from slopes where slope < 0").collect()
    assert row.id == "b"


def test_rows_batches_and_partitions(df, collected):
    assert collected(numpy_map(np.hypot, df, "r double", args=["x", "y"]).selectExpr("sum(r) > 0")) == [(True,)]
    batches = numpy_map(lambda x: {"twice": 2 * x}, df, "array<struct<twice: double>>", per="batch", keep=["id", "x"])
    assert batches.columns == ["id", "x", "twice"]
    assert all(row.twice == 2 * row.x for row in batches.collect())
    whole = numpy_map(lambda x: x.size, df.coalesce(1), "n long", per="partition")
    assert collected(whole) == [(4,)]


def test_an_error_has_its_group_and_traceback(df):
    def fails_on_b(key):
        return 1 / (key != "b")

    with pytest.raises(GroupError) as caught:
        numpy_map(fails_on_b, df.groupBy("id"), "y double", args={"key": "id"}).collect()
    error = caught.value
    assert type(error) is GroupError
    assert error.group == "id='b'"
    assert error.function.endswith("fails_on_b")
    assert "ZeroDivisionError" in error.traceback
    assert 'return 1 / (key != "b")' in str(error)


def test_an_error_of_many_lines_comes_whole(df):
    def fails(x):
        raise ValueError("long " * 10_000)

    with pytest.raises(GroupError) as caught:
        numpy_map(fails, df.groupBy("id"), "y double").collect()
    assert str(caught.value).count("long ") >= 10_000


def refused(*args, **kwargs):
    with pytest.raises(ArgumentError) as caught:
        numpy_map(*args, **kwargs)
    return str(caught.value)


def test_what_is_refused_is_refused_by_the_call(spark, df):
    assert "dose" in refused(lambda dose: 1, df.groupBy("id"), "y double")
    assert "nowhere" in refused(lambda x: 1, df.groupBy("id"), "y double", args={"x": "nowhere"})
    for grouped in (df.rollup("id"), df.cube("id"), df.groupBy("id").pivot("day", [1])):
        assert "not rollup, cube, grouping sets or pivot" in refused(slope, grouped, "y double")
    for returns in ("double", "y doble", "array<double>", "", "struct<>", 3):
        assert "returns" in refused(slope, df.groupBy("id"), returns)
    assert "aggregate" in refused(lambda x: 1, df.groupBy("id"), "y double", args={"x": F.sum("x")})
    assert "several rows of one" in refused(lambda x: 1, df, "y double", args={"x": F.explode(F.array("x"))})
    assert "a worker has no session" in refused(lambda x: spark.version, df.groupBy("id"), "y double")


def test_an_error_of_the_data_is_spark_s_own(df):
    from pyspark.errors import AnalysisException

    with pytest.raises(AnalysisException, match="nowhere"):
        numpy_map(slope, df.select("id", "nowhere").groupBy("id"), "y double")


def test_a_large_function_travels_once(df, collected):
    table = np.arange(3_000_000.0)
    result = numpy_map(
        lambda day, table: table[day].sum() + table[-1], df.groupBy("id"), "y double", consts={"table": table}
    )
    assert collected(result) == [("a", 3_000_002.0), ("b", 3_000_002.0)]
    assert len(result._plan.to_proto(df.sparkSession.client).SerializeToString()) < 100_000
