"""Calls and ranks on Spark's executors, beside the jobs of PySpark that they are written as today.

``python -m benchmarks.spark_calls --one`` prints the seconds of each, in JSON: :mod:`benchmarks.executor` puts them on
its page.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

from pyspark import BarrierTaskContext

import beringia.spark
from benchmarks.calls import stepping, trivial
from benchmarks.workload import CORES, in_turn, session

CALLS = 1_000
BARRIERS, BARRIERS_OF_SPARK = 50, 5
WARMUPS, RUNS = 5, 7


def main() -> None:
    """Measure, and print."""
    spark = session()
    context = spark.sparkContext
    with beringia.spark.Executor(spark) as executor:
        taken = in_turn(
            {
                "call": lambda: executor.submit(trivial, 1).result(),
                "call of a job": lambda: context.parallelize([1], 1).map(trivial).collect(),
                "calls": lambda: list(executor.map(trivial, range(CALLS))),
                "calls of a job": lambda: context.parallelize(range(CALLS), CORES).map(trivial).collect(),
            },
            warmups=WARMUPS,
            runs=RUNS,
        )
    found = {name: statistics.median(seconds) for name, seconds in taken.items()}
    found["barrier"] = max(beringia.spark.spmd(stepping, CORES, (BARRIERS,), spark=spark))

    def stepping_of_spark(_: Any) -> list[float]:
        task = BarrierTaskContext.get()
        task.barrier()
        started = time.perf_counter()
        for _ in range(BARRIERS_OF_SPARK):
            task.barrier()
        return [(time.perf_counter() - started) / BARRIERS_OF_SPARK]

    barriers = context.parallelize(range(CORES), CORES).barrier().mapPartitions(stepping_of_spark)
    found["barrier of Spark"] = max(barriers.collect())
    spark.stop()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
