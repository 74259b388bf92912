"""Measure what the first job of a session takes: from the session that is there to the result of `numpy_map`.

``python -m benchmarks.first_job`` writes docs/benchmarks/first_job.md, beside the same by ``applyInPandas``, and by
Spark without Python, which is what nobody can do without. Each run is a process of its own with a session of its own;
the ways run in turn, medians count. Fails if the target is missed.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import apart

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "first_job.md"
GROUPS = 1000
RUNS = 7
TARGET = 0.5
"""Of what ``applyInPandas`` takes."""
OURS, PANDAS, SPARK = "numpy_map", "applyInPandas", "Spark's own aggregates"


def measure(way: str) -> dict[str, float]:
    """Return the seconds until the session is there, until the first result is, and until the same again is."""
    started = time.perf_counter()
    from pyspark.sql import functions as F

    from benchmarks.workload import session, slope
    from beringia.spark import numpy_map

    spark = session()
    df = spark.range(0, GROUPS * 20, 1, 2).selectExpr(f"id % {GROUPS} AS g", "rand(1) AS x", "rand(2) AS y")
    found = [time.perf_counter() - started]

    def by_pandas(frame):  # type: ignore[no-untyped-def] # of pandas, which our way is not to import
        import pandas as pd

        return pd.DataFrame({"g": frame.g.iloc[:1], "slope": [slope(frame.x.to_numpy(), frame.y.to_numpy())]})

    for _ in range(2):
        begun = time.perf_counter()
        if way == OURS:
            result = numpy_map(slope, df.groupBy("g"), "slope double")
        elif way == PANDAS:
            result = df.groupBy("g").applyInPandas(by_pandas, "g long, slope double")
        else:
            result = df.groupBy("g").agg(F.expr("covar_pop(x, y) / var_pop(x)").alias("slope"))
        if len(result.collect()) != GROUPS:
            sys.exit("not every group has a result")
        found.append(time.perf_counter() - begun)
    spark.stop()
    return dict(zip(("session", "first", "second"), found, strict=True))


def page(found: dict[str, dict[str, float]]) -> str:
    """Return the results as Markdown."""
    ours, pandas, spark = found[OURS], found[PANDAS], found[SPARK]
    rows = "\n".join(
        f"| {name} | {ours[part]:.2f} | {pandas[part]:.2f} | {ours[part] / pandas[part]:.2f} | {spark[part]:.2f} |"
        for part, name in (
            ("session", "imports, and the session with the plugin"),
            ("first", f"**the first job** (target ≤ {TARGET})"),
            ("second", "the same again"),
        )
    )
    return f"""# The first job of a session

Written by `make bench`: seconds of {GROUPS:,} groups of 20 rows, a least-squares slope each, on `local[2]`, collected;
each run in a process of its own, medians of {RUNS} in turn. Python {platform.python_version()}, NumPy {np.__version__},
{platform.system()} on {platform.machine()}. Ratios travel between machines, seconds do not.

| | `{OURS}` | `{PANDAS}` | ratio | {SPARK} |
|---|--:|--:|--:|--:|
{rows}

The plugin's driver loads the classes of Spark that a first job wants while the session starts, whatever the job: all
three have that. Workers start while Spark plans the job and runs what is before the function. What is left is Spark's
own: code is generated and compiled, and nothing has run before. The last column is the same slope without Python,
`covar_pop(x, y) / var_pop(x)`: the first job of a session takes {spark["first"] / pandas["first"]:.2f} of
`{PANDAS}` with no function at all.
"""


def main() -> None:
    """Measure, and write the page. Fails if the target is missed."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2])))
        return
    runs: dict[str, list[dict[str, float]]] = {OURS: [], PANDAS: [], SPARK: []}
    for _ in range(RUNS):
        for way, seconds in runs.items():
            found = apart.measured("benchmarks.first_job", way)
            if found is None:
                sys.exit("not all could be measured")
            seconds.append(found)
    medians = {
        way: {part: statistics.median(run[part] for run in seconds) for part in seconds[0]}
        for way, seconds in runs.items()
    }
    text = page(medians)
    print(text)
    PAGE.write_text(text, encoding="utf-8")
    if medians[OURS]["first"] > TARGET * medians[PANDAS]["first"]:
        sys.exit("the target was missed")


if __name__ == "__main__":
    main()
