"""The calls that executors are compared by, of functions that do nothing: what is left is the way there and back."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WORKERS = 2
RUNS = 5
LARGE = 64 << 20
"""Bytes of a large array."""


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


def gigabyte_for_eight(executor: Executor) -> float:
    """Return the seconds of eight calls that get the same GiB."""
    x = np.ones(1 << 27)
    started = time.perf_counter()
    assert sum(future.result() for future in [executor.submit(length, x) for _ in range(8)]) == 8 * x.size
    return time.perf_counter() - started


def stepping(comm: Any, steps: int) -> float:
    """Return the seconds of one barrier of some, of the ranks of `comm`."""
    comm.barrier()
    started = time.perf_counter()
    for _ in range(steps):
        comm.barrier()
    return (time.perf_counter() - started) / steps


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


def fastest(executor: Any, case: Case, runs: int, calls: int | None = None) -> float:
    """Return the seconds of one call in the fastest of some runs, the first of which does not count."""
    taken = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        case.run(executor, calls or case.calls)
        taken.append((time.perf_counter() - started) / (calls or case.calls))
    return min(taken[1:])
