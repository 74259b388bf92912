"""Measure what a group costs on Spark where there are very many, under a small heap.

``python -m benchmarks.many_groups [groups ÷]`` writes docs/benchmarks/many_groups.md. Each number of groups has a
session of its own, whose driver, in which all runs, has a heap of 2 GiB; the rows are made as they are read. With a
number, of so many times fewer groups, and nothing is written. Fails if the target is missed.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import apart, workload
from beringia.spark import numpy_map

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "many_groups.md"
GROUPS = (100_000, 1_000_000, 10_000_000)
ROWS = 5
PARTITIONS = 16
RUNS = {100_000: 10, 1_000_000: 3, 10_000_000: 1}
TARGET = 1.3
"""How many times what a group costs at the first number it may cost at the last."""


def measure(groups: int, runs: int) -> float:
    """Return the seconds of the fastest run."""
    from pyspark.sql import functions as F

    spark = workload.session(**{"spark.driver.memory": "2g", "spark.sql.shuffle.partitions": str(PARTITIONS)})
    rows = spark.range(0, groups * ROWS, 1, PARTITIONS)
    # Every group has as many rows (the prime divides no number of groups), and neighbours are of others.
    df = rows.select((F.col("id") * 7919 % groups).alias("g"), F.col("id").cast("double").alias("x"))
    warm = spark.range(0, 100_000, 1, PARTITIONS).select((F.col("id") % 20_000).alias("g"), F.rand(1).alias("x"))
    for _ in range(8):
        workload.into_nothing(numpy_map(total, warm.groupBy("g"), "total double"))
    found = [
        workload.seconds(lambda: workload.into_nothing(numpy_map(total, df.groupBy("g"), "total double")))
        for _ in range(runs)
    ]
    spark.stop()
    return min(found)


def total(x: NDArray[np.float64]) -> float:
    """Return the sum of an array of shape ``(n,)``."""
    return float(x[0] + x[-1])


def page(found: dict[int, float]) -> str:
    """Return the results as Markdown."""
    head = " | ".join(f"{groups:,}" for groups in found)
    seconds = " | ".join(f"{taken:.2f}" for taken in found.values())
    each = " | ".join(f"{taken / groups * 1e6:.2f}" for groups, taken in found.items())
    return f"""# Very many groups on Spark

Written by `make bench`: groups of {ROWS} rows and a function that does next to nothing, on `local[2]` with a heap of
2 GiB, warm, {PARTITIONS} partitions; the fastest of some runs. Python {platform.python_version()},
NumPy {np.__version__}, {platform.system()} on {platform.machine()}. Ratios travel between machines, seconds do not.

| groups | {head} |
|---|{"--:|" * len(found)}
| seconds | {seconds} |
| µs a group | {each} |

The last over the first is {ratio(found):.2f} (target ≤ {TARGET}): a task holds two batches beside its partition,
which is sorted in Spark's memory, and spilled where there is too little.
"""


def ratio(found: dict[int, float]) -> float:
    """Return what a group costs where there are most, over what it costs where there are fewest."""
    each = {groups: taken / groups for groups, taken in found.items()}
    return each[max(each)] / each[min(each)]


def main(smaller: int) -> None:
    """Measure, print, write. Fails if the target is missed."""
    found = {}
    for groups in GROUPS:
        taken = apart.measured("benchmarks.many_groups", str(groups // smaller), str(RUNS[groups]))
        if taken is None:
            sys.exit(f"{groups // smaller:,} groups could not be measured")
        found[groups // smaller] = taken
    text = page(found)
    print(text)
    if smaller > 1:
        return
    PAGE.write_text(text, encoding="utf-8")
    if ratio(found) > TARGET:
        sys.exit("the target was missed")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]), int(sys.argv[3]))))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 1)
