"""Measure what is gained where Spark has fewer tasks than cores, by workers that would be idle.

``python -m benchmarks.skew`` writes docs/benchmarks/skew.md and its picture. Each shape runs with ``worker.busy`` as it
is and with 1, one worker for a task, in sessions of their own; the fastest run counts.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import apart, bars

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "skew.md"
RUNS = 5
ROWS = 4_000_000
SHAPES = {
    "even": "as many tasks as cores, even groups",
    "partition": "all groups in one partition",
    "group": "one partition, and one of its 1,000 groups has half of the rows",
}


def cost(x: NDArray[np.float64]) -> float:
    """Sort the rows by blocks, several times."""
    return float(sum(np.sort(x[start : start + 2000]).sum() for start in range(0, x.size, 2000) for _ in range(30)))


def measure(shape: str, busy: str) -> float:
    """Return the seconds of the fastest run."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    import beringia.spark

    settings = {"spark.ui.enabled": "false", "spark.driver.memory": "4g", "spark.sql.shuffle.partitions": "2"}
    settings["worker.busy"] = busy
    spark = SparkSession.builder.master("local[2]").config(map=beringia.spark.conf(**settings)).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    g = (F.col("id") / 2000).cast("int")
    if shape == "group":
        g = F.when(F.col("id") % 2 == 0, F.lit(500)).otherwise((F.col("id") / 4000).cast("int"))
    df = spark.range(0, ROWS, 1, 2 if shape == "even" else 1).select(g.alias("g"), F.rand(1).alias("x"))
    df = (df if shape == "even" else df.coalesce(1)).cache()
    df.count()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        frame = beringia.spark.numpy_map(cost, df.groupBy("g"), "y double")
        frame.write.format("noop").mode("overwrite").save()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def page(found: dict[str, dict[str, float]]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Fewer tasks than cores",
        "",
        f"Written by `make bench`, on two cores: {ROWS:,} rows, a function that sorts its rows by blocks. Batches go",
        "to workers that would be idle, or with `worker.busy=1` to its own alone. Each way ran",
        f"{RUNS} times, the fastest run counts; Spark's scan, exchange and sort are in all of them. Python",
        f"{platform.python_version()}, NumPy {np.__version__}. Ratios travel between machines, seconds do not.",
        "",
        "| | one worker for a task | idle workers too | times |",
        "|---|--:|--:|--:|",
    ]
    for shape, s in found.items():
        lines.append(f"| {SHAPES[shape]} | {s['1']:.2f} s | {s['0']:.2f} s | {s['1'] / s['0']:.2f} |")
    lines += ["", "![Times of each](skew.png)"]
    return "\n".join(lines) + "\n"


def draw(found: dict[str, dict[str, float]]) -> None:
    """Draw the seconds of each shape."""
    panels = {
        SHAPES[shape]: {"idle workers too": (s["0"], bars.OURS), "one worker for a task": (s["1"], bars.OTHER)}
        for shape, s in found.items()
    }
    bars.draw(PAGE.with_suffix(".png"), panels)


def main() -> None:
    """Measure each in a process of its own, and write the page."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(*sys.argv[2:])))
        return
    found = {
        shape: {busy: apart.measured("benchmarks.skew", shape, busy) for busy in ("1", "0")}
        for shape in sys.argv[1:] or SHAPES
    }
    if any(seconds is None for each in found.values() for seconds in each.values()):
        sys.exit("not all could be measured")
    text = page(found)
    print(text)
    if len(found) == len(SHAPES):
        PAGE.write_text(text, encoding="utf-8")
        draw(found)


if __name__ == "__main__":
    main()
