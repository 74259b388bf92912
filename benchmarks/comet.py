"""Measure Beringia beside DataFusion Comet, whose batches it takes as they are.

``python -m benchmarks.comet [groups ÷]`` writes docs/benchmarks/comet.md: the job of :mod:`benchmarks.overhead` from a
file of Parquet, in a session with Comet and in one without, on each Spark that a Comet is there for. `make test-comet`
gets its jars. With a number, of data so many times smaller, and nothing is written.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import apart, report

PAGE = report.DIRECTORY / "comet.md"
GROUPS = 100_000
RUNS = 12
SPARKS = {"3.5": (".venv", None), "4": (".venv-spark-4", "build/spark-4.1.4")}
"""By the line of Spark that a jar is for: an environment, and a PySpark that goes before its own."""
WITH, WITHOUT = "with Comet", "without"
PARTS = {
    "scan": "the scan alone",
    "shuffle": "scan, exchange and sort",
    "exchange": "scan and exchange, to `numpy_map` by batches",
    "constant": "`numpy_map` of a constant",
    "slope": "`numpy_map` of the slope",
    "loop": "the same calls in a NumPy loop, over 2 cores",
}


def jar(line: str) -> Path | None:
    """Return Comet's jar for a line of Spark, if it is here."""
    return next((report.ROOT / "build" / "comet" / f"spark-{line}").glob("comet-spark-*.jar"), None)


def settings(file: Path) -> dict[str, str]:
    """Return what turns Comet on."""
    return {
        "spark.jars": str(file),
        "spark.plugins": "org.apache.spark.CometPlugin",
        "spark.driver.extraClassPath": str(file),
        "spark.shuffle.manager": "org.apache.spark.sql.comet.execution.shuffle.CometShuffleManager",
        "spark.comet.exec.shuffle.enabled": "true",
        "spark.memory.offHeap.enabled": "true",
        "spark.memory.offHeap.size": "2g",
    }


def measure(line: str, way: str, smaller: int) -> dict[str, float | str]:
    """Return the median seconds of each part, and the version of Spark."""
    from benchmarks import workload
    from benchmarks.overhead import loop
    from beringia.spark import numpy_map

    file = jar(line)
    if file is None:
        sys.exit(f"no jar of Comet for Spark {line}")
    spark = workload.session(**(settings(file) if way == WITH else {}))
    groups = GROUPS // smaller
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "rows.parquet")
        workload.data(spark, groups).write.parquet(path)
        spark.catalog.clearCache()
        df = spark.read.parquet(path)
        rows = df.toPandas().sort_values("g", kind="stable")
        x, y = rows.x.to_numpy().copy(), rows.y.to_numpy().copy()
        works: dict[str, Callable[[], object]] = {
            "scan": lambda: workload.into_nothing(df),
            "shuffle": lambda: workload.into_nothing(df.repartition(workload.CORES, "g").sortWithinPartitions("g")),
            "exchange": lambda: workload.into_nothing(
                numpy_map(dropped, df.repartition(workload.CORES, "g"), "array<struct<slope: double>>", per="batch")
            ),
            "constant": lambda: workload.into_nothing(numpy_map(constant, df.groupBy("g"), "slope double")),
            "slope": lambda: workload.into_nothing(numpy_map(workload.slope, df.groupBy("g"), "slope double")),
            "loop": lambda: loop(x, y),
        }
        workload.settled(works, agree=5, long=25)
        found = workload.in_turn(works, warmups=0, runs=RUNS)
        medians = {part: statistics.median(seconds) for part, seconds in found.items()}
        version = spark.version
        spark.stop()
    return {**medians, "loop": medians["loop"] / workload.CORES, "spark": version}


def constant(x: object, y: object) -> float:  # noqa: ARG001 (names of columns)
    """Do nothing with a group."""
    return 0.0


def dropped(g: object, x: object, y: object) -> dict[str, NDArray[np.float64]]:  # noqa: ARG001 (names of columns)
    """Do nothing with the rows of a batch."""
    return {"slope": np.zeros(0)}


def page(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the results as Markdown."""
    columns = [(line, way) for line in found for way in (WITHOUT, WITH)]
    head = " | ".join(f"{found[line][way]['spark']}, {way}" for line, way in columns)
    rows = [f"| {name} | {' | '.join(f'{found[line][way][part]:.2f}' for line, way in columns)} |"
            for part, name in PARTS.items()]  # fmt: skip

    def over(*parts: str) -> str:
        """Return what these take over Spark's own exchange and sort and the loop, in each session."""
        return " | ".join(
            f"{sum(of[part] for part in parts) / (found[line][WITHOUT]['shuffle'] + of['loop']):.2f}"
            for line, way in columns
            for of in [found[line][way]]
        )

    return f"""# Beside DataFusion Comet

Written by `python -m benchmarks.comet`: seconds, of {GROUPS:,} groups of 20 rows from a file of Parquet, on `local[2]`,
warm; medians of {RUNS} runs in turn, each session in a process of its own. Python {platform.python_version()}, NumPy
{np.__version__}, {platform.system()} on {platform.machine()}. Ratios travel between machines, seconds do not.

| | {head} |
|---|{"--:|" * len(columns)}
{chr(10).join(rows)}
| **the slope, over Spark's own exchange and sort and the loop** | {over("slope")} |
| the exchange by batches and the loop, over the same | {over("exchange", "loop")} |

Comet scans and moves columns; `numpy_map` takes them [as they are](../spark.md#without-grouping), in an order that it
finds itself, so that no row is made between the file and the function. The sink of the first two lines wants rows: they
are made for it alone. The last line is what would be left if order and groups took no time.
"""


def main(smaller: int) -> None:
    """Measure, print, write."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for line, (environment, pyspark) in SPARKS.items():
        if jar(line) is None:
            sys.exit(f"no jar of Comet for Spark {line} is in build/comet: `make test-comet` gets it")
        paths = [str(report.ROOT / pyspark)] if pyspark else []
        extra = {"PYTHONPATH": os.pathsep.join([*paths, str(report.ROOT)])}
        python = str(report.ROOT / environment / "bin" / "python")
        ways = {
            way: apart.measured("benchmarks.comet", line, way, str(smaller), python=python, environment=extra)
            for way in (WITHOUT, WITH)
        }
        if None in ways.values():
            sys.exit("not all could be measured")
        found[line] = ways
    text = page(found)
    print(text)
    if smaller == 1:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 1)
