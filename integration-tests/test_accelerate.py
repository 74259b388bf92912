"""Unchanged PySpark code on Beringia's workers: whatever it is, it comes to what it comes to on PySpark's own."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyspark
import pytest
from pyspark import SparkFiles, TaskContext, cloudpickle
from pyspark.sql import functions as F

import beringia.spark
from accelerated import both, covered, data, describe, describe_table, same, some

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

ACCELERATED = "AcceleratedGroupsInPandas"
SPARKS = "FlatMapGroupsInPandas"

pytestmark = covered


def test_frames_are_the_same(both, data):
    theirs, ours = both(lambda: data.groupBy("g").applyInPandas(describe, "seen string"))
    assert ours == theirs


def test_what_is_returned_unchanged_is_unchanged(both, data):
    theirs, ours = both(lambda: data.groupBy("g").applyInPandas(lambda frame: frame, data.schema))
    assert ours == theirs
    assert len(ours[1]) == 60


def returning(**columns):
    def f(key, frame):
        return pd.DataFrame({name: make(frame) for name, make in columns.items()})

    return f


RESULTS = {
    "int as double": (lambda p: p.id, "double"),
    "double as int": (lambda p: p.f64, "int"),
    "double with NaN as long": (lambda p: p.f64_null, "long"),
    "too large for a byte": (lambda p: p.id * 100, "byte"),
    "bool as int": (lambda p: p.b, "int"),
    "int as string": (lambda p: p.id, "string"),
    "string as double": (lambda p: p.s, "double"),
    "NaN in a string": (lambda p: p.s.where(p.b, np.nan), "string"),
    "numbers among strings": (lambda p: p.s.where(p.id != 5, 5), "string"),
    "nullable ints": (lambda p: p.id.astype("Int64").where(p.b), "long"),
    "nullable bools": (lambda p: p.b.astype("boolean"), "boolean"),
    "nullable strings": (lambda p: p.s.astype("string"), "string"),
    "categories": (lambda p: p.s.astype("category"), "string"),
    "float32": (lambda p: p.f64.astype("float32"), "double"),
    "unsigned": (lambda p: p.id.astype("uint16"), "int"),
    "times": (lambda p: p.t + pd.Timedelta("1h"), "timestamp"),
    "times of no zone": (lambda p: p.n, "timestamp_ntz"),
    "times in seconds": (lambda p: p.t.astype("datetime64[s]"), "timestamp"),
    "times of a zone": (lambda p: p.t.dt.tz_localize("Europe/Berlin", ambiguous=True, nonexistent="NaT"), "timestamp"),
    "an hour that is not": (lambda p: pd.Series([dt.datetime(2020, 3, 8, 2, 30)] * len(p)), "timestamp"),
    "NaT": (lambda p: p.t.where(p.b), "timestamp"),
    "dates": (lambda p: p.d, "date"),
    "dates of times": (lambda p: p.t, "date"),
    "decimals": (lambda p: p.id.map(lambda i: Decimal(i) / 8), "decimal(10, 3)"),
    "decimals that do not fit": (lambda p: p.id.map(lambda i: Decimal(10) ** i), "decimal(10, 3)"),
    "bytes": (lambda p: p.s.str.encode("utf-8"), "binary"),
    "one buffer for all": (lambda p: pd.Series([bytearray(b"ab")] * len(p)), "binary"),
    "objects": (lambda p: pd.Series([object()] * len(p)), "string"),
    "constants": (lambda p: 1, "int"),
}


@pytest.mark.parametrize("name", some(RESULTS))
def test_results_are_converted_as_by_pyspark(both, data, name):
    make, kind = RESULTS[name]
    f = returning(g=lambda p: p.g, x=make)
    theirs, ours = both(lambda: data.groupBy("g").applyInPandas(f, f"g int, x {kind}"))
    assert same(ours, theirs)


SHAPES = {
    "in another order": lambda p: p[["b", "a", "g"]],
    "by position": lambda p: p.set_axis([0, 1, 2], axis=1),
    "of another length by position": lambda p: p.set_axis([0, 1, 2], axis=1).iloc[:, :2],
    "without a column": lambda p: p[["g", "a"]],
    "with one more": lambda p: p.assign(c=1),
    "of other names": lambda p: p.rename(columns={"a": "z"}),
    "with duplicate names": lambda p: p.set_axis(["g", "a", "a"], axis=1),
    "of no rows": lambda p: p.iloc[:0],
    "of nothing": lambda p: pd.DataFrame(),
    "with an index": lambda p: p.set_index("g", drop=False),
    "of more rows": lambda p: pd.concat([p, p]),
    "that is a series": lambda p: p.a,
    "that is None": lambda p: None,
    "sliced": lambda p: p.iloc[::2],
    "sorted": lambda p: p.sort_values("b", ascending=False),
    "of a class of its own": lambda p: type("Own", (pd.DataFrame,), {})(p),
    "for some groups": lambda p: p if p.g[0] % 2 else p.iloc[:0],
}


@pytest.mark.parametrize("name", some(SHAPES))
def test_frames_of_any_shape_are_taken_as_by_pyspark(both, data, name):
    small = data.selectExpr("g", "f64 as a", "id as b")
    theirs, ours = both(lambda: small.groupBy("g").applyInPandas(SHAPES[name], "g int, a double, b long"))
    assert same(ours, theirs)


KEYS = (["g"], ["s_null"], ["f64_null"], ["i64_null", "b"], ["d_null"], ["t_null"], ["dec_null"], [])


@pytest.mark.parametrize("keys", some(KEYS))
def test_keys_are_the_same(both, data, keys):
    def f(key, frame):
        return pd.DataFrame({"key": [repr(key)], "types": [repr([type(k) for k in key])], "n": [len(frame)]})

    theirs, ours = both(lambda: data.groupBy(*keys).applyInPandas(f, "key string, types string, n long"))
    assert ours == theirs


def test_keys_that_are_expressions(both, data):
    def f(key, frame):
        return pd.DataFrame({"key": [int(key[0])], "columns": [",".join(frame.columns)]})

    grouped = data.select("id", "s").groupBy((F.col("id") % 3).alias("mod"))
    theirs, ours = both(lambda: grouped.applyInPandas(f, "key int, columns string"))
    assert ours == theirs


def test_what_a_function_does_to_its_frame_reaches_no_other_group(both, data):
    kept = []

    def f(frame):
        frame["f64"] = -1.0
        frame.loc[:, "id"] = 0
        frame.iloc[0, 0] = 7
        frame.drop(columns="s", inplace=True)
        frame.columns.name = "mine"
        kept.append(frame)
        others = sum(int((k.f64 != -1).sum()) for k in kept)
        return pd.DataFrame({"g": [frame.g.sum()], "others": [others], "columns": [repr(frame.columns)]})

    theirs, ours = both(lambda: data.coalesce(1).groupBy("g").applyInPandas(f, "g long, others long, columns string"))
    assert ours == theirs


def test_a_frame_that_is_used_again_is_taken_before_the_next_call(both, data):
    frame = pd.DataFrame({"g": [0], "total": [0.0], "s": ["a"]})

    def f(group):
        frame.loc[0, ["g", "total", "s"]] = group.g[0], group.f64.sum(), group.s[0]
        return frame.astype({"g": int, "total": float})

    theirs, ours = both(lambda: data.groupBy("g").applyInPandas(f, "g int, total double, s string"))
    assert ours == theirs


def raises(frame):
    if frame.g[0] == 3:
        raise ValueError("three") from KeyError("cause")
    return frame


def stops(frame):
    raise StopIteration


def exits(frame):
    sys.exit("leaving")


@pytest.mark.parametrize("f", [raises, stops, exits])
def test_errors_are_the_same(both, data, f):
    small = data.select("g", "id")
    theirs, ours = both(lambda: small.groupBy("g").applyInPandas(f, small.schema))
    assert issubclass(ours[0], Exception)
    assert same(ours, theirs)


def test_a_function_that_raises_shows_the_users_code_alone(both, data):
    small = data.select("g", "id")
    theirs, ours = both(lambda: small.groupBy("g").applyInPandas(raises, small.schema))
    assert ours == theirs
    assert "beringia" not in ours[1].replace(__file__, "")


def test_a_function_knows_its_task(both, data, spark, tmp_path):
    (tmp_path / "given.txt").write_text("given")
    spark.sparkContext.addFile(str(tmp_path / "given.txt"))
    spark.sparkContext.setLocalProperty("mine", "yes")
    words = spark.sparkContext.broadcast({"a": 1})

    def f(frame):
        task = TaskContext.get()
        with open(SparkFiles.get("given.txt")) as file:  # noqa: PTH123 (as in the guide of PySpark)
            given = file.read()
        seen = [given, task.partitionId(), task.getLocalProperty("mine"), task.attemptNumber(), words.value]
        return pd.DataFrame({"seen": [repr(seen)]})

    theirs, ours = both(lambda: data.groupBy("g").applyInPandas(f, "seen string"))
    spark.sparkContext.setLocalProperty("mine", None)
    assert ours == theirs


def test_the_sessions_settings_are_kept(both, conf, data):
    def times(p):
        return pd.DataFrame({"t": p.t, "s": p.t.map(str)})

    def half(p):
        return pd.DataFrame({"x": p.g + 0.5})

    small = data.select("g", "t")
    for zone in ("UTC", "Asia/Kolkata"):
        conf("spark.sql.session.timeZone", zone)
        theirs, ours = both(lambda: small.groupBy("g").applyInPandas(times, "t timestamp, s string"))
        assert ours == theirs
    conf("spark.sql.legacy.execution.pandas.groupedMap.assignColumnsByName", "false")
    theirs, ours = both(lambda: small.groupBy("g").applyInPandas(lambda p: p[["t", "g"]], "a timestamp, b int"))
    assert ours == theirs
    conf("spark.sql.execution.pandas.convertToArrowArraySafely", "true")
    theirs, ours = both(lambda: small.groupBy("g").applyInPandas(half, "x int"))
    assert same(ours, theirs)


def test_a_cloned_session_has_settings_of_its_own(spark, conf, data):
    conf("spark.beringia.accelerate", "true")

    def query(session):
        return session.range(4).groupBy("id").applyInPandas(lambda p: p, "id long")

    other = spark.newSession()
    assert beringia.spark.explain_acceleration(query(spark)) == [(ACCELERATED, None)]
    assert beringia.spark.explain_acceleration(query(other)) == [(SPARKS, "spark.beringia.accelerate is false")]
    assert sorted(row.id for row in query(other).collect()) == [0, 1, 2, 3]


@pytest.mark.parametrize("adaptive", ["true", "false"])
def test_plans_show_it(spark, conf, data, adaptive, capsys):
    conf("spark.beringia.accelerate", "true")
    conf("spark.sql.adaptive.enabled", adaptive)
    df = data.select("g", "id").groupBy("g").applyInPandas(lambda p: p, "g int, id long")
    df.explain()
    assert ACCELERATED in capsys.readouterr().out
    rows = df.groupBy("g").count().join(df.select("g").distinct(), "g").collect()
    assert len(rows) == 8


def tables(key, table):
    assert table.num_rows > 3, "a small group"
    text = [repr(key), *map(repr, describe_table(table))]
    return pa.table({"seen": pa.chunked_array([text[:1], text[1:]])})


def last(table):
    return table.slice(table.num_rows - 1)


TABLES = {
    "that are described": (lambda df: df.where("g > 1").groupBy("g", "b_null"), tables, "seen string"),
    "that are small": (lambda df: df.groupBy("g"), tables, "seen string"),
    "of all rows": (lambda df: df.groupBy(), tables, "seen string"),
    "of another order": (lambda df: df.select("g", "s", "t").groupBy("g"), lambda t: last(t).select([2, 1, 0]), None),
    "of nothing": (lambda df: df.select("g").groupBy("g"), lambda t: pa.table({}), None),
    "of another type": (lambda df: df.select("g", "s").groupBy("g"), lambda t: t.select(["g", "g"]), None),
    "without a column": (lambda df: df.select("g", "s").groupBy("g"), lambda t: t.select(["g"]), None),
    "that are batches": (lambda df: df.select("g").groupBy("g"), lambda t: t.to_batches()[0], None),
}


@pytest.mark.skipif(pyspark.__version__ < "4", reason="applyInArrow is of Spark 4")
@pytest.mark.parametrize("name", TABLES)
def test_tables_are_the_same(both, conf, data, name):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    groups, f, schema = TABLES[name]
    made = groups(data)
    theirs, ours = both(lambda: made.applyInArrow(f, schema or made._df.schema), "AcceleratedGroupsInArrow")
    assert same(ours, theirs)
