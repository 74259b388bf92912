"""Grouping at scale, against what else groups a table of this machine and hands each group to a Python function.

``python -m benchmarks.grouping [rows ÷]`` prints the tables that `benchmarks.local` puts into its page; with a number,
of data so many times smaller. The function does next to nothing: what is left is the grouping, and the call. All ways
run in turn in one process, so that a ratio is one of the same minutes; which of them sort their groups is in the page.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import beringia
from benchmarks import apart
from benchmarks.workload import CORES, in_turn

MODULE = "benchmarks.grouping"
OURS = "beringia"
PEERS = ("polars", "duckdb", "pandas")
RUNS = 5
LONG = 3.0
"""Seconds of a first run after which a way is not run again."""
LINEAR = 1.5
"""The most that a group of 10⁷ may cost, over one of 10⁵."""
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
ROWS = 5
"""Rows of a small group."""


def first(*columns: NDArray[np.float64]) -> float:
    """Return the sum of the first values of `columns`, each of shape ``(n,)``."""
    return float(sum(column[0] for column in columns))


@dataclass
class Shape:
    """A table, and what makes groups of it.

    Attributes
    ----------
    table : pyarrow.Table
        Keys and columns.
    by : sequence of str
        The keys.
    columns : sequence of str
        The arguments of the function.
    """

    table: pa.Table
    by: Sequence[str]
    columns: Sequence[str] = ("x",)


def _table(keys: Mapping[str, Any], columns: Sequence[str] = ("x",)) -> Shape:
    rng, rows = np.random.default_rng(2), len(next(iter(keys.values())))
    values = {name: rng.normal(size=rows) for name in columns}
    return Shape(pa.table({**keys, **values}), list(keys), columns)


def _small(groups: int) -> NDArray[np.int64]:
    return np.random.default_rng(1).permutation(np.repeat(np.arange(groups), ROWS))


def few(scale: float) -> Shape:
    """Make few large groups in no order."""
    return _table({"g": np.random.default_rng(1).integers(0, 50, int(20_000_000 * scale))}, ("x", "y"))


def many(scale: float) -> Shape:
    """Make many small groups in no order."""
    return _table({"g": _small(int(400_000 * scale))})


def sorted_(scale: float) -> Shape:
    """Make many small groups in order."""
    return _table({"g": np.sort(_small(int(400_000 * scale)))})


def skewed(scale: float) -> Shape:
    """Make many small groups and one that has half of the rows."""
    key = _small(int(400_000 * scale))
    return _table({"g": np.where(np.random.default_rng(3).random(key.size) < 0.5, -1, key)})


def texts(scale: float) -> Shape:
    """Make many small groups whose keys are texts."""
    names = np.array([f"patient-{number:09d}" for number in range(int(400_000 * scale))])
    return _table({"g": pa.array(names[_small(names.size)])})


def three(scale: float) -> Shape:
    """Make many small groups of three keys."""
    key = _small(int(400_000 * scale))
    sites = np.array([f"site {number}" for number in range(40)])
    day = np.datetime64("2026-01-01") + (key // 40) % 1000
    return _table({"site": pa.array(sites[key % 40]), "day": day, "visit": key // 40_000})


SHAPES: dict[str, Callable[[float], Shape]] = {
    "50 x 400,000, shuffled": few,
    "400,000 x 5, shuffled": many,
    "the same, sorted": sorted_,
    "the same, half of the rows in one": skewed,
    "the same, keys of text": texts,
    "the same, three keys": three,
}


class Ways:
    """Each method returns the results, in an order of its own."""

    def __init__(self, shape: Shape):
        self.shape = shape

    @functools.cached_property
    def frames(self) -> tuple[Any, Any]:
        """The data as polars and as pandas have them."""
        import polars as pl

        return pl.from_arrow(self.shape.table), self.shape.table.to_pandas()

    def beringia(self) -> NDArray[np.float64]:
        """Run ``numpy_map``."""
        found = beringia.numpy_map(
            first,
            self.shape.table,
            pa.schema([("value", pa.float64())]),
            by=self.shape.by,
            args=list(self.shape.columns),
            workers=CORES,
        )
        return np.asarray(found["value"])

    def polars(self) -> NDArray[np.float64]:
        """Run ``group_by().agg(map_groups)``."""
        import polars as pl

        called = pl.map_groups(
            exprs=list(self.shape.columns),
            function=lambda columns: first(*(column.to_numpy() for column in columns)),
            return_dtype=pl.Float64,
            returns_scalar=True,
        )
        return np.asarray(self.frames[0].group_by(self.shape.by).agg(value=called)["value"])

    def duckdb(self) -> NDArray[np.float64]:
        """Aggregate lists, then call the function in a loop."""
        import duckdb

        data = self.shape.table  # DuckDB finds it by its name
        lists = ", ".join(f"list({name}) AS {name}" for name in self.shape.columns)
        with duckdb.connect(config={"threads": CORES}) as connection:
            found = connection.sql(f"SELECT {lists} FROM data GROUP BY {', '.join(self.shape.by)}").to_arrow_table()
        assert len(data)
        columns = [found[name].combine_chunks() for name in self.shape.columns]
        bounds = np.asarray(columns[0].offsets)
        values = [np.asarray(column.values) for column in columns]
        pairs = zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        return np.array([first(*(value[start:end] for value in values)) for start, end in pairs])

    def pandas(self) -> NDArray[np.float64]:
        """Call the function in a loop over ``groupby``."""
        names = list(self.shape.columns)
        groups = self.frames[1].groupby(self.shape.by, sort=False)[names]
        return np.array([first(*(group[name].to_numpy() for name in names)) for _, group in groups])


def compare(name: str, scale: float) -> dict[str, list[float]]:
    """Return the seconds of the runs of all ways on one shape."""
    ways = Ways(SHAPES[name](scale))
    works: dict[str, Callable[[], Any]] = {way: getattr(ways, way) for way in (OURS, *PEERS)}
    expected, slow = np.sort(ways.beringia()), {}
    assert ways.frames  # made here: no run is charged with it
    for way in PEERS:
        started = time.perf_counter()
        found = works[way]()
        if (once := time.perf_counter() - started) > LONG:
            slow[way] = [once]
            del works[way]
        # DuckDB's lists are in any order where threads make them: the first value is then another.
        same = found.size == expected.size if way == "duckdb" else np.allclose(np.sort(found), expected)
        assert same, f"{way} gives other numbers"
    return in_turn(works, warmups=1, runs=RUNS) | slow


def alone(groups: int) -> dict[str, list[float]]:
    """Return the seconds of our runs on groups of :data:`ROWS` rows."""
    ways = Ways(_table({"g": _small(groups)}))
    return in_turn({OURS: ways.beringia}, warmups=1, runs=3)


@dataclass
class Measured:
    """The least seconds of every way on every shape, and ours by the number of groups."""

    seconds: dict[str, dict[str, float]]
    by_groups: dict[int, float]

    @property
    def linear(self) -> float:
        """What a group costs where there are most, over one of 10⁵."""
        most = max(self.by_groups)
        return (self.by_groups[most] / most) / (self.by_groups[SIZES[1]] / SIZES[1])

    def missed(self) -> list[str]:
        """Return which targets were missed."""
        found = [
            f"{shape}: {way} is faster"
            for shape, seconds in self.seconds.items()
            for way in PEERS
            if seconds.get(way, np.inf) < seconds[OURS]
        ]
        return found + ([f"a group of 10⁷ costs {self.linear:.2f} of 10⁵"] if self.linear > LINEAR else [])

    def text(self) -> str:
        """Return the part of the page."""
        lines = [["", *(f"{way}, s" for way in (OURS, *PEERS))], ["---", *("---:" for _ in (OURS, *PEERS))]]
        for shape, seconds in self.seconds.items():
            others = (
                f"{seconds[way]:.2f} ({seconds[way] / seconds[OURS]:.1f}x)" if way in seconds else "did not finish"
                for way in PEERS
            )
            lines.append([shape, f"**{seconds[OURS]:.2f}**", *others])
        sizes = [["groups", *(f"{groups:,}" for groups in self.by_groups)], ["---", *("---:" for _ in self.by_groups)]]
        sizes.append(["µs a group", *(f"{1e6 * s / groups:.2f}" for groups, s in self.by_groups.items())])
        return f"""## Grouping

