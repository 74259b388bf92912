"""Measure rows with long arrays, from Spark to NumPy and back, against a copy of the same bytes.

``python -m benchmarks.spark_arrays`` writes docs/benchmarks/spark_arrays.md. There is one task, so that one thread
copies: the rows come from a cached table, and what it takes to read them alone is not counted. Fails if the target is
missed.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workload import in_turn, into_nothing, session
from beringia.spark import numpy_map

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "spark_arrays.md"
ITEMS, ROWS = 100_000, 600
WARMUPS, RUNS = 5, 9
TARGET = 0.6
"""Of the speed at which one thread copies memory, one way."""


def first(x: Any) -> float:
    """Take one value of an array: what is left is the way there."""
    return float(x[0])


def same(x: Any) -> Any:
    """Return the array: what is left is the way there and back."""
    return x


def measure() -> dict[str, float]:
    """Return the least seconds of each part."""
    spark = session(**{"spark.master": "local[1]"})
    numbers = spark.range(0, ROWS, 1, 1).toDF("number")
    arrays = numbers.selectExpr(f"transform(sequence(1, {ITEMS}), i -> i * rand(1)) AS x").cache()
    arrays.count()
    source, target = np.ones(ITEMS * ROWS), np.ones(ITEMS * ROWS)
    found = in_turn(
        {
            "copy": lambda: np.copyto(target, source),
            "read": lambda: into_nothing(arrays),
            "there": lambda: into_nothing(numpy_map(first, arrays, "y double")),
            "back": lambda: into_nothing(numpy_map(same, arrays, "y array<double>")),
        },
        warmups=WARMUPS,
        runs=RUNS,
    )
    spark.stop()
    return {part: min(seconds) for part, seconds in found.items()}


def page(found: dict[str, float]) -> str:
    """Return the results as Markdown."""
    there, back = found["there"] - found["read"], found["back"] - found["there"]
    lines = {
        "a copy of the same bytes by one thread": found["copy"],
        f"a cached table to NumPy, beyond reading its rows ({found['read']:.3f} s)": there,
        f"from NumPy to Spark's rows, beyond the way there ({found['there']:.3f} s)": back,
    }
    rows = "\n".join(f"| {name} | {taken:.3f} | {found['copy'] / taken:.2f} |" for name, taken in lines.items())
    return f"""# Rows with long arrays on Spark

Written by `make bench`: {ROWS} rows, each an array of {ITEMS:,} doubles, in one task; the fastest of {RUNS} runs in
turn. Python {platform.python_version()}, NumPy {np.__version__}, {platform.system()} on {platform.machine()}. Ratios
travel between machines, seconds do not.

| | s | share of a copy's speed |
|---|--:|--:|
{rows}

The target is {TARGET}, one way. The way back has two copies: the worker's to shared memory, and Spark's to its rows,
which a node that takes columns does without.
"""


def main() -> None:
    """Measure, and write the page. Fails if the target is missed."""
    found = measure()
    text = page(found)
    print(text)
    PAGE.write_text(text, encoding="utf-8")
    if found["copy"] < TARGET * (found["there"] - found["read"]):
        sys.exit("the target was missed")


if __name__ == "__main__":
    main()
