"""Measure `beringia.arrays` against NumPy, on 10⁸ doubles: docs/benchmarks/arrays.md.

``python -m benchmarks.arrays`` writes the page. Both run in turn in one process; the fastest of some runs counts. Fails
if a target is missed. Takes 4 GB of memory.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from beringia import arrays
from beringia._cores import cores

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "arrays.md"
ITEMS = 100_000_000
RUNS = 7


@dataclass(frozen=True)
class Case:
    """What NumPy does, what we do, and the most that this may take of the time of that."""

    name: str
    numpys: Callable[[], object]
    ours: Callable[[], object]
    target: float
    seconds: tuple[float, float] = (np.inf, np.inf)

    @property
    def ratio(self) -> float:
        """What part ours takes."""
        return self.seconds[1] / self.seconds[0]

    def measured(self) -> Case:
        """Return the same with the times of both, run in turn, once before it counts."""
        best = [np.inf, np.inf]
        for run in range(RUNS + 1):
            for way, call in enumerate((self.numpys, self.ours)):
                started = time.perf_counter()
                call()
                if run:
                    best[way] = min(best[way], time.perf_counter() - started)
        return Case(self.name, self.numpys, self.ours, self.target, (best[0], best[1]))


def cases() -> list[Case]:
    """Return what is measured, on arrays of shape ``(n,)``; results go to memory that was used before."""
    rng = np.random.default_rng(0)
    x, y = rng.random(ITEMS), rng.random(ITEMS)
    mask = x < 0.5
    sums, packed = np.cumsum(x), x[mask]
    add = np.add
    return [
        Case("reduce(np.add, x)", lambda: add.reduce(x), lambda: arrays.reduce(add, x), 1.15),
        Case("inner(x, y)", lambda: np.inner(x, y), lambda: arrays.inner(x, y), 1.15),
        Case(
            "accumulate(np.add, x)",
            lambda: add.accumulate(x, out=sums),
            lambda: arrays.accumulate(add, x, out=sums),
            0.7,
        ),
        Case(
            "compress(mask, x)",
            lambda: np.compress(mask, x, out=packed),
            lambda: arrays.compress(mask, x, out=packed),
            0.7,
        ),
    ]


def page(found: list[Case]) -> str:
    """Return the results as Markdown."""
    rows = "\n".join(
        f"| `{c.name}` | {c.seconds[0] * 1e3:.0f} | {c.seconds[1] * 1e3:.0f} | {c.ratio:.2f} | {c.target} |"
        for c in found
    )
    return f"""# NumPy's primitives on all cores

Written by `make bench`: milliseconds for {ITEMS:,} doubles, both in turn in one process, the fastest of {RUNS} runs, on
{cores()} cores. Python {platform.python_version()}, NumPy {np.__version__}, {platform.system()} on
{platform.machine()}. Ratios travel between machines, milliseconds do not.

| | NumPy | `beringia.arrays` | ratio | target ≤ |
|---|--:|--:|--:|--:|
{rows}

One core fills the memory bus where all it does is add. [Python's parallel tools](../parallel.md#numpy-on-one-core) says
how they are used.
"""


def main() -> None:
    """Measure, and write the page. Fails if a target is missed."""
    found = [case.measured() for case in cases()]
    text = page(found)
    print(text)
    PAGE.write_text(text, encoding="utf-8")
    if missed := [case.name for case in found if case.ratio > case.target]:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
