"""The same job by Spark's own way to run Python on groups, ``applyInPandas``."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from benchmarks.workload import data, in_turn, into_nothing, slope
from beringia.spark import numpy_map

TARGET = 40.0


@dataclass(frozen=True)
class Comparison:
    """Seconds of the whole job, for `groups` groups."""

    groups: int
    numpy_map: float
    apply_in_pandas: float

    @property
    def ratio(self) -> float:
        """How many times faster."""
        return self.apply_in_pandas / self.numpy_map


def slope_in_pandas(group: pd.DataFrame) -> pd.DataFrame:
    """Do what `applyInPandas` asks for around the function."""
    return pd.DataFrame({"g": group["g"].iloc[:1], "slope": slope(group["x"].to_numpy(), group["y"].to_numpy())})


def by_pandas(df: DataFrame) -> DataFrame:
    """Return the slopes by way of pandas."""
    return df.groupBy("g").applyInPandas(slope_in_pandas, "g long, slope double")


def by_beringia(df: DataFrame) -> DataFrame:
    """Return the slopes by way of shared memory."""
    return numpy_map(slope, df.groupBy("g"), "slope double")


def measure(spark: SparkSession, groups: int = 20_000) -> Comparison:
    """Measure, warm, in turn; the medians of five.

    The JVM compiles what runs often: our jobs are short, and take thirty of them to be as fast as they will be. Theirs
    spends its time in Python, and is as fast from the second run on.
    """
    small = data(spark, 200)
    a, b = (way(small).toPandas().sort_values("g").slope.to_numpy() for way in (by_beringia, by_pandas))
    np.testing.assert_allclose(a, b, rtol=1e-9)  # the same work, or the comparison means nothing
    small.unpersist()
    df = data(spark, groups)
    works = {"ours": lambda: into_nothing(by_beringia(df)), "theirs": lambda: into_nothing(by_pandas(df))}
    in_turn({"ours": works["ours"]}, warmups=30, runs=0)
    found = in_turn(works, warmups=1, runs=5)
    df.unpersist()
    return Comparison(groups, statistics.median(found["ours"]), statistics.median(found["theirs"]))
