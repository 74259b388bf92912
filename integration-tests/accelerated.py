"""What the tests of unchanged PySpark code have in common: both ways to run a query, and what the data are."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pyspark
import pytest
from pyspark import cloudpickle
from pyspark.sql.types import StructType

import beringia.spark

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # PySpark's workers do not find it

covered = pytest.mark.skipif(
    not pyspark.__version__.startswith(("3.5.", "4.3.")), reason="functions are accelerated on Spark 3.5 and 4.3"
)
of_spark_4 = pytest.mark.skipif(pyspark.__version__ < "4", reason="it is of Spark 4")

BATCH_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"


def some(cases):
    """Every fifth of many cases; `make test-slow` has the others."""
    return [pytest.param(case, marks=[pytest.mark.slow] if i % 5 else [], id=str(case)) for i, case in enumerate(cases)]


@pytest.fixture
def both(spark, conf):
    """What a query comes to: its rows and schema, or its error, by PySpark's workers and by Beringia's."""

    def outcome(query):
        try:
            df = query()
            rows = sorted(map(repr, df.collect()))
        except Exception as error:
            return type(error), str(error)
        return df.schema, rows

    def both(query, accelerated="AcceleratedGroupsInPandas"):
        conf("spark.beringia.accelerate", "false")
        theirs = outcome(query)
        conf("spark.beringia.accelerate", "true")
        assert set(beringia.spark.explain_acceleration(query())) == {(accelerated, None)}
        return theirs, outcome(query)

    return both


@pytest.fixture(scope="module")
def data(spark):
    """Every type that is covered, with and without nulls, in groups of several sizes."""
    zone = "case when id % 3 = 0 then null else"
    df = spark.range(60).selectExpr(
        "cast(sqrt(id) as int) as g",
        "id",
        "cast(id as byte) as i8",
        "cast(id as short) as i16",
        "cast(id as int) as i32",
        "cast(id / 7 as float) as f32",
        "id / 7 as f64",
        "id % 2 = 0 as b",
        "concat('ä', id) as s",
        "cast(cast(id as string) as binary) as bin",
        "date_add(date '1969-12-01', cast(id as int)) as d",
        "timestamp_micros(id * 86400123456) as t",
        "timestamp_ntz '2020-03-08 02:30:00' + make_dt_interval(0, cast(id as int)) as n",
        "cast(id / 7 as decimal(10, 3)) as dec",
        f"{zone} cast(id as int) end as i32_null",
        "case when id > 3 then id end as i64_null",
        f"{zone} id / 7 end as f64_null",
        f"{zone} id % 2 = 0 end as b_null",
        f"{zone} concat('x', id) end as s_null",
        f"{zone} cast(cast(id as string) as binary) end as bin_null",
        f"{zone} date_add(date '2020-01-01', cast(id as int)) end as d_null",
        f"{zone} timestamp_seconds(id * 1000000) end as t_null",
        f"{zone} cast(id as decimal(20, 0)) end as dec_null",
        "cast('nan' as double) as nan",
        "cast(null as int) as none",
    )
    return df.localCheckpoint()


def kept(df, *others):
    """A few of the columns, of which some take any number of bytes, and some are null."""
    return df.select("id", "s_null", "dec_null", "b_null", *others)


def describe(frame):
    """All that a function can see of its frame, as text."""
    columns = [
        f"{name} {frame[name].dtype} {frame[name].map(type).unique().tolist()} {frame[name].tolist()}"
        for name in frame.columns
    ]
    index = f"{frame.index!r} {frame.columns!r} {[b.dtype for b in frame._mgr.blocks]}"
    return pd.DataFrame({"seen": [*columns, index]})


def describe_table(table):
    """All that a function can see of its table."""
    chunks = [[(chunk.offset, len(chunk)) for chunk in column.chunks] for column in table.columns]
    return [table.schema.to_string(show_schema_metadata=True), chunks, table.to_pydict()]


def raises_later(given):
    yield next(given)
    raise ValueError("later")


def stops_itself(given):
    yield next(given)
    raise StopIteration


def total(*columns: pd.Series) -> float:
    """The sum of all values."""
    return float(sum(column.sum() for column in columns))


def text(column: pd.Series) -> str:
    """All that a function can see of its series."""
    array = getattr(column.array, "_ndarray", np.empty(0))
    return repr((column.tolist(), column.dtype, column.name, column.index, array.flags.writeable))


def halved(column: pd.Series) -> float:
    """Half of the first value: it fails where there is none."""
    return column.iloc[0] / 2


def nothing(column: pd.Series) -> float:
    """A value that is missing."""
    return None


def same(ours, theirs):
    """Whether two outcomes are equal; of what PySpark itself raised, but for the frames of its own code."""
    if ours == theirs:
        return True
    kinds = [kind for kind, _ in (ours, theirs)]
    if any(isinstance(kind, StructType) for kind in kinds) or kinds[0] != kinds[1]:
        return False
    texts = [[line for line in text.splitlines() if not line.startswith(" ")] for _, text in (ours, theirs)]
    return texts[0] == texts[1]
