"""What is measured: many small groups of two columns, a slope for each; and the session that runs it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import beringia.spark

CORES = 2
QUIET = 0.5
"""Load of the machine beyond which measurements are doubtful."""
ROWS = 20
"""Rows of a group."""
AGREE = 10
"""Runs that are no faster than those before: by then the JVM has compiled what runs."""
LONG = 60.0
"""Seconds after which a work is not run again."""


def slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the least-squares slope of `y` on `x`, both of shape ``(n,)``."""
    dx = x - x.mean()
    return float(dx @ y / (dx @ dx))


def session(**settings: str) -> SparkSession:
    """Start ``local[2]`` with the plugin and `settings`. Adaptive execution is off, for one plan in every run."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # for applyInPandas: Spark would take any python3
    spark = (
        SparkSession.builder.master(f"local[{CORES}]")
        .appName("beringia benchmarks")
        .config("spark.driver.memory", "2g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.adaptive.enabled", "false")
        .config("spark.sql.shuffle.partitions", str(CORES))
        .config(map=beringia.spark.conf(**settings))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def data(spark: SparkSession, groups: int) -> DataFrame:
    """Make `groups` groups of :data:`ROWS` rows, shuffled over the partitions and cached: g, x, y."""
    df = spark.range(0, groups * ROWS, 1, CORES).select(
        (F.col("id") % groups).alias("g"), F.rand(1).alias("x"), F.rand(2).alias("y")
    )
    df = df.cache()
    df.count()
    return df


def into_nothing(df: DataFrame) -> None:
    """Compute every row of `df` and drop it: Spark's sink for benchmarks."""
    df.write.format("noop").mode("overwrite").save()


def seconds(work: Callable[[], object]) -> float:
    """Return how long one run of `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(works: Mapping[str, Callable[[], object]], *, warmups: int, runs: int) -> dict[str, list[float]]:
    """Run the works in turn, so that whatever disturbs the machine disturbs all; return the seconds of each run."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for run in range(warmups + runs):
        for name, work in works.items():
            once = seconds(work)
            if run >= warmups:
                taken[name].append(once)
    return taken


def settled(
    works: Mapping[str, Callable[[], object]], *, agree: int = AGREE, long: float = LONG
) -> dict[str, list[float]]:
    """Run the works in turn until none gets faster, as a JVM compiles for a long time; return the seconds of each run.

    The last `agree` runs of each are no faster than those before, or it has run for `long` seconds in all.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    since = 0
    while since < agree:
        since += 1
        for name in [name for name, runs in taken.items() if sum(runs) < long]:
            once = seconds(works[name])
            if once < 0.98 * min(taken[name], default=float("inf")):
                since = 0
            taken[name].append(once)
    return taken
