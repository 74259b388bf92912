"""Unchanged PySpark code on Beringia's workers: whatever it is, it comes to what it comes to on PySpark's own."""

from __future__ import annotations

import datetime as dt
import os
import signal
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
from accelerated import both, conf, covered, data, describe, same, some
from beringia import errors

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


LEFT = {
    "an array": (lambda df: df.select("g", F.array("id").alias("a")), "column 'a' is of type array<bigint>"),
    "a struct": (lambda df: df.select("g", F.struct("id").alias("x")), "column 'x' is of type struct<id:bigint>"),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_not_covered_is_left_to_spark(spark, conf, data, name):
    conf("spark.beringia.accelerate", "true")
    make, reason = LEFT[name]
    df = make(data)
    query = df.groupBy("g").applyInPandas(lambda p: p[["g"]].iloc[:1], "g int")
    assert beringia.spark.explain_acceleration(query) == [(SPARKS, reason)]
    assert query.count() == 8


def test_an_accumulator_is_left_to_spark(spark, conf, data):
    conf("spark.beringia.accelerate", "true")
    total = spark.sparkContext.accumulator(0)

    def f(frame):
        total.add(len(frame))
        return frame

    query = data.select("g").groupBy("g").applyInPandas(f, "g int")
    assert beringia.spark.explain_acceleration(query) == [(SPARKS, "the function refers to an accumulator")]
    query.count()
    assert total.value == 60


def test_a_killed_worker_is_an_error_with_its_group(spark, conf, data):
    conf("spark.beringia.accelerate", "true")

    def f(frame):
        if frame.g[0] == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return frame

    query = data.select("g").groupBy("g").applyInPandas(f, "g int")
    with pytest.raises(errors.WorkerDiedError, match="g=3") as caught:
        query.collect()
    assert caught.value.group == "g=3"


def test_a_call_that_takes_too_long_is_an_error_with_its_group(spark, conf, data):
    conf("spark.beringia.accelerate", "true")
    conf("spark.beringia.groupTimeout", "500ms")

    def f(frame):
        if frame.g[0] == 3:
            import time

            time.sleep(60)
        return frame

    query = data.select("g").groupBy("g").applyInPandas(f, "g int")
    with pytest.raises(errors.GroupTimeoutError, match="g=3"):
        query.collect()


def total(*columns: pd.Series) -> float:
    return float(sum(column.sum() for column in columns))


def text(column: pd.Series) -> str:
    array = getattr(column.array, "_ndarray", np.empty(0))
    return repr((column.tolist(), column.dtype, column.name, column.index, array.flags.writeable))


def halved(column: pd.Series) -> float:
    return column.iloc[0] / 2


def nothing(column: pd.Series) -> float:
    return None


AGGREGATES = {
    "of one column": lambda df: df.groupBy("g").agg(F.pandas_udf(total, "double")("f64")),
    "of several": lambda df: df.groupBy("g").agg(
        F.pandas_udf(total, "double")("f64", "id").alias("a"), F.pandas_udf(halved, "int")("id").alias("b")
    ),
    "of expressions": lambda df: df.groupBy("g").agg(F.pandas_udf(total, "double")(F.col("id") * 2, F.col("f32"))),
    "within expressions": lambda df: df.groupBy("g").agg(F.pandas_udf(total, "double")("id") + F.col("g") + 1),
    "with keys that are expressions": lambda df: df.groupBy(F.col("id") % 4).agg(F.pandas_udf(total, "double")("id")),
    "of all rows": lambda df: df.agg(F.pandas_udf(total, "double")("id")),
    "of no rows": lambda df: df.where("id < 0").agg(F.pandas_udf(total, "double")("id")),
    "of a key that is null": lambda df: df.groupBy("s_null", "b").agg(F.pandas_udf(total, "double")("id")),
    "that are null": lambda df: df.groupBy("g").agg(F.pandas_udf(nothing, "double")("id")),
    "that do not fit": lambda df: df.groupBy("g").agg(F.pandas_udf(text, "double")("id")),
    "that raise": lambda df: df.groupBy("g").agg(F.pandas_udf(total, "double")("s")),
    "without a group": lambda df: df.groupBy("g").agg(F.pandas_udf(halved, "double")("id")).where("g > 3"),
    **{
        f"that see {name}": lambda df, name=name: df.groupBy("g").agg(F.pandas_udf(text, "string")(name))
        for name in ("i8", "f64_null", "i32_null", "b_null", "s", "d", "t", "n", "dec_null", "bin")
    },
}


@pytest.mark.parametrize("name", some(AGGREGATES))
def test_aggregates_are_the_same(both, data, name):
    theirs, ours = both(lambda: AGGREGATES[name](data), "AcceleratedAggregateInPandas")
    assert same(ours, theirs)


AGGREGATES_LEFT = {
    "column 'argument' is of type array<bigint>": lambda df: df.groupBy("g").agg(
        F.pandas_udf(text, "string")(F.array("id"))
    ),
    "the key 'f64_null' is of type double": lambda df: df.groupBy("f64_null").agg(F.pandas_udf(total, "double")("id")),
}


@pytest.mark.parametrize("reason", AGGREGATES_LEFT)
def test_aggregates_that_are_not_covered_are_left_to_spark(spark, conf, data, reason):
    conf("spark.beringia.accelerate", "true")
    query = AGGREGATES_LEFT[reason](data)
    [node] = beringia.spark.explain_acceleration(query)
    assert node.reason == reason
    query.collect()


def seen(table):
    """All that a function can see of its table."""
    chunks = [[(chunk.offset, len(chunk)) for chunk in column.chunks] for column in table.columns]
    return [table.schema.to_string(show_schema_metadata=True), chunks, table.to_pydict()]


def tables(key, table):
    assert table.num_rows > 3, "a small group"
    text = [repr(key), *map(repr, seen(table))]
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


def first_of_all(frames):
    yield pd.DataFrame({"n": [-1], "s": ["before"]})
    n = 0
    for frame in frames:
        n += len(frame)
        yield pd.DataFrame({"n": [len(frame)], "s": [describe(frame).to_csv()]})
    yield pd.DataFrame({"n": [n], "s": [f"after {TaskContext.get().partitionId()}"]})


def only_the_first(frames):
    for frame in frames:
        yield frame[["n", "s"]]
        return


def nobody(frames):
    return iter(())


def without_end(frames):
    while True:
        yield pd.DataFrame({"n": np.arange(100_000), "s": "many bytes of text"})


def more_than_asked_for(frames):
    for frame in frames:
        for i in range(3):
            yield frame.assign(n=i, other=i)


def raises_later(frames):
    yield next(frames)
    raise ValueError("later")


def stops_itself(frames):
    yield next(frames)
    raise StopIteration


FRAMES = {
    "that are described": (first_of_all, lambda df: df),
    "of the first batch": (only_the_first, lambda df: df),
    "of no partition": (first_of_all, lambda df: df.where("n < 0")),
    "returned as they came": (lambda frames: (frame[["s", "n"]] for frame in frames), lambda df: df),
    "with a column more": (more_than_asked_for, lambda df: df),
    "without end": (lambda frames: without_end(frames), lambda df: df),
    "that nobody looks at": (nobody, lambda df: df),
    "in a list": (lambda frames: list(frames), lambda df: df.select("n", "s")),
    "that are series": (lambda frames: (frame.n for frame in frames), lambda df: df),
    "of other names": (lambda frames: (frame[["n"]] for frame in frames), lambda df: df),
    "followed by an error": (raises_later, lambda df: df.select("n", "s")),
    "that are none": (lambda frames: 1, lambda df: df),
    "followed by StopIteration": (stops_itself, lambda df: df.select("n", "s")),
    "of empty partitions": (first_of_all, lambda df: df.where("n < 4")),
}


@pytest.fixture(scope="module")
def rows(spark):
    """Three partitions, and columns with and without nulls."""
    df = spark.range(0, 25, 1, 3).selectExpr(
        "id as n", "concat('ä', id) as s", "case when id % 6 > 0 then id end as i64_null", "id / 7 as f64",
        "timestamp_seconds(id) as t", "cast(id as decimal(9, 2)) as dec", "id % 2 = 0 as b",
    )  # fmt: skip
    return df.localCheckpoint()


@pytest.mark.parametrize("name", some(FRAMES))
def test_frames_that_are_pulled_are_the_same(both, conf, rows, name):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    f, select = FRAMES[name]

    def query():
        df = select(rows).mapInPandas(f, "n long, s string")
        return df.limit(150_000) if name == "without end" else df

    theirs, ours = both(query, "AcceleratedMapInPandas")
    assert same(ours, theirs)


def seen_batches(batches):
    yield pa.record_batch({"s": ["before"], "n": [-1]}).select(["n", "s"])
    for batch in batches:
        text = repr([*seen(pa.table(batch)), [column.offset for column in batch.columns]])
        yield pa.record_batch({"n": [batch.num_rows], "s": [text]})


def gives(*columns, **types):
    def f(batches):
        for batch in batches:
            chosen = [batch.column(name) for name in columns]
            yield pa.record_batch(
                [c.cast(types.get(name, c.type)) for name, c in zip(columns, chosen, strict=True)], names=columns
            )

    return f


BATCHES = {
    "that are described": (seen_batches, None),
    "of empty partitions": (seen_batches, "n < 4"),
    "of large strings": (gives("n", "s", s=pa.large_string()), None),
    "without a column": (gives("n"), None),
    "of other names": (gives("s", "n"), None),
    "of another type, without rows": (lambda batches: iter([pa.record_batch({"n": [1.5], "s": ["a"]})[:0]]), None),
    "of another type": (gives("n", "s", n=pa.int32()), None),
    "that are frames": (lambda batches: (batch.to_pandas() for batch in batches), None),
    "with nulls": (
        lambda batches: (pa.record_batch([b.column("i64_null"), b.column("s")], names=["n", "s"]) for b in batches),
        None,
    ),
}


BATCHES_MISFIT = ("of another type", "of other names", "without a column")


@pytest.mark.parametrize("name", some(BATCHES))
def test_batches_that_are_pulled_are_the_same(both, conf, rows, name):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    f, where = BATCHES[name]
    df = rows.where(where) if where else rows
    theirs, ours = both(lambda: df.mapInArrow(f, "n long, s string"), "AcceleratedMapInArrow")
    if name in BATCHES_MISFIT:  # which is an error of Spark's generated code, whatever that says
        assert issubclass(theirs[0], Exception)
        assert "where this was declared" in ours[1]
    else:
        assert same(ours, theirs)


def test_batches_have_the_large_types_that_are_asked_for(both, conf, rows):
    conf("spark.sql.execution.arrow.useLargeVarTypes", "true")
    theirs, ours = both(lambda: rows.mapInArrow(seen_batches, "n long, s string"), "AcceleratedMapInArrow")
    assert "large_string" in repr(theirs)
    assert same(ours, theirs)


def test_functions_that_pull_from_each_other_take_turns(both, conf, rows):
    conf("spark.sql.execution.arrow.maxRecordsPerBatch", "4")
    conf("spark.beringia.accelerate", "true")

    def counted(frames):
        for i, frame in enumerate(frames):
            yield frame.assign(n=frame.n * 10 + i)

    query = rows.select("n").mapInPandas(counted, "n long").mapInPandas(counted, "n long")
    ours = sorted(query.collect())
    assert [node.reason for node in beringia.spark.explain_acceleration(query)] == [None, None]
    conf("spark.beringia.accelerate", "false")
    query = rows.select("n").mapInPandas(counted, "n long").mapInPandas(counted, "n long")
    assert sorted(query.collect()) == ours


def test_a_worker_that_dies_while_it_is_pulled_from_is_an_error(conf, rows):
    conf("spark.beringia.accelerate", "true")

    def f(frames):
        for frame in frames:
            yield frame
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(errors.WorkerDiedError):
        rows.select("n").mapInPandas(f, "n long").collect()


PULLS_LEFT = {
    "it is in barrier mode": lambda df, conf: df.mapInPandas(nobody, "n long", barrier=True),
    "spark.sql.execution.arrow.maxRecordsPerBatch is 0": lambda df, conf: (
        conf("spark.sql.execution.arrow.maxRecordsPerBatch", "0") or df.mapInPandas(nobody, "n long")
    ),
    "spark.sql.execution.arrow.maxBytesPerBatch is set": lambda df, conf: (
        conf("spark.sql.execution.arrow.maxBytesPerBatch", "1000") or df.mapInPandas(nobody, "n long")
    ),
}


@pytest.mark.parametrize("reason", PULLS_LEFT)
def test_frames_that_cannot_be_pulled_are_left_to_spark(conf, rows, reason):
    conf("spark.beringia.accelerate", "true")
    query = PULLS_LEFT[reason](rows, conf)
    assert beringia.spark.explain_acceleration(query) == [("MapInPandas", reason)]
