"""Unchanged PySpark code on Beringia's workers and on PySpark's own, in turn: docs/benchmarks/accelerate.md.

``python -m benchmarks.accelerate [case]``; each Spark runs in its own environment, the newest once more with the newest
pandas, where `make bench` has put it. Fails if a target is missed. Names such as `few_groups_sm` are those of Spark's
own benchmarks, and so are the shapes.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
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
from benchmarks import apart, bars
from benchmarks.report import ROOT
from benchmarks.spark import ENVIRONMENTS
from benchmarks.workload import CORES, in_turn, into_nothing, session, settled

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "accelerate.md"
NEWEST_PANDAS = sorted((ROOT / "build").glob("pandas-*"))[-1:]
LIMIT = 3600
"""Seconds that a line of Spark may take."""

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


def deviation_of(frame: pd.DataFrame) -> float:
    """Return that of `x`."""
    return deviation(frame["x"])


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
    # Only Spark 4 has `arrow_udf`.
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
    """Make rows of four doubles, cached: a, b, c, d."""
    df = spark.range(0, groups * rows, 1, CORES).select(*[F.rand(i).alias(name) for i, name in enumerate("abcd")])
    df = df.cache()
    df.count()
    return df


@dataclass(frozen=True)
class Case:
    """`groups` groups of `rows` rows, and how many times faster the query must be."""

    name: str
    groups: int
    rows: int
    query: Callable[[DataFrame], DataFrame]
    target: float
    function: Callable[[pd.DataFrame], object] | None = None
    """What is called with each group's frame, if it is that."""
    runs: int = 3
    data: Callable[[SparkSession, int, int], DataFrame] = data


CASES = (
    Case("identity", 20_000, 20, partial(mapped, identity), 15, identity),
    # Little is left to gain beside these functions, and a machine that is shared differs by more from run to run.
    Case("light pandas", 20_000, 20, partial(mapped, centred), 5, centred, runs=7),
    Case("NumPy within", 20_000, 20, partial(mapped, fitted), 6, fitted, runs=7),
    Case("aggregate, NumPy within", 20_000, 20, aggregated, 8, deviation_of),
    Case("NumPy within, large groups", 100, 50_000, partial(mapped, fitted), 1.5, fitted),
    Case("many_groups_sm, identity", 2_000, 500, partial(mapped, identity), 0.95, identity),
    Case("few_groups_sm, identity", 50, 5_000, partial(mapped, identity), 0.95, identity),
    Case("few_groups_lg, identity", 50, 50_000, partial(mapped, identity), 0.95, identity),
    Case("cogroups, the left one", 20_000, 20, cogrouped, 10),
    Case("windows of all rows, NumPy within", 20_000, 20, windowed, 5),
    Case("windows of five rows, NumPy within", 20_000, 20, moving, 1.5),
    *[Case("tables, identity", 20_000, 20, of_arrow, 2.5)][: pyspark.__version__ > "4"],
    Case("mapInPandas, identity", 1, 10_000_000, pulled, 3, data=doubles),
    Case("mapInArrow, a sum", 1, 10_000_000, pulled_of_arrow, 3, data=doubles),
    Case("pandas_udf, a sum", 1, 10_000_000, partial(beside, plus), 3, data=doubles),
    # Spark 4.3 gives them the batches of a cached table, and they are left to it.
    *[Case("pandas_udf of iterators, a sum", 1, 10_000_000, partial(beside, pluses), 0.95, data=doubles)][
        : pyspark.__version__ < "4"
    ],
    *[Case("arrow_udf, a sum", 1, 10_000_000, partial(beside, plus_of_arrow), 0.95, data=doubles)][
        : pyspark.__version__ > "4"
    ],
)


@dataclass(frozen=True)
class Times:
    """Seconds by each way."""

    name: str
    groups: int
    rows: int
    target: float
    ours: float
    theirs: float
    least: float | None
    """What Spark's exchange and sort take, and the calls on all cores; where that can be told."""

    @property
    def ratio(self) -> float:
        """How many times faster."""
        return self.theirs / self.ours

    @property
    def most(self) -> str:
        """How many times faster it were with rows if nothing else took any time."""
        return "" if self.least is None else f"{self.theirs / self.least:.1f}"


@dataclass(frozen=True)
class Line:
    """What a line of Spark took, and the versions it ran with."""

    spark: str
    pandas: str
    python: str
    times: list[Times]


def run(spark: SparkSession, df: DataFrame, case: Case, accelerate: str) -> None:
    """Compute every row one way or the other."""
    spark.conf.set("spark.beringia.accelerate", accelerate)
    into_nothing(case.query(df))


