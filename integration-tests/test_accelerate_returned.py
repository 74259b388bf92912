"""What functions return counts as it was then, whatever they write to it later; what PySpark refuses is refused."""

from __future__ import annotations

import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark import cloudpickle
from pyspark.errors import PythonException
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, IntegerType, LongType, StringType, StructField, StructType

import beringia.spark
from accelerated import BATCH_ROWS, both, covered, data, of_spark_4, same

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

pytestmark = covered

SCALAR, ITERATOR = F.PandasUDFType.SCALAR, F.PandasUDFType.SCALAR_ITER


class Subclass(pd.Series):
    """One of a user's."""


def of_one_buffer(make, write):
    """A function that returns one object each time, with other values."""
    kept = []

    def f(values):
        if not kept:
            kept.append(make(len(values)))
        write(kept[0], values)
        return kept[0]

    return f


def written(series, values):
    series.array[:] = values.array


def masked(n):
    return pd.Series([0] * n, dtype="Int64")


frame = of_one_buffer(
    lambda n: pd.DataFrame({"v": [0] * n}, dtype="Int64"),
    lambda kept, values: kept.v.array.__setitem__(slice(None), values),
)
placed = of_one_buffer(
    lambda n: pd.DataFrame({"w": np.zeros(n), "v": np.zeros(n, "i8")}),
    lambda kept, values: kept.__setitem__("v", values),
)
numbers = of_one_buffer(lambda n: np.zeros(n, "i8"), lambda kept, values: kept.__setitem__(slice(None), values))
text = of_one_buffer(lambda n: bytearray(b"n0"), lambda kept, values: kept.__setitem__(1, 48 + values.iloc[0] % 10))


def in_batches(batches):
    for batch in batches:
        yield pa.record_batch({"v": pa.array(numbers(batch.column("id").to_numpy()))})


WRITTEN = {
    "frames": (
        lambda df: df.groupBy("k").applyInPandas(lambda p: frame(p.id.array), "v long"),
        "GroupsInPandas",
    ),
    "frames in another order": (
        lambda df: df.groupBy("k").applyInPandas(lambda p: placed(p.id.to_numpy()), "v long, w double"),
        "GroupsInPandas",
    ),
    "texts": (
        lambda df: df.groupBy("k").applyInPandas(lambda p: pd.DataFrame({"v": pd.Series([text(p.id)])}), "v string"),
        "GroupsInPandas",
    ),
    "frames of iterators": (
        lambda df: df.mapInPandas(lambda frames: (frame(p.id.array) for p in frames), "v long"),
        "MapInPandas",
    ),
    "batches": (lambda df: df.mapInArrow(in_batches, "v long"), "MapInArrow"),
    "series": (
        lambda df: df.select(F.pandas_udf(of_one_buffer(masked, written), "long", SCALAR)("id")),
        "EvalInPandas",
    ),
    "series of a subclass": (
        lambda df: df.select(
            F.pandas_udf(
                of_one_buffer(lambda n: Subclass(np.zeros(n, "i8")), lambda kept, x: kept.__setitem__(slice(None), x)),
                "long",
                SCALAR,
            )("id")
        ),
        "EvalInPandas",
    ),
    "series of iterators": (
        lambda df: df.select(
            F.pandas_udf(lambda many: map(of_one_buffer(masked, written), many), "long", ITERATOR)("id")
        ),
        "EvalInPandas",
    ),
    "structs": (
        lambda df: df.select(F.pandas_udf(lambda x: frame(x.array), "v long", SCALAR)("id")),
        "EvalInPandas",
    ),
}
IN_ARROW = {
    "tables": (
        lambda df: df.groupBy("k").applyInArrow(
            lambda t: pa.table({"v": pa.array(numbers(t["id"].to_numpy()))}), "v long"
        ),
        "GroupsInArrow",
    ),
    "arrays": (
        lambda df: df.select(
            F.arrow_udf(lambda x: pa.array(numbers(x.to_numpy(zero_copy_only=False))), "long", F.ArrowUDFType.SCALAR)(
                "id"
            )
        ),
        "EvalInArrow",
    ),
    "arrays of iterators": (
        lambda df: df.select(
            F.arrow_udf(
                lambda many: (pa.array(numbers(x.to_numpy(zero_copy_only=False))) for x in many),
                "long",
                F.ArrowUDFType.SCALAR_ITER,
            )("id")
        ),
        "EvalInArrow",
    ),
}


