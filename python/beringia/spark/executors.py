"""What the executors of a cluster are, as jobs see them: for ``python -m beringia doctor --cluster``."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from beringia import doctor
from beringia.spark import interpreter
from beringia.spark.front import numpy_map

_ROUNDS = 5  # of tasks, until all executors were seen


@dataclass(frozen=True, order=True)
class Executor:
    """An executor.

    Attributes
    ----------
    host : str
        Its machine.
    pid : int
        Its process there.
    sees : str
        What a function finds in a worker there.
    version : str
        Of the package there.
    """

    host: str
    pid: int
    sees: str
    version: str


def seen(spark: SparkSession) -> tuple[list[Executor], int]:
    """Run short tasks, at least one on each executor.

    Returns
    -------
    list of Executor, int
        Those that ran a task, and how many there are.

    Raises
    ------
    BeringiaError
        If no function runs on one of them.
    """
    context = spark.sparkContext
    found: set[Executor] = set()
    for _ in range(_ROUNDS):
        for row in _looks(spark, 2 * context.defaultParallelism).collect():
            found.add(Executor(*row))
        there = _count(spark)
        if len(found) >= there:
            break
    return sorted(found), there


def _looks(spark: SparkSession, tasks: int) -> DataFrame:
    fields = "host string, pid long, sees string, version string"
    return numpy_map(doctor.look, spark.range(tasks).repartition(tasks), fields, per="partition", args={"_": "id"})


def _count(spark: SparkSession) -> int:
    context = spark.sparkContext
    known = int(context._jsc.sc().getExecutorMemoryStatus().size())
    return known if interpreter.is_local(context) else known - 1  # the driver is one of them
