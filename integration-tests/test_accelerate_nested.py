"""Arrays and structs in unchanged PySpark code come to the same on Beringia's workers as on PySpark's own."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyspark
import pytest
from pyspark import cloudpickle
from pyspark.sql import Row, Window
from pyspark.sql import functions as F

import beringia.spark
from accelerated import both, covered, data, of_spark_4, same

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

pytestmark = covered

COLUMNS = (
    "numbers array<bigint>, texts array<string>, ragged array<array<double>>, point struct<x: int, at: timestamp>, "
    "points array<struct<x: int, s: string, d: decimal(10, 3)>>, deep struct<p: struct<b: boolean, a: array<date>>>"
)


@pytest.fixture(scope="module")
def nested(data):
    """Arrays and structs, with and without nulls, in groups of several sizes."""
    some = "case when id % 3 > 0 then"
    df = data.selectExpr(
        "g",
        "id",
        "array(id, i64_null) as numbers",
        f"{some} array(s_null, s, 'x') end as texts",
        f"{some} array(array(f64, 1.5d), array(), null) end as ragged",
        f"{some} named_struct('x', i32_null, 'at', t_null) end as point",
        f"{some} array(named_struct('x', i32, 's', s_null, 'd', dec), null) else array() end as points",
        "named_struct('p', named_struct('b', b_null, 'a', array(d, d_null))) as deep",
    )
    return df.localCheckpoint()


def seen(columns):
    """All that a function can see of series."""
    return repr([(one.name, one.dtype, [(type(v), repr(v)) for v in one]) for one in columns])


def frame(frame):
    return pd.DataFrame({"seen": [seen(frame[name] for name in frame)]})


def frames(frames):
    for one in frames:
        yield frame(one)


def batches(batches):
    for batch in batches:
        yield pa.record_batch({"seen": [repr([batch.schema.to_string(), batch.to_pydict()])]})


def scalar(*columns: pd.Series) -> pd.Series:
    return pd.Series([seen(columns)] * len(columns[0]))


def points(x: pd.Series, s: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"x": x + 1, "s": s})


def wrong(x: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"z": x})


def lists(x: pd.Series) -> pd.Series:
    return x.map(lambda value: [value, None] if value % 3 else None)


def aggregate(*columns: pd.Series) -> str:
    return seen(columns)


def values(x: pd.Series) -> list:
    return x.tolist()


def udf(f, returns="string", kind=None):
    return F.pandas_udf(f, returns, kind)


QUERIES = {
    "frames": (lambda df: df.groupBy("g").applyInPandas(frame, "seen string"), "GroupsInPandas"),
    "frames that are returned": (
        lambda df: df.groupBy("g").applyInPandas(lambda p: p, f"g int, id long, {COLUMNS}"),
        "GroupsInPandas",
    ),
    "frames of cogroups": (
        lambda df: (
            df.groupBy("g")
            .cogroup(df.select("g", "point").groupBy("g"))
            .applyInPandas(lambda one, other: pd.concat([frame(one), frame(other)]), "seen string")
        ),
        "CoGroupsInPandas",
    ),
    "frames that are pulled": (lambda df: df.mapInPandas(frames, "seen string"), "MapInPandas"),
    "frames that are pulled and returned": (
        lambda df: df.mapInPandas(lambda frames: frames, f"g int, id long, {COLUMNS}"),
        "MapInPandas",
    ),
    "batches": (lambda df: df.mapInArrow(batches, "seen string"), "MapInArrow"),
    "batches that are returned": (
        lambda df: df.mapInArrow(lambda batches: batches, f"g int, id long, {COLUMNS}"),
        "MapInArrow",
    ),
    "series": (lambda df: df.select("id", "points", udf(scalar)("numbers", "deep", "texts")), "EvalInPandas"),
    "results of structs": (lambda df: df.select("id", udf(points, "x long, s string")("id", "g")), "EvalInPandas"),
    "results of other fields": (lambda df: df.select(udf(wrong, "x long, s string")("id")), "EvalInPandas"),
    "results of arrays": (lambda df: df.select("id", udf(lists, "array<long>")("id")), "EvalInPandas"),
    "aggregates": (lambda df: df.groupBy("g").agg(udf(aggregate)("ragged", "point")), "AggregateInPandas"),
    "aggregates that are arrays": (
        lambda df: df.groupBy("g").agg(udf(values, "array<double>")("id")),
        "AggregateInPandas",
    ),
    "windows": (
        lambda df: df.select(
            "id", udf(aggregate)("point").over(Window.partitionBy("g").orderBy("id").rowsBetween(-1, 1))
        ),
        "WindowInPandas",
    ),
}


TAIL = ("frames that are pulled", "frames that are pulled and returned", "batches")
TAIL += ("results of other fields", "results of arrays", "aggregates")


@pytest.mark.parametrize("name", [pytest.param(q, marks=[pytest.mark.slow] * (q in TAIL), id=q) for q in QUERIES])
def test_nested_values_are_the_same(both, conf, nested, name):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    query, node = QUERIES[name]
    theirs, ours = both(lambda: query(nested), f"Accelerated{node}")
    assert same(ours, theirs)


RETURNED = {
    "texts as structs": ("struct<s: string>", lambda x: x.map("n{}".format)),
    "dicts as structs": ("struct<s: string>", lambda x: x.map(lambda i: {"s": f"n{i}"})),
    "dicts of other fields as structs": ("struct<s: string, t: int>", lambda x: x.map(lambda i: {"t": i, "z": i})),
    "rows as structs": ("struct<s: string, t: int>", lambda x: x.map(lambda i: Row(t=i, s="r"))),
    "tuples as structs": ("struct<s: string, t: int>", lambda x: x.map(lambda i: ("t", i))),
    "frames as structs": ("struct<s: string, t: int>", lambda x: pd.DataFrame({"t": x, "s": "s"})),
    "frames of dicts as structs": (
        "struct<p: struct<s: string>>",
        lambda x: pd.DataFrame({"p": x.map(lambda i: {"s": f"n{i}"})}),
    ),
    "frames as numbers": ("int", lambda x: pd.DataFrame({"s": x})),
    "frames as arrays": ("array<int>", lambda x: pd.DataFrame({"s": x})),
    "lists of dicts": ("array<struct<s: string, t: int>>", lambda x: x.map(lambda i: [{"s": "s"}, {"t": i}, None])),
    "lists of tuples": ("array<struct<s: string, t: int>>", lambda x: x.map(lambda i: [("s", i)])),
    "texts as arrays": ("array<string>", lambda x: x.map("n{}".format)),
    "numbers as arrays": ("array<int>", lambda x: x),
    "arrays of NumPy": ("array<int>", lambda x: x.map(lambda i: np.arange(i % 4) / 2)),
    "matrices of NumPy": ("array<array<double>>", lambda x: x.map(lambda i: np.ones((2, 3)))),
    "lists of lists": ("array<array<double>>", lambda x: x.map(lambda i: [[1.5], None, []])),
    "missing structs": ("struct<s: string>", lambda x: x.map(lambda i: None)),
}


def taken(way, df, kind, make):
    """Return a query that takes what a function makes of a column's values."""
    if way == "series":
        return df.select("id", udf(lambda x: make(x), kind)("id"), udf(lambda x: x, "long")("id"))
    if way == "an iterator":
        return df.select("id", F.pandas_udf(lambda many: map(make, many), kind, F.PandasUDFType.SCALAR_ITER)("id"))
    if way == "an aggregate":
        return df.groupBy("g").agg(udf(lambda x: make(x).iloc[0], kind, F.PandasUDFType.GROUPED_AGG)("id"))
    if way == "a frame":
        return df.groupBy("g").applyInPandas(lambda p: pd.DataFrame({"v": make(p.id)}), f"v {kind}")
    return df.mapInPandas(lambda frames: (pd.DataFrame({"v": make(p.id)}) for p in frames), f"v {kind}")