The function adds the first values of its arguments: what is left is to find the groups, gather them and call it. Least
seconds of {RUNS} runs in turn in one process (of one, where that takes more than {LONG:.0f} s), {CORES} workers or
threads; polars by `map_groups` in `agg`, DuckDB by `list` and a loop in Python, pandas by a loop over `groupby`. Only
ours sorts the groups by their keys.

{_rows(lines)}

Shuffled groups of {ROWS} rows by their number; the last over the second is {self.linear:.2f} (target ≤ {LINEAR}):

{_rows(sizes)}
"""


def _rows(lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measured(scale: float = 1.0) -> Measured:
    """Measure everything, each shape in a process of its own."""
    found = {shape: apart.measured(MODULE, shape, str(scale)) for shape in SHAPES}
    seconds = {shape: {way: min(times) for way, times in ways.items()} for shape, ways in found.items() if ways}
    sizes = {groups: apart.measured(MODULE, "", str(int(groups * scale))) for groups in SIZES}
    return Measured(seconds, {groups: min(times[OURS]) / scale for groups, times in sizes.items() if times})


def main() -> None:
    """Measure and print; fail if a target was missed."""
    found = measured(1 / float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
    print(found.text())
    if missed := found.missed():
        sys.exit("\n".join(["a target was missed", *missed]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        name, size = sys.argv[2], sys.argv[3]
        print(json.dumps(compare(name, float(size)) if name else alone(int(size))))
    else:
        main()
