"""Measure `beringia.Executor` against the standard library's `ProcessPoolExecutor`: docs/benchmarks/parallel.md.

``python -m benchmarks.executor`` writes the page and its picture. Both have two workers and take turns in one process,
of which the fastest run counts. The executors of others (:mod:`benchmarks.peers`) follow, each in a process of its own.
Fails if a target is missed.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyspark
from numpy.typing import NDArray

import beringia
import beringia.joblib
from benchmarks import apart
from benchmarks.calls import CASES, RUNS, WORKERS, Case, gigabyte_for_eight, stepping, trivial
from benchmarks.peers import PEERS
from benchmarks.report import ROOT

RANKS, BARRIERS, BARRIER = 4, 2_000, 150e-6
DIRECTORY = Path(__file__).parents[1] / "docs" / "benchmarks"
OURS, THEIRS = "beringia.Executor", "ProcessPoolExecutor"


def searched(backend: str, calls: int) -> None:
    """Search a grid with scikit-learn, `calls` times, by a backend of joblib's."""
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    x, y = make_classification(2_000, 20, random_state=0)
    with joblib.parallel_config(backend, n_jobs=WORKERS):
        for _ in range(calls):
            GridSearchCV(LogisticRegression(), {"C": np.logspace(-3, 3, 20)}, cv=5).fit(x, y)


TABLE = np.random.default_rng(0).normal(size=(20_000, 1_000))


def total(table: NDArray[np.float64], row: int) -> float:
    """Read little of a table, of shape ``(n, m)``."""
    return float(table[row].sum())


def of_one_table(backend: str, calls: int, table: NDArray[np.float64] = TABLE) -> None:
    """Give a table of 160 MB to all calls of a `joblib.Parallel`: joblib's own backend writes it to a file for each."""
    with joblib.parallel_config(backend, n_jobs=WORKERS):
        joblib.Parallel()(joblib.delayed(total)(table, row) for row in range(calls))


def of_a_shared_table(backend: str, calls: int) -> None:
    """Do so, ours with a table that is shared once."""
    of_one_table(backend, calls, shared_table() if backend == "beringia" else TABLE)


@cache
def shared_table() -> NDArray[np.float64]:
    """Return the table in shared memory."""
    return beringia.share(TABLE)


JOBLIB = (
    Case("scikit-learn's search of 100 fits, against loky", searched, 1, 1.1),
    Case("joblib, 16 calls with 160 MB of `share`, against loky", of_a_shared_table, 16, 1 / 4),
    Case("joblib, 16 calls with 160 MB, against loky", of_one_table, 16, 1.5),
)


@dataclass(frozen=True)
class Times:
    """Seconds of one call by each way."""

    case: Case
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """What part ours takes."""
        return self.ours / self.theirs


def measure(ours: Any, theirs: Any, case: Case) -> Times:
    """Run both in turn, once before it counts."""
    best = dict.fromkeys((ours, theirs), float("inf"))
    for run in range(RUNS + 1):
        for executor in best:
            started = time.perf_counter()
            case.run(executor, case.calls)
            if run:
                best[executor] = min(best[executor], (time.perf_counter() - started) / case.calls)
    return Times(case, best[ours], best[theirs])


def barrier() -> float:
    """Return the seconds of a barrier of some ranks of this machine, the fastest of some runs."""
    with beringia.Pool(RANKS) as pool:
        runs: list[float] = [max(beringia.spmd(stepping, RANKS, (BARRIERS,), pool=pool)) for _ in range(RUNS)]
    return min(runs)


def beside(name: str) -> dict[str, float] | None:
    """Return the seconds of a call of each kind by the executor of others; None if it is not here, or fails."""
    bin_ = ROOT / "build" / "apart" / "peers" / "bin"
    if not (bin_ / "python").exists():
        return None
    # MPI starts its processes by a command of that environment.
    environment = {"PYTHONPATH": str(ROOT), "PATH": f"{bin_}:{os.environ['PATH']}"}
    found: dict[str, float] | None = apart.measured(
        "benchmarks.peers", name, python=str(bin_ / "python"), environment=environment
    )
    return found


def others(found: list[Times]) -> str:
    """Return what others take as a table, as multiples of ours."""
    peers = {name: beside(name) for name in PEERS}
    if missing := [name for name, seconds in peers.items() if seconds is None]:
        print(f"not measured: {', '.join(missing)}")
    peers = {name: seconds for name, seconds in peers.items() if seconds is not None}
    rows = [f"| a call, over that of `{OURS}` | {' | '.join(peers)} |", f"|---|{'--:|' * len(peers)}"]
    for times in (times for times in found if times.case in CASES):
        ratios = (seconds[times.case.name] / times.ours for seconds in peers.values() if seconds)
        rows.append(f"| {times.case.name} | {' | '.join(f'{ratio:.3g}' for ratio in ratios)} |")
    return "\n".join(rows)