WAYS = {
    "series": "EvalInPandas",
    "an iterator": "EvalInPandas",
    "an aggregate": "AggregateInPandas",
    "a frame": "GroupsInPandas",
    "frames": "MapInPandas",
}


def cases():
    for name, (kind, _) in RETURNED.items():
        quick = name in ("texts as structs", "dicts as structs", "lists of dicts")
        for way in WAYS:
            if way != "an aggregate" or not kind.startswith("struct"):  # which PySpark refuses
                yield pytest.param(name, way, marks=[] if quick else [pytest.mark.slow])


@pytest.mark.parametrize(("name", "way"), cases())
def test_nested_results_are_taken_as_by_pyspark(both, data, name, way):
    theirs, ours = both(lambda: taken(way, data.coalesce(1), *RETURNED[name]), f"Accelerated{WAYS[way]}")
    assert same(ours, theirs)


def table(table):
    return pa.table({"seen": [repr([table.schema.to_string(), table.to_pydict()])]})


def arrays(*columns):
    return pa.array([repr([(one.type, one.to_pylist()) for one in columns])] * len(columns[0]))


ARROW = {
    "tables": (lambda df: df.groupBy("g").applyInArrow(table, "seen string"), "GroupsInArrow"),
    "tables that are returned": (
        lambda df: df.groupBy("g").applyInArrow(lambda t: t, f"g int, id long, {COLUMNS}"),
        "GroupsInArrow",
    ),
    "arrays": (
        lambda df: df.select("id", F.arrow_udf(arrays, "string", F.ArrowUDFType.SCALAR)("texts", "points")),
        "EvalInArrow",
    ),
}


@of_spark_4
@pytest.mark.parametrize("name", ARROW)
@pytest.mark.parametrize("large", ["true", pytest.param("false", marks=pytest.mark.slow)])
def test_nested_arrays_are_the_same(both, conf, nested, name, large):
    conf("spark.sql.execution.arrow.useLargeVarTypes", large)
    query, node = ARROW[name]
    theirs, ours = both(lambda: query(nested), f"Accelerated{node}")
    assert same(ours, theirs)


LEFT = {
    "column 'm' is of type map<int,bigint>": lambda df: df.select("g", F.create_map("g", "id").alias("m")).groupBy("g"),
    "key 'k' is of type struct<g:int>": lambda df: df.groupBy(F.struct("g").alias("k")),
    "column 'k' is of type struct<a:int,a:bigint>": lambda df: df.selectExpr(
        "g", "struct(g as a, id as a) as k"
    ).groupBy("g"),
}


@pytest.mark.parametrize("reason", LEFT)
def test_what_is_not_covered_is_left_to_spark(conf, nested, reason):
    conf("spark.beringia.accelerate", "true")
    query = LEFT[reason](nested).applyInPandas(lambda p: p[["g"]].iloc[:1], "g int")
    [node] = beringia.spark.explain_acceleration(query)
    assert node == ("FlatMapGroupsInPandas", reason)