def check(spark: SparkSession, df: DataFrame, case: Case) -> None:
    """See to it that the one way is accelerated, and the other is not."""
    for accelerate in ("true", "false"):
        spark.conf.set("spark.beringia.accelerate", accelerate)
        [node] = beringia.spark.explain_acceleration(case.query(df))
        if (node.reason is None) != (accelerate == "true"):
            raise RuntimeError(f"{node}: {node.reason}")


def measure(spark: SparkSession, case: Case) -> Times:
    """Measure both ways in turn, warm; the medians.

    Ours are short, and take tens of runs until the JVM has compiled them. Theirs spend their time in Python.
    """
    df = case.data(spark, case.groups, case.rows)
    check(spark, df, case)
    works: dict[str, Callable[[], object]] = {way: partial(run, spark, df, case, way) for way in ("true", "false")}
    function = case.function
    if function is not None:
        frame = df.where("g = 0").toPandas()
        works["sorted"] = lambda: into_nothing(df.repartition(CORES, "g").sortWithinPartitions("g"))
        works["calls"] = lambda: [function(frame) for _ in range(case.groups)]
    settled({"true": works["true"]}, agree=5, long=30)
    found = in_turn(works, warmups=1, runs=case.runs)
    df.unpersist()
    medians = {way: statistics.median(seconds) for way, seconds in found.items()}
    least = medians["sorted"] + medians["calls"] / CORES if function else None
    return Times(case.name, case.groups, case.rows, case.target, medians["true"], medians["false"], least)


def measure_line(*names: str) -> Line:
    """Measure the cases of those names, or all, on the Spark of this process."""
    spark = session()
    times = [measure(spark, case) for case in CASES if not names or case.name in names]
    spark.stop()
    return Line(pyspark.__version__, pd.__version__, platform.python_version(), times)


def table(line: Line) -> str:
    """Return the figures as a Markdown table."""
    rows = [
        "| function | groups by rows | PySpark, s | accelerated, s | times faster | target | by rows at most |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for each in line.times:
        rows.append(
            f"| {each.name} | {each.groups:,} by {each.rows:,} | {each.theirs:.2f} | {each.ours:.2f} "
            f"| **{each.ratio:.1f}** | {each.target:g} | {each.most} |"
        )
    return "\n".join(rows)


def page(lines: list[Line]) -> str:
    """Return the text of docs/benchmarks/accelerate.md."""
    tables = "\n\n".join(
        f"## Spark {line.spark}, pandas {line.pandas}, Python {line.python}\n\n{table(line)}" for line in lines
    )
    return f"""# Benchmarks of accelerated PySpark code

Written by `python -m benchmarks accelerate`. Groups of three columns, a long and two doubles; maps without groups, and
UDFs, of four doubles; all cached; on `local[{CORES}]`, warm; medians of runs in turn, with `spark.beringia.accelerate`
off and on and nothing else changed, on {platform.system()} and {platform.machine()}. Ratios travel between machines,
seconds do not.

![How many times faster, by function](accelerate.png)

Where there are groups, both have Spark's own exchange within, which moves rows for PySpark and
[columns](../spark.md#grouping-moves-columns) for us, and both call the function. *By rows at most* is what would be
gained with rows if nothing else took any time: PySpark's time over that of Spark's exchange and sort of rows, and of a
loop of the same calls over {CORES} cores. Light pandas is `frame.assign(x=frame.x - frame.x.mean())`, NumPy within a
least-squares line, an aggregate a standard deviation.

{tables}
"""


def main() -> None:
    """Measure, print, write."""
    lines = []
    ways: list[tuple[str, dict[str, str]]] = [(environment, {}) for environment in ENVIRONMENTS]
    ways += [(ENVIRONMENTS[-1], {"PYTHONPATH": str(folder)}) for folder in NEWEST_PANDAS]
    for environment, variables in ways:
        python = str(ROOT / environment / "bin" / "python")
        found = apart.measured(
            "benchmarks.accelerate", *sys.argv[1:], python=python, limit=LIMIT, environment=variables
        )
        if found is None:
            sys.exit(f"nothing was measured in {environment}: `make bench` makes both environments")
        lines.append(Line(**{**found, "times": [Times(**each) for each in found["times"]]}))
        print(table(lines[-1]))
    if not sys.argv[1:]:
        shown = {
            f"Spark {line.spark}, pandas {line.pandas}": {each.name: each.ratio for each in line.times}
            for line in lines
        }
        bars.draw_ratios(PAGE.with_suffix(".png"), shown)
        PAGE.write_text(page(lines), encoding="utf-8")
        print(f"\nwritten: {PAGE}")
    if any(each.ratio < each.target for line in lines for each in line.times):
        sys.exit("a target was missed")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(asdict(measure_line(*sys.argv[2:]))))
    else:
        main()
