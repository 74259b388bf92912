"""The measurements as a table, a page and a picture: docs/benchmarks/spark.md and spark.png."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
import pyspark

from benchmarks import against_pandas, overhead
from benchmarks.workload import CORES, ROWS

DIRECTORY = Path(__file__).parents[1] / "docs" / "benchmarks"


def table(cost: overhead.Overhead, comparison: against_pandas.Comparison) -> str:
    """Return the figures as a Markdown table."""
    per_group = 1e6 * CORES / cost.groups  # microseconds of one core
    rows = [
        ("measurement", "seconds", "µs of a core per group"),
        ("---", "---:", "---:"),
        _row(f"{cost.groups:,} groups: the whole job", cost.job, per_group),
        _row("its exchange and sort alone", cost.shuffle, per_group),
        _row("difference: what running the functions costs", cost.job - cost.shuffle, per_group),
        _row(f"the same calls in a NumPy loop, over {CORES} cores", cost.numpy / CORES, per_group),
        (f"**ratio of these two** (target ≤ {overhead.TARGET})", f"**{cost.ratio:.2f}**", ""),
        ("its quartiles over the runs", f"{cost.spread[0]:.2f} to {cost.spread[1]:.2f}", ""),
        (f"{comparison.groups:,} groups: `numpy_map`, the whole job", f"{comparison.numpy_map:.3f}", ""),
        (f"{comparison.groups:,} groups: `applyInPandas`, the whole job", f"{comparison.apply_in_pandas:.2f}", ""),
        (f"**times faster** (target ≥ {against_pandas.TARGET:.0f})", f"**{comparison.ratio:.0f}**", ""),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str, seconds: float, per_group: float) -> tuple[str, str, str]:
    return name, f"{seconds:.3f}", f"{seconds * per_group:.1f}"


def page(cost: overhead.Overhead, comparison: against_pandas.Comparison) -> str:
    """Return the text of docs/benchmarks/spark.md."""
    return f"""# Benchmarks on Spark

Written by `make bench`. A least-squares slope per group of {ROWS} rows and two double columns, on `local[{CORES}]`,
warm; medians of runs in turn. Spark {pyspark.__version__}, Python {platform.python_version()}, NumPy {np.__version__},
{platform.system()} on {platform.machine()}. Ratios travel between machines, seconds do not.

{table(cost, comparison)}

![Where the time goes](spark.png)

The first ratio is what a group costs in the job beyond the job's own exchange and sort, over the same calls made by
a plain loop over sorted arrays (one process, its time divided by the {CORES} cores), run by run. 1.0 would be a free
ride. The exchange and sort alone hand every row to Spark's sink that drops it, where the job hands them to Beringia;
what the sink costs is thus not counted as ours. On a machine that is busy with other work the ratio is higher.
"""


def draw(cost: overhead.Overhead, comparison: against_pandas.Comparison) -> None:
    """Draw where the time of the job goes, and the two ways side by side."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
    numpy = cost.numpy / CORES
    start = 0.0
    for name, seconds, colour in (
        ("exchange and sort", cost.shuffle, "#9aa7b1"),
        ("the NumPy calls themselves", numpy, "#00798c"),
        ("Beringia", max(0.0, cost.job - cost.shuffle - numpy), "#d1495b"),
    ):
        left.barh(0, seconds, left=start, color=colour, label=f"{name}: {seconds:.2f} s", height=0.5)
        start += seconds
    left.set(yticks=[], ylim=(-0.5, 1.4), xlabel="seconds")
    left.set_title(f"{cost.groups:,} groups of {ROWS} rows, {CORES} cores", loc="left", fontsize=10.5)
    left.legend(frameon=False, loc="upper left", fontsize=9)
    times = [comparison.apply_in_pandas, comparison.numpy_map]
    bars = right.barh(["applyInPandas", "numpy_map"], times, color=["#9aa7b1", "#d1495b"], height=0.55)
    right.bar_label(bars, [f"{t:.2f} s" for t in times], padding=4)
    right.set(xscale="log", xlabel="seconds (logarithmic)", xlim=(min(times) / 3, max(times) * 4))
    right.set_title(f"{comparison.groups:,} groups: {comparison.ratio:.0f} times faster", loc="left", fontsize=10.5)
    for axes in (left, right):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    figure.savefig(DIRECTORY / "spark.png", dpi=130)


def write(cost: overhead.Overhead, comparison: against_pandas.Comparison) -> None:
    """Write page and picture."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    (DIRECTORY / "spark.md").write_text(page(cost, comparison), encoding="utf-8")
    draw(cost, comparison)
