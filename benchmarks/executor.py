"""Measure `beringia.Executor` against the standard library's `ProcessPoolExecutor`: docs/benchmarks/parallel.md.

``python -m benchmarks.executor`` writes the page and its picture. Both have two workers, and run in turn in
one process; the fastest of some runs counts. Fails if a target is missed.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

import beringia
import beringia.joblib

DIRECTORY = Path(__file__).parents[1] / "docs" / "benchmarks"
RUNS = 5
LARGE = 64 << 20
"""Bytes of a large array."""
OURS, THEIRS = "beringia.Executor", "ProcessPoolExecutor"


def trivial(x: int) -> int:
    """Return it."""
    return x


def length(x: NDArray[np.float64]) -> int:
    """Read nothing of `x`, of shape ``(n,)``: what is left is its way."""
    return len(x)


def made(n: int) -> NDArray[np.float64]:
    """Return ones, of shape ``(n,)``."""
    return np.ones(n)


def round_trips(executor: Executor, calls: int) -> None:
    """Submit a call when the result of the last one is there."""
    for number in range(calls):
        assert executor.submit(trivial, number).result() == number


def one_by_one(executor: Executor, calls: int) -> None:
    """Submit all, then take the results."""
    futures = [executor.submit(trivial, number) for number in range(calls)]
    assert [future.result() for future in futures] == list(range(calls))


def mapped(executor: Executor, calls: int) -> None:
    """Map in chunks."""
    assert sum(executor.map(trivial, range(calls), chunksize=100)) == calls * (calls - 1) // 2


SAME = np.ones(LARGE // 8)


def same(executor: Executor, calls: int) -> None:
    """Pass one array again and again."""
    for _ in range(calls):
        assert executor.submit(length, SAME).result() == SAME.size


def fresh(executor: Executor, calls: int) -> None:
    """Pass an array that was written since the last call."""
    for number in range(calls):
        SAME[0] = time.monotonic() + number
        assert executor.submit(length, SAME).result() == SAME.size


def results(executor: Executor, calls: int) -> None:
    """Take arrays, and let them go."""
    for _ in range(calls):
        assert executor.submit(made, LARGE // 8).result().size == LARGE // 8


def searched(backend: str, calls: int) -> None:
    """Search a grid with scikit-learn, `calls` times, by a backend of joblib's."""
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    x, y = make_classification(2_000, 20, random_state=0)
    with joblib.parallel_config(backend, n_jobs=2):
        for _ in range(calls):
            GridSearchCV(LogisticRegression(), {"C": np.logspace(-3, 3, 20)}, cv=5).fit(x, y)


@dataclass(frozen=True)
class Case:
    """`calls` calls made by `run`, and the most that one may take of what it takes by the standard library, or loky."""

    name: str
    run: Callable[[Any, int], None]
    calls: int
    target: float


CASES = (
    Case("submit, and wait for the result", round_trips, 1_000, 0.6),
    Case("submit one by one, then wait for all", one_by_one, 5_000, 0.25),
    Case("map, 100 to a chunk", mapped, 50_000, 0.5),
    Case("the same 64 MiB argument again", same, 5, 1 / 40),
    Case("a fresh 64 MiB argument", fresh, 5, 1 / 4),
    Case("a 64 MiB result", results, 5, 1 / 8),
)
SEARCH = Case("scikit-learn's search of 100 fits, against loky", searched, 1, 1.1)


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


def spelled(seconds: float) -> str:
    """Return a time as people say it."""
    return f"{seconds * 1e6:.2f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


def page(found: list[Times]) -> str:
    """Return the results as Markdown."""
    rows = "\n".join(
        f"| {t.case.name} | {spelled(t.ours)} | {spelled(t.theirs)} | {t.ratio:.3f} | {t.case.target:.3g} |"
        for t in found
    )
    return f"""# Python's parallel tools

Written by `make bench`, with two workers each: seconds of one call, both in turn in one process, the fastest of {RUNS}
runs. The functions do nothing, but the last; the standard library's workers are forked. Python
{platform.python_version()}, NumPy {np.__version__}, {platform.system()} on {platform.machine()}. Ratios travel between
machines, seconds do not.

| a call | `{OURS}` | `{THEIRS}` | ratio | target ≤ |
|---|--:|--:|--:|--:|
{rows}

![A call, by both](parallel.png)

What is the same is found by its hash, so that a write between two calls is seen: that is what is left of the time of
the same argument. A fresh one is copied once, and so is a result, by its worker.
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
    with ProcessPoolExecutor(2) as theirs:
        # They are forked here, before there is any other thread.
        theirs.submit(trivial, 0).result()
        with beringia.Executor(2) as ours:
            found = [measure(ours, theirs, case) for case in CASES]
    found.append(measure("beringia", "loky", SEARCH))
    text = page(found)
    print(text)
    (DIRECTORY / "parallel.md").write_text(text, encoding="utf-8")
    draw(found)
    if missed := [t.case.name for t in found if t.ratio > t.case.target]:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    from benchmarks import executor

    # By its name: then both pickle functions by theirs.
    executor.main()
