"""What Beringia costs beyond the shuffle and the NumPy work itself, per small group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from benchmarks.workload import CORES, ROWS, data, into_nothing, medians, slope
from beringia.spark import numpy_map

TARGET = 1.3


@dataclass(frozen=True)
class Overhead:
    """Seconds, for `groups` groups.

    Attributes
    ----------
    job : float
        The whole job: exchange, sort, functions.
    shuffle : float
        The exchange and sort of the same plan alone.
    numpy : float
        The same calls over sorted arrays in one process without Spark.
    """

    groups: int
    job: float
    shuffle: float
    numpy: float

    @property
    def ratio(self) -> float:
        """What the functions cost in the job, over what they cost in a loop spread over as many cores."""
        return (self.job - self.shuffle) / (self.numpy / CORES)


def measure(spark: SparkSession, groups: int = 100_000, *, warmups: int = 3, runs: int = 7) -> Overhead:
    """Measure, warm, in turn."""
    df = data(spark, groups)
    sorted_rows = df.toPandas().sort_values("g", kind="stable")
    x, y = sorted_rows.x.to_numpy().copy(), sorted_rows.y.to_numpy().copy()
    found = medians(
        {
            "job": lambda: into_nothing(numpy_map(slope, df.groupBy("g"), "slope double")),
            "shuffle": lambda: into_nothing(df.repartition(CORES, "g").sortWithinPartitions("g")),
            "numpy": lambda: loop(x, y),
        },
        warmups=warmups,
        runs=runs,
    )
    df.unpersist()
    return Overhead(groups, **found)


def loop(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[float]:
    """Call the function for every group, as a script without Spark would."""
    return [slope(x[start : start + ROWS], y[start : start + ROWS]) for start in range(0, x.size, ROWS)]