def on_spark() -> str:
    """Return what calls take on Spark's executors as a table."""
    seconds = apart.measured("benchmarks.spark_calls")
    if seconds is None:
        return "Not measured on Spark."
    rows = "\n".join(
        f"| {what} | {spelled(seconds[ours])} | {by} | {spelled(seconds[theirs])} "
        f"| {seconds[ours] / seconds[theirs]:.2g} |"
        for what, ours, by, theirs in (
            ("`submit`, and wait for the result", "call", "a job of one value", "call of a job"),
            ("`map` of 1,000 calls", "calls", "a job of 1,000 values", "calls of a job"),
            ("a barrier of two ranks", "barrier", "`BarrierTaskContext.barrier`", "barrier of Spark"),
        )
    )
    return f"""| on Spark, warm | | PySpark's | | ratio |
|---|--:|---|--:|--:|
{rows}"""


def spelled(seconds: float) -> str:
    """Return a time as people say it."""
    return f"{seconds * 1e6:.2f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


def page(found: list[Times], once: list[float], step: float, beside: str, cluster: str) -> str:
    """Return the results as Markdown."""
    rows = "\n".join(
        f"| {t.case.name} | {spelled(t.ours)} | {spelled(t.theirs)} | {t.ratio:.3f} | {t.case.target:.3g} |"
        for t in found
    )
    return f"""# Python's parallel tools

Written by `make bench`, with two workers each: seconds of one call, both in turn in one process, the fastest of {RUNS}
runs. The functions do nothing, but those of joblib's; the standard library's workers are forked. Python
{platform.python_version()}, NumPy {np.__version__}, {platform.system()} on {platform.machine()}. Ratios travel between
machines, seconds do not.

| a call | `{OURS}` | `{THEIRS}` | ratio | target ≤ |
|---|--:|--:|--:|--:|
{rows}

A GiB for eight calls is there once, and takes {once[0]:.1f} s; `{THEIRS}` pickles it for each, and takes
{once[1]:.0f} s. A barrier of {RANKS} ranks of `beringia.spmd` takes {step * 1e6:.0f} µs (target ≤ {BARRIER * 1e6:.0f}).

![A call, by both](parallel.png)

The executors of others, each in a process of its own, with two workers too: loky's, Dask's on a cluster of processes,
tasks of Ray, and mpi4py's on processes that MPICH starts. Their versions are in `requirements-peers.txt`.

{beside}

What is the same is found by its hash, so that a write between two calls is seen: that is what is left of the time of
the same argument. A fresh one is copied once, and so is a result, by its worker.

`beringia.spark.Executor` and `beringia.spark.spmd` on `local[2]` of Spark {pyspark.__version__}, beside jobs of RDDs
that call the same function, and the barrier of Spark's own stages:

{cluster}

[Python's parallel tools](../parallel.md) says how all of it is used.
"""


def draw(found: list[Times]) -> None:
    """Draw what a call takes by both."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 3.8), layout="constrained")
    at = np.arange(len(found))[::-1]
    for shift, name, seconds, colour in (
        (-0.2, OURS, [t.ours for t in found], "#d1495b"),
        (0.2, THEIRS, [t.theirs for t in found], "#9aa7b1"),
    ):
        bars = axes.barh(at + shift, seconds, height=0.38, color=colour, label=name)
        axes.bar_label(bars, [spelled(s) for s in seconds], padding=4, fontsize=8.5)
    times = [s for t in found for s in (t.ours, t.theirs)]
    axes.set(xscale="log", xlabel="a call (logarithmic)", xlim=(min(times) / 2, max(times) * 6))
    axes.set_yticks(at, [t.case.name for t in found])
    axes.xaxis.set_major_formatter(
        lambda seconds, _: f"{seconds * 1e6:,.0f} µs" if seconds < 1e-3 else spelled(seconds)
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(frameon=False, loc="upper right", fontsize=9)
    figure.savefig(DIRECTORY / "parallel.png", dpi=130)


def main() -> None:
    """Measure, and write the page. Fails if a target is missed."""
    with ProcessPoolExecutor(WORKERS) as theirs:
        # They are forked here, before there is any other thread.
        theirs.submit(trivial, 0).result()
        with beringia.Executor(WORKERS) as ours:
            found = [measure(ours, theirs, case) for case in CASES]
            once = [gigabyte_for_eight(ours), gigabyte_for_eight(theirs)]
    found += [measure("beringia", "loky", case) for case in JOBLIB]
    step = barrier()
    text = page(found, once, step, others(found), on_spark())
    print(text)
    (DIRECTORY / "parallel.md").write_text(text, encoding="utf-8")
    draw(found)
    missed = [t.case.name for t in found if t.ratio > t.case.target]
    if missed := missed + ["a barrier"] * (step > BARRIER):
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    from benchmarks import executor

    # By its name: then both pickle functions by theirs.
    executor.main()