@pytest.fixture(scope="module")
def fours(spark):
    """Groups, and batches, of four rows."""
    return spark.range(24).selectExpr("id div 4 as k", "id").coalesce(1).localCheckpoint()


@pytest.mark.parametrize(
    "case",
    [*WRITTEN.values(), *[pytest.param(case, marks=of_spark_4) for case in IN_ARROW.values()]],
    ids=[*WRITTEN, *IN_ARROW],
)
def test_results_are_taken_before_they_are_written_to(both, conf, fours, case):
    conf(BATCH_ROWS, "4")
    query, node = case
    theirs, ours = both(lambda: query(fours), f"Accelerated{node}")
    assert isinstance(ours[1], list)
    assert ours == theirs


def test_functions_of_one_node_share_their_arguments(both, data):
    def changing(s: pd.Series) -> pd.DataFrame:
        s.iloc[0] = "changed"
        s.name = "renamed"
        return pd.DataFrame({"x": s})

    def seen(s: pd.Series) -> pd.Series:
        return s + str(s.name)

    query = (F.pandas_udf(changing, "x string")("s"), F.pandas_udf(seen, "string")("s"))
    theirs, ours = both(lambda: data.coalesce(1).select(*query), "AcceleratedEvalInPandas")
    assert "changed" in ours[1][0]
    assert ours == theirs


OF_SOME_GROUPS = {
    "an integer for a decimal": [pd.Series([1000], dtype=object), pd.Series([Decimal("0.12345")])],
    "an integer, and a decimal": [pd.Series([1000, Decimal("0.12345")], dtype=object), pd.Series([Decimal("12345.6")])],
    "a very large decimal": [pd.Series([Decimal(10) ** 37]), pd.Series([Decimal("1e-40")])],
}


@pytest.mark.parametrize("name", OF_SOME_GROUPS)
@pytest.mark.parametrize("safely", ["true", "false"])
def test_decimals_of_a_group_are_not_converted_by_those_of_another(both, conf, fours, name, safely):
    conf("spark.sql.execution.pandas.convertToArrowArraySafely", safely)
    values = OF_SOME_GROUPS[name]
    theirs, ours = both(
        lambda: fours.groupBy("k").applyInPandas(lambda p: pd.DataFrame({"v": values[p.k[0] % 2]}), "v decimal(10,3)")
    )
    assert same(ours, theirs)


SWAPPED = {
    "series": (
        lambda df: df.select(F.pandas_udf(lambda x: pd.Series(x.to_numpy().astype(">f8")), "double", SCALAR)("id")),
        "EvalInPandas",
    ),
    "frames": (
        lambda df: df.groupBy("k").applyInPandas(
            lambda p: pd.DataFrame({"v": p.id.to_numpy().astype(">f8")}), "v double"
        ),
        "GroupsInPandas",
    ),
}


@pytest.mark.parametrize("name", SWAPPED)
def test_bytes_in_another_order_are_refused_as_by_pyspark(both, fours, name):
    query, node = SWAPPED[name]
    theirs, ours = both(lambda: query(fours), f"Accelerated{node}")
    assert same(ours, theirs)


def some(make):
    """A function of batches that gives for each what `make` makes of it and its number."""

    def f(batches):
        for i, batch in enumerate(batches):
            yield from make(i, batch.select(["id"]))

    return f


