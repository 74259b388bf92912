"""Beringia on Spark 3.5 and on the newest 4: print the table, write docs/benchmarks/spark.md.

``python -m benchmarks.spark [groups ÷]``; with a number, of data so many times smaller, and nothing is written. Each
Spark runs in its own environment, in a process of its own. Fails if a target is missed.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import Any

import numpy as np

from benchmarks import against_spark, apart, overhead, report, workload

ENVIRONMENTS = (".venv", ".venv-spark-4")
PIPELINED = {"spark.python.udf.pipelined.enabled": "true"}
"""A setting of Spark 4.3 and newer: input and output of a Python worker at the same time, by a further thread."""


def measure(smaller: int) -> dict[str, Any]:
    """Return the figures of the Spark of this process."""
    spark = workload.session()
    cost = overhead.measure(spark, 100_000 // smaller)
    line = report.Line(
        spark=spark.version,
        python=platform.python_version(),
        numpy_version=np.__version__,
        groups=cost.groups,
        job=cost.job,
        by_rows=cost.job_by_rows,
        shuffle=cost.shuffle,
        loop=cost.numpy,
        ratio=cost.ratio,
        spread=cost.spread,
        groups_compared=against_spark.GROUPS // smaller,
        ways=against_spark.measure(spark, against_spark.GROUPS // smaller),
    )
    spark.stop()
    return vars(line)


def measure_pipelined(smaller: int) -> dict[str, float]:
    """Return the seconds of what has a session of its own."""
    spark = workload.session(**PIPELINED)
    found = against_spark.measure_pipelined(spark, against_spark.GROUPS // smaller)
    spark.stop()
    return found


def main(smaller: int) -> None:
    """Measure, print, write."""
    load = os.getloadavg()[0]
    if load > workload.QUIET:
        print(
            f"the machine is busy (load {load:.1f}): the times of two-core jobs will say more about that than about us"
        )
    lines = []
    for environment in ENVIRONMENTS:
        python = str(report.ROOT / environment / "bin" / "python")
        found = apart.measured("benchmarks.spark", "all", str(smaller), python=python)
        if found is None:
            sys.exit(f"nothing was measured in {environment}: `make bench` makes both environments")
        if against_spark.ARROW in found["ways"]:
            found["ways"] |= apart.measured("benchmarks.spark", "pipelined", str(smaller), python=python) or {}
        lines.append(report.Line(**found))
    print(report.table(lines))
    if smaller > 1:
        return
    report.write(lines)
    print(f"\nwritten: {report.DIRECTORY}")
    if missed := [miss for line in lines for miss in line.missed()]:
        sys.exit("\n".join(["a target was missed", *missed]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measures = {"all": measure, "pipelined": measure_pipelined}
        print(json.dumps(measures[sys.argv[2]](int(sys.argv[3]))))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 1)
