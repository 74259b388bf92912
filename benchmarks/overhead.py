"""What Beringia costs beyond the shuffle and the NumPy work itself, per small group."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from benchmarks.workload import CORES, ROWS, data, in_turn, into_nothing, slope
from beringia.spark import numpy_map

TARGET = 1.3
WHOLE_TARGET = 0.85
COLUMNS = "spark.beringia.exchange.columns"


@dataclass(frozen=True)
class Overhead:
    """Seconds of each run, for `groups` groups.

    Attributes
    ----------
    jobs : list of float
        The whole job: exchange, sort, functions.
    by_rows : list of float
        The same where rows go through the exchange and the sort as rows.
    shuffles : list of float
        Spark's own exchange and sort, their rows dropped.
    loops : list of float
        The same calls over sorted arrays in one process without Spark.
    """

    groups: int
    jobs: list[float]
    by_rows: list[float]
    shuffles: list[float]
    loops: list[float]

    @property
    def job(self) -> float:
        """The median job."""
        return statistics.median(self.jobs)

    @property
    def job_by_rows(self) -> float:
        """The median job that moves rows."""
        return statistics.median(self.by_rows)

    @property
    def shuffle(self) -> float:
        """The median exchange and sort."""
        return statistics.median(self.shuffles)

    @property
    def numpy(self) -> float:
        """The median loop."""
        return statistics.median(self.loops)

    @property
    def ratios(self) -> list[float]:
        """What the functions cost in a job by rows, over what they cost in a loop spread over as many cores, by run."""
        runs = zip(self.by_rows, self.shuffles, self.loops, strict=True)
        return [(job - shuffle) / (loop / CORES) for job, shuffle, loop in runs]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles of the ratios: the difference of two times is noisier than either."""
        low, _, high = statistics.quantiles(self.ratios, n=4)
        return low, high


def measure(spark: SparkSession, groups: int = 100_000, *, warmups: int = 25, runs: int = 25) -> Overhead:
    """Measure, warm, in turn."""
    df = data(spark, groups)
    sorted_rows = df.toPandas().sort_values("g", kind="stable")
    x, y = sorted_rows.x.to_numpy().copy(), sorted_rows.y.to_numpy().copy()

    def job(columns: str) -> None:
        spark.conf.set(COLUMNS, columns)
        into_nothing(numpy_map(slope, df.groupBy("g"), "slope double"))

    found = in_turn(
        {
            "job": lambda: job("true"),
            "by rows": lambda: job("false"),
            "shuffle": lambda: into_nothing(df.repartition(CORES, "g").sortWithinPartitions("g")),
            "numpy": lambda: loop(x, y),
        },
        warmups=warmups,
        runs=runs,
    )
    spark.conf.unset(COLUMNS)
    df.unpersist()
    return Overhead(groups, found["job"], found["by rows"], found["shuffle"], found["numpy"])


def loop(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[float]:
    """Call the function for every group, as a script without Spark would."""
    return [slope(x[start : start + ROWS], y[start : start + ROWS]) for start in range(0, x.size, ROWS)]