BATCHES = {
    "large texts after texts": lambda i, b: [
        pa.record_batch({"v": b.column(0).cast(pa.large_string() if i else pa.string())})
    ],
    "another name": lambda i, b: [pa.record_batch({f"v{i}": b.column(0).cast(pa.string())})],
    "one column more": lambda i, b: [pa.record_batch({name: b.column(0).cast(pa.string()) for name in "vw"[: i + 1]})],
    "an empty one of another type before": lambda i, b: [
        pa.record_batch({"v": b.column(0)})[:0],
        pa.record_batch({"v": b.column(0).cast(pa.string())}),
    ],
    "empty ones alone, of another type": lambda i, b: [pa.record_batch({"v": b.column(0)})[:0]],
}


@pytest.mark.parametrize("name", BATCHES)
def test_batches_have_one_schema(both, conf, fours, name):
    conf(BATCH_ROWS, "4")
    theirs, ours = both(lambda: fours.mapInArrow(some(BATCHES[name]), "v string"), "AcceleratedMapInArrow")
    assert isinstance(ours[1], list) == name.startswith("empty ones alone")
    assert same(ours, theirs)


def test_batches_without_columns_are_refused(both, fours):
    theirs, ours = both(
        lambda: fours.mapInArrow(lambda batches: (pa.record_batch({}) for _ in batches), "v string"),
        "AcceleratedMapInArrow",
    )
    assert isinstance(theirs[1], str)  # by what the JVM runs into
    assert "where this was declared" in ours[1]


@of_spark_4
def test_tables_have_one_schema(both, conf, fours):
    conf("spark.sql.legacy.execution.pandas.groupedMap.assignColumnsByName", "false")
    theirs, ours = both(
        lambda: fours.groupBy("k").applyInArrow(
            lambda t: pa.table({f"v{t['k'][0]}": t["k"], "w": t["id"]}), "v long, w long"
        ),
        "AcceleratedGroupsInArrow",
    )
    assert "different schema" in ours[1]
    assert same(ours, theirs)


NEVER_NULL = StructType([StructField("v", LongType(), False), StructField("s", StringType())])
OF_GROUPS = {
    "frames": lambda df, value: df.groupBy("k").applyInPandas(
        lambda p: pd.DataFrame({"v": [None if p.k[0] == 2 else value], "s": ["s"]}, dtype=object), NEVER_NULL
    ),
    "frames of cogroups": lambda df, value: (
        df.groupBy("k")
        .cogroup(df.groupBy("k"))
        .applyInPandas(lambda p, q: pd.DataFrame({"v": [None if p.k[0] == 2 else value], "s": ["s"]}), NEVER_NULL)
    ),
    "tables": lambda df, value: df.groupBy("k").applyInArrow(
        lambda t: pa.table({"v": pa.array([None if t["k"][0].as_py() == 2 else value], "i8"), "s": ["s"]}), NEVER_NULL
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=of_spark_4 if name == "tables" else ()) for name in OF_GROUPS]
)
def test_fields_that_cannot_be_null_are_not(conf, fours, name):
    conf("spark.beringia.accelerate", "true")
    query = OF_GROUPS[name](fours, 1)
    [(_, reason)] = beringia.spark.explain_acceleration(query)
    assert reason is None
    with pytest.raises(PythonException, match="a result has a null in 'v', and the schema says that it has none"):
        query.collect()
    assert OF_GROUPS[name](fours.where("k <> 2"), 1).collect() == [(1, "s")] * 5


WITHIN = ArrayType(IntegerType(), False)
LEFT = {
    "elements": (
        lambda df: df.select(F.pandas_udf(lambda x: x.map(lambda i: [i]), WITHIN, SCALAR)("id")),
        "values within the result cannot be null",
    ),
    "elements of a frame": (
        lambda df: df.groupBy("k").applyInPandas(lambda p: p, StructType([StructField("v", WITHIN)])),
        "values within the result cannot be null",
    ),
    "fields of frames that are pulled": (
        lambda df: df.mapInPandas(lambda frames: frames, NEVER_NULL),
        "a field of the result cannot be null",
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_other_values_that_cannot_be_null_are_left_to_spark(conf, fours, name):
    conf("spark.beringia.accelerate", "true")
    query, expected = LEFT[name]
    [(_, reason)] = beringia.spark.explain_acceleration(query(fours))
    assert reason == expected
