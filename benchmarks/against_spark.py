"""The same job by Spark's own ways to run Python on groups, ``applyInPandas`` and from Spark 4 on ``applyInArrow``."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from benchmarks.workload import data, in_turn, into_nothing, settled, slope
from beringia.spark import numpy_map

GROUPS = 20_000
OURS, PANDAS, ARROW, PIPELINED = "numpy_map", "applyInPandas", "applyInArrow", "applyInArrow, pipelined"
TARGETS = {PANDAS: 40.0, ARROW: 8.0}
"""How many times faster we want to be."""


def slope_in_pandas(group: pd.DataFrame) -> pd.DataFrame:
    """Do what `applyInPandas` asks for around the function."""
    return pd.DataFrame({"g": group["g"].iloc[:1], "slope": slope(group["x"].to_numpy(), group["y"].to_numpy())})


def slope_in_arrow(group: pa.Table) -> pa.Table:
    """Do what `applyInArrow` asks for around the function."""
    return pa.table({"g": group["g"][:1], "slope": [slope(group["x"].to_numpy(), group["y"].to_numpy())]})


def by_pandas(df: DataFrame) -> DataFrame:
    """Return the slopes by way of pandas."""
    return df.groupBy("g").applyInPandas(slope_in_pandas, "g long, slope double")


def by_arrow(df: DataFrame) -> DataFrame:
    """Return the slopes by way of Arrow's tables."""
    return df.groupBy("g").applyInArrow(slope_in_arrow, "g long, slope double")  # type: ignore[attr-defined, no-any-return] # Spark 4


def by_beringia(df: DataFrame) -> DataFrame:
    """Return the slopes by way of shared memory."""
    return numpy_map(slope, df.groupBy("g"), "slope double")


def measure(spark: SparkSession, groups: int = GROUPS) -> dict[str, float]:
    """Measure, warm, in turn; return the median seconds of five runs by way.

    The JVM compiles what runs often: our jobs are short, and take tens of them to be as fast as they will be. Theirs
    spend their time in Python, and are as fast from the second run on.
    """
    ways: dict[str, Callable[[DataFrame], DataFrame]] = {OURS: by_beringia, PANDAS: by_pandas}
    if not spark.version.startswith("3."):
        ways[ARROW] = by_arrow
    small = data(spark, 200)
    slopes = {name: way(small).toPandas().sort_values("g").slope.to_numpy() for name, way in ways.items()}
    small.unpersist()
    for found in slopes.values():  # the same work, or the comparison means nothing
        np.testing.assert_allclose(found, slopes[OURS], rtol=1e-9)
    return _seconds(spark, groups, ways)


def measure_pipelined(spark: SparkSession, groups: int = GROUPS) -> dict[str, float]:
    """Measure `applyInArrow` in a session whose Python workers are fed by a thread of their own."""
    return _seconds(spark, groups, {PIPELINED: by_arrow})


def _seconds(spark: SparkSession, groups: int, ways: dict[str, Callable[[DataFrame], DataFrame]]) -> dict[str, float]:
    df = data(spark, groups)
    works = {name: lambda way=way: into_nothing(way(df)) for name, way in ways.items()}
    if OURS in works:
        settled({OURS: works[OURS]}, agree=5, long=30)
    found = in_turn(works, warmups=1, runs=5)
    df.unpersist()
    return {name: statistics.median(seconds) for name, seconds in found.items()}
