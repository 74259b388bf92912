"""Unchanged PySpark code on Beringia's workers and on PySpark's own, in turn: docs/benchmarks/accelerate.md.

Fails if a target is missed. The shapes of the second table, and their names, are those of Spark's own benchmarks.
"""

from __future__ import annotations

import platform
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyspark
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

import beringia.spark
from benchmarks.workload import CORES, in_turn, into_nothing, session

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "accelerate.md"

SCHEMA = "g long, x double, y double"
DOUBLES = "a double, b double, c double, d double"


def identity(frame: pd.DataFrame) -> pd.DataFrame:
    """Return it."""
    return frame


def left_of(left: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    """Return the first of two."""
    return left


def centred(frame: pd.DataFrame) -> pd.DataFrame:
    """Subtract the mean of a column: light pandas."""
    return frame.assign(x=frame.x - frame.x.mean())


def fitted(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what a line does not explain: NumPy within, pandas around it."""
    x, y = frame["x"].to_numpy(), frame["y"].to_numpy()
    slope, level = np.linalg.lstsq(np.column_stack([x, np.ones_like(x)]), y, rcond=None)[0]
    return frame.assign(y=y - slope * x - level)


def deviation(x: pd.Series) -> float:
    """Return the standard deviation."""
    return float(np.std(x.to_numpy()))


def same(frames: Iterable[pd.DataFrame]) -> Iterable[pd.DataFrame]:
    """Return them."""
    return frames


def summed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return their columns, with the sum of two in place of one."""
    for batch in batches:
        a, b, c, d = batch.columns
        yield pa.RecordBatch.from_arrays([a, b, c, pa.array(c.to_numpy() + d.to_numpy())], schema=batch.schema)


def mapped(function: Callable[[pd.DataFrame], pd.DataFrame], df: DataFrame) -> DataFrame:
    """Return the query of a grouped map."""
    return df.groupBy("g").applyInPandas(function, SCHEMA)


def cogrouped(df: DataFrame) -> DataFrame:
    """Return the query of a map of cogroups."""
    groups = df.groupBy("g")
    return groups.cogroup(groups).applyInPandas(left_of, SCHEMA)


def of_arrow(df: DataFrame) -> DataFrame:
    """Return the query of a grouped map of tables."""
    return df.groupBy("g").applyInArrow(identity, SCHEMA)  # type: ignore[attr-defined, no-any-return]  # Spark 4


def pulled(df: DataFrame) -> DataFrame:
    """Return the query of a map of frames."""
    return df.mapInPandas(same, DOUBLES)


def pulled_of_arrow(df: DataFrame) -> DataFrame:
    """Return the query of a map of batches."""
    return df.mapInArrow(summed, DOUBLES)


def aggregated(df: DataFrame) -> DataFrame:
    """Return the query of an aggregate of one column."""
    return df.groupBy("g").agg(pandas_udf(deviation, "double")("x"))  # type: ignore[call-overload]  # the type is text


def windowed(df: DataFrame) -> DataFrame:
    """Return the query of an aggregate of all rows of a window, for each row."""
    function = pandas_udf(deviation, "double")  # type: ignore[call-overload]  # the type is text
    return df.withColumn("d", function("x").over(Window.partitionBy("g")))


def moving(df: DataFrame) -> DataFrame:
    """Return the query of an aggregate of the five rows around each."""
    function = pandas_udf(deviation, "double")  # type: ignore[call-overload]  # the type is text
    return df.withColumn("d", function("x").over(Window.partitionBy("g").orderBy("y").rowsBetween(-2, 2)))


def plus(x: pd.Series, y: pd.Series) -> pd.Series:
    """Return the sums."""
    return x + y


def plus_of_arrow(x: pa.Array, y: pa.Array) -> pa.Array:
    """Return the sums."""
    return pc.add(x, y)


def pluses(pairs: Iterator[tuple[pd.Series, pd.Series]]) -> Iterator[pd.Series]:
    """Return the sums."""
    for x, y in pairs:
        yield x + y


def beside(function: Callable[..., Any], df: DataFrame) -> DataFrame:
    """Return the query of a UDF of two columns, beside two others."""
    udf = F.arrow_udf if function is plus_of_arrow else pandas_udf  # type: ignore[attr-defined, unused-ignore]
    return df.select(udf(function, "double")("a", "b"), "c", "d")  # type: ignore[call-overload]  # the type is text


def data(spark: SparkSession, groups: int, rows: int) -> DataFrame:
    """Make `groups` groups of `rows` rows, shuffled over the partitions and cached: g, x, y."""
    df = spark.range(0, groups * rows, 1, CORES).select(
        (F.col("id") % groups).alias("g"), F.rand(1).alias("x"), F.rand(2).alias("y")
    )
    df = df.cache()
    df.count()
    return df


def doubles(spark: SparkSession, groups: int, rows: int) -> DataFrame:
    """Make rows of four doubles: a, b, c, d."""
    return spark.range(0, groups * rows, 1, CORES).select(*[F.rand(i).alias(name) for i, name in enumerate("abcd")])


@dataclass(frozen=True)
class Case:
    """`groups` groups of `rows` rows, and how many times faster the query must be."""

    name: str
    groups: int
    rows: int
    query: Callable[[DataFrame], DataFrame]
    target: float
    runs: int = 3
    data: Callable[[SparkSession, int, int], DataFrame] = data


CASES = (
    Case("identity", 20_000, 20, partial(mapped, identity), 15),
    Case("light pandas", 20_000, 20, partial(mapped, centred), 5),
    Case("NumPy within", 20_000, 20, partial(mapped, fitted), 6),
    Case("aggregate, NumPy within", 20_000, 20, aggregated, 8),
    Case("NumPy within, large groups", 100, 50_000, partial(mapped, fitted), 1.5),
    Case("many_groups_sm, identity", 2_000, 500, partial(mapped, identity), 0.95),
    Case("few_groups_sm, identity", 50, 5_000, partial(mapped, identity), 0.95),
    Case("few_groups_lg, identity", 50, 50_000, partial(mapped, identity), 0.95),
    Case("cogroups, the left one", 20_000, 20, cogrouped, 10),
    Case("windows of all rows, NumPy within", 20_000, 20, windowed, 5),
    Case("windows of five rows, NumPy within", 20_000, 20, moving, 1.5),
    *[Case("tables, identity", 20_000, 20, of_arrow, 2.5)][: pyspark.__version__ > "4"],
    Case("mapInPandas, identity", 1, 10_000_000, pulled, 3, data=doubles),
    Case("mapInArrow, a sum", 1, 10_000_000, pulled_of_arrow, 3, data=doubles),
    Case("pandas_udf, a sum", 1, 10_000_000, partial(beside, plus), 3, data=doubles),
    Case("pandas_udf of iterators, a sum", 1, 10_000_000, partial(beside, pluses), 0.95, data=doubles),
    *[Case("arrow_udf, a sum", 1, 10_000_000, partial(beside, plus_of_arrow), 0.95, data=doubles)][
        : pyspark.__version__ > "4"
    ],
)


@dataclass(frozen=True)
class Times:
    """Seconds by each way."""

    case: Case
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """How many times faster."""
        return self.theirs / self.ours


def run(spark: SparkSession, df: DataFrame, case: Case, accelerate: str) -> None:
    """Compute every row one way or the other."""
    spark.conf.set("spark.beringia.accelerate", accelerate)
    query = case.query(df)
    [node] = beringia.spark.explain_acceleration(query)
    if (node.reason is None) != (accelerate == "true"):
        raise RuntimeError(f"{node}: {node.reason}")
    into_nothing(query)


def measure(spark: SparkSession, case: Case) -> Times:
    """Measure both ways in turn, warm; the medians."""
    df = case.data(spark, case.groups, case.rows)
    works = {way: partial(run, spark, df, case, way) for way in ("true", "false")}
    in_turn({"true": works["true"]}, warmups=4, runs=0)
    found = in_turn(works, warmups=1, runs=case.runs)
    df.unpersist()
    return Times(case, statistics.median(found["true"]), statistics.median(found["false"]))


def table(times: list[Times]) -> str:
    """Return the figures as a Markdown table."""
    rows = [
        "| function | groups by rows | PySpark, s | accelerated, s | times faster | target |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for each in times:
        case = each.case
        rows.append(
            f"| {case.name} | {case.groups:,} by {case.rows:,} | {each.theirs:.2f} | {each.ours:.2f} "
            f"| **{each.ratio:.1f}** | {case.target:g} |"
        )
    return "\n".join(rows)


def page(times: list[Times]) -> str:
    """Return the text of docs/benchmarks/accelerate.md."""
    return f"""# Benchmarks of accelerated PySpark code

Written by `python -m benchmarks accelerate`. `df.groupBy("g").applyInPandas(…)` of three columns, a long and two
doubles, `agg` of a pandas UDF of one, maps without groups, and UDFs of two of four doubles, on `local[{CORES}]`, warm;
medians of runs in turn, with
`spark.beringia.accelerate` off and on and nothing else changed. Spark {pyspark.__version__}, pandas {pd.__version__},
Python {platform.python_version()}, {platform.system()} on {platform.machine()}. Ratios travel between machines, seconds
do not.

{table(times)}

Where there are groups, both have Spark's own exchange and sort within. Light pandas is `frame.assign(x=frame.x -
frame.x.mean())`, NumPy within a least-squares line, the aggregate a standard deviation: what is left of these is the
function's own time.
"""


def main() -> None:
    """Measure, print, write."""
    spark = session()
    times = [measure(spark, case) for case in CASES if not sys.argv[1:] or case.name in sys.argv[1:]]
    spark.stop()
    print(table(times))
    if not sys.argv[1:]:
        PAGE.write_text(page(times), encoding="utf-8")
        print(f"\nwritten: {PAGE}")
    if any(each.ratio < each.case.target for each in times):
        sys.exit("a target was missed")


if __name__ == "__main__":
    main()
