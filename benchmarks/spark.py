"""Beringia on Spark: print the table, write docs/benchmarks/spark.md. Fails if a target is missed."""

from __future__ import annotations

import os
import sys

from benchmarks import against_pandas, overhead, report, workload


def main() -> None:
    """Measure, print, write."""
    load = os.getloadavg()[0]
    if load > workload.QUIET:
        print(
            f"the machine is busy (load {load:.1f}): the times of two-core jobs will say more about that than about us"
        )
    spark = workload.session()
    cost = overhead.measure(spark)
    comparison = against_pandas.measure(spark)
    spark.stop()
    print(report.table(cost, comparison))
    report.write(cost, comparison)
    print(f"\nwritten: {report.DIRECTORY}")
    if cost.ratio > overhead.TARGET or comparison.ratio < against_pandas.TARGET:
        sys.exit("a target was missed")


if __name__ == "__main__":
    main()
