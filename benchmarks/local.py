"""The local front against the other ways to run a Python function on groups on one machine.

``python -m benchmarks.local`` runs three shapes of data, every way on each, warm and with two workers; checks that all
ways give the same numbers; prints a table and writes docs/benchmarks/local.md and local.png. `numpy_map` runs in turn
with its yardstick, each other way in a process of its own. What grouping takes by itself, and the counts of
instructions, are measured by `benchmarks.grouping` and `benchmarks.instructions`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import itertools
import json
import multiprocessing
import platform
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

import beringia
from benchmarks import apart, grouping, instructions
from benchmarks.report import DIRECTORY
from benchmarks.workload import CORES, in_turn, slope

TARGET = 1.15
"""The most that `numpy_map` may take, over the NumPy loop spread over the cores plus the grouping."""

MODULE = "benchmarks.local"
LOOP, GROUPING, OURS = "loop", "grouping", "beringia"
OTHERS = ("multiprocessing", "joblib", "polars", "dask", "pandas")
RUNS, RUNS_OF_OTHERS = 9, 3
LONG = 30  # seconds after which a run is not repeated

KEPT = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
"""An environment where glibc keeps freed memory, as workers have it kept (docs/decisions/0018)."""


def pitch(x: NDArray[np.float64]) -> float:
    """Return the strongest frequency in `x` of shape ``(n,)``, in cycles per sample."""
    spectrum = np.abs(np.fft.rfft(x - x.mean()))
    return float(np.argmax(spectrum)) / x.size


@dataclass
class Shape:
    """Columns, and how the rows make groups.

    Attributes
    ----------
    function : callable
        Takes one array per column.
    columns : dict of str to ndarray
        By parameter; of shape ``(rows,)``, or ``(rows, p)`` where a group is one row of long arrays.
    key : ndarray, optional
        The group of each row; none where a group is a row.
    """

    function: Callable[..., float]
    columns: dict[str, NDArray[np.float64]]
    key: NDArray[np.int64] | None


def small() -> Shape:
    """Make many small groups in no order."""
    rng = np.random.default_rng(1)
    key = rng.permutation(np.repeat(np.arange(100_000), 20))
    x = rng.normal(size=key.size)
    return Shape(slope, {"x": x, "y": x + rng.normal(size=x.size)}, key)


def long() -> Shape:
    """Make long series, one after the other."""
    key = np.repeat(np.arange(100), 1_000_000)
    return Shape(pitch, {"x": np.random.default_rng(1).normal(size=key.size)}, key)


def rows() -> Shape:
    """Make rows of long arrays."""
    return Shape(pitch, {"x": np.random.default_rng(1).normal(size=(1_000, 100_000))}, None)


SHAPES = {
    "100,000 groups x 20 rows, shuffled": small,
    "100 groups x 1,000,000 rows, in order": long,
    "1,000 rows of arrays of 100,000": rows,
}


def grouped(shape: Shape) -> list[tuple[NDArray[np.float64], ...]]:
    """Return the arguments of each call, grouped by NumPy: a sort if need be, then the places where the key changes."""
    if shape.key is None:
        return list(zip(*shape.columns.values(), strict=True))
    key, columns = shape.key, list(shape.columns.values())
    changes = np.flatnonzero(key[1:] != key[:-1]) + 1
    if (key[changes] < key[changes - 1]).any():
        order = np.argsort(key, kind="stable")
        key, columns = key[order], [column[order] for column in columns]
        changes = np.flatnonzero(key[1:] != key[:-1]) + 1
    bounds = [0, *changes.tolist(), key.size]
    return [tuple(column[start:end] for column in columns) for start, end in itertools.pairwise(bounds)]


class Ways:
    """Each method gives the results in the order of the groups.

    What a way starts from is made when the results are checked, so that no run is charged with it; so are its
    processes, which are spawned: forked ones would share the data for nothing.
    """

    def __init__(self, shape: Shape):
        self.shape = shape
        self.names = list(shape.columns)
        self.calls = grouped(shape)

    @property
    def rowwise(self) -> bool:
        """Whether a group is a row."""
        return self.shape.key is None

    @functools.cached_property
    def key(self) -> NDArray[np.int64]:
        """The group of each row, for the ways that must have one."""
        return np.arange(len(self.calls)) if self.shape.key is None else self.shape.key

    @functools.cached_property
    def table(self) -> Any:
        """The data as Arrow has them."""
        return self.shape.columns if self.rowwise else pa.table({"g": self.key, **self.shape.columns})

    @functools.cached_property
    def frame(self) -> pd.DataFrame:
        """The data as pandas has them."""
        columns = {name: list(values) if self.rowwise else values for name, values in self.shape.columns.items()}
        return pd.DataFrame({"g": self.key, **columns}, copy=False)

    @functools.cached_property
    def polars_frame(self) -> Any:
        """The data as polars has them."""
        import polars as pl

        return pl.DataFrame({"g": self.key, **self.shape.columns})

    @functools.cached_property
    def processes(self) -> Any:
        """A pool of ``multiprocessing``."""
        return multiprocessing.get_context("spawn").Pool(CORES)

    @functools.cached_property
    def executor(self) -> Executor:
        """A pool of ``concurrent.futures``."""
        return ProcessPoolExecutor(CORES, multiprocessing.get_context("spawn"))

    def grouping(self) -> None:
        """Time what grouping takes by itself."""
        grouped(self.shape)

    def loop(self) -> NDArray[np.float64]:
        """Call the function on groups made beforehand."""
        return np.array([self.shape.function(*call) for call in self.calls])

    def beringia(self) -> NDArray[np.float64]:
        """Run ``numpy_map``."""
        returns = pa.schema([("value", pa.float64())])
        by, per = (None, "row") if self.rowwise else ("g", None)
        found = beringia.numpy_map(self.shape.function, self.table, returns, by=by, per=per, workers=CORES)
        return np.asarray(found["value"])

    def pandas(self) -> NDArray[np.float64]:
        """Run ``groupby.apply``."""
        groups = self.frame.groupby("g")[self.names]
        return np.asarray(groups.apply(_on_frame, self.shape.function, self.names, self.rowwise))

    def polars(self) -> NDArray[np.float64]:
        """Run ``group_by.map_groups``."""
        import polars as pl

        rowwise, function, names = self.rowwise, self.shape.function, self.names

        def on_group(group: pl.DataFrame) -> pl.DataFrame:
            arrays = [group[name].to_numpy() for name in names]
            value = function(*(array[0] if rowwise else array for array in arrays))
            return pl.DataFrame({"g": group["g"][:1], "value": [value]})

        found = self.polars_frame.group_by("g").map_groups(on_group)
        return np.asarray(found.sort("g")["value"])

    def joblib(self) -> NDArray[np.float64]:
        """Group by NumPy, then ``Parallel``."""
        import joblib

        call = joblib.delayed(self.shape.function)
        return np.array(joblib.Parallel(n_jobs=CORES)(call(*arguments) for arguments in grouped(self.shape)))

    def multiprocessing(self) -> NDArray[np.float64]:
        """Group by NumPy, then ``Pool.starmap``."""
        return np.array(self.processes.starmap(self.shape.function, grouped(self.shape)))

    def dask(self) -> NDArray[np.float64]:
        """Run ``groupby.apply`` of ``dask.dataframe`` in processes."""
        import dask
        import dask.dataframe as dd

        dask.config.set({"dataframe.convert-string": False})
        from_pandas: Any = dd.from_pandas  # without types
        frame = from_pandas(self.frame, npartitions=2 * CORES, sort=False)
        work = frame.groupby("g").apply(
            _on_frame,
            self.shape.function,
            self.names,
            self.rowwise,
            meta=("value", "f8"),
            include_groups=False,
        )
        found = work.compute(scheduler="processes", pool=self.executor)
        return np.asarray(found.sort_index())


def _on_frame(group: pd.DataFrame, function: Callable[..., float], names: list[str], rowwise: bool) -> float:
    return function(*(group[name].iloc[0] if rowwise else group[name].to_numpy() for name in names))


def measure(shape: str, way: str) -> dict[str, list[float]]:
    """Return the seconds of the runs of a way; of our own, those of the yardstick beside it."""
    ways = Ways(SHAPES[shape]())
    works: dict[str, Callable[[], Any]] = {way: getattr(ways, way)}
    if way == OURS:
        works = {LOOP: ways.loop, GROUPING: ways.grouping} | works
    expected = ways.loop()
    start = time.perf_counter()
    np.testing.assert_allclose(works[way](), expected, rtol=1e-9, err_msg=way)  # or the comparison means nothing
    once = time.perf_counter() - start > LONG
    return in_turn(works, warmups=0, runs=RUNS if way in (LOOP, OURS) else 1 if once else RUNS_OF_OTHERS)


def _median(seconds: Iterable[float]) -> float:
    return float(np.median(list(seconds)))


class Measured:
    """The seconds of every way on one shape."""

    def __init__(self, shape: str):
        self.title = shape
        found = apart.measured(MODULE, shape, OURS)
        self.yardstick = list(zip(found[LOOP], found[GROUPING], strict=True))
        self.ours = found[OURS]
        self.kept = _median(apart.measured(MODULE, shape, LOOP, environment=KEPT)[LOOP])
        others = {way: apart.measured(MODULE, shape, way) for way in OTHERS}
        self.medians = {way: _median(times[way]) for way, times in others.items() if times}
        self.medians[OURS] = _median(self.ours)

    def ratio(self) -> float:
        """Return what `numpy_map` takes over the loop spread over the cores plus the grouping: the median of runs."""
        runs = zip(self.ours, self.yardstick, strict=True)
        return _median(ours / (loop / CORES + grouping) for ours, (loop, grouping) in runs)

    @property
    def loop(self) -> float:
        """The median of the loop, over the cores."""
        return _median(loop for loop, _ in self.yardstick) / CORES

    @property
    def grouping(self) -> float:
        """The median of the grouping."""
        return _median(grouping for _, grouping in self.yardstick)


def table(measured: list[Measured]) -> str:
    """Return the figures as a Markdown table."""
    lines = [["", *(m.title for m in measured)], ["---", *("---:" for _ in measured)]]
    lines.append([f"NumPy loop ÷ {CORES}, s", *(f"{m.loop:.2f}" for m in measured)])
    lines.append(["grouping by NumPy, s", *(f"{m.grouping:.2f}" for m in measured)])
    lines.append(["**`beringia.numpy_map`**, s", *(f"**{m.medians[OURS]:.2f}**" for m in measured)])
    lines.append([f"**over the two above** (target ≤ {TARGET})", *(f"**{m.ratio():.2f}**" for m in measured)])
    for way in OTHERS:
        lines.append([f"{way}, s", *(_compared(m, way) for m in measured)])
    lines.append([f"NumPy loop ÷ {CORES} that keeps its heap, s", *(f"{m.kept / CORES:.2f}" for m in measured)])
    kept = (f"{m.medians[OURS] / (m.kept / CORES + m.grouping):.2f}" for m in measured)
    lines.append(["`numpy_map` over that and the grouping", *kept])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _compared(measured: Measured, way: str) -> str:
    if way not in measured.medians:
        return "did not finish"
    return f"{measured.medians[way]:.2f} ({measured.medians[way] / measured.medians[OURS]:.1f}x)"


def page(measured: list[Measured], groups: grouping.Measured, counts: str) -> str:
    """Return the text of docs/benchmarks/local.md."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("polars", "duckdb", "pandas", "joblib", "dask", "numpy")
    )
    return f"""# Benchmarks without Spark

Written by `make bench`. `beringia.numpy_map` with {CORES} workers against the other ways to run a Python function on
groups on one machine, all warm; medians. Python {platform.python_version()}, {versions},
{platform.system()} on {platform.machine()}. Ratios travel between machines, seconds do not.

{table(measured)}

In brackets: how many times longer than `numpy_map`.

![Times of all ways](local.png)

The function is a least-squares slope for the small groups, the strongest frequency (a Fourier transform) for the long
ones. Each way runs in a process of its own; one whose first run takes more than {LONG} s runs once more only.

The yardstick is the plain loop over arrays that lie in groups already, in one process, its time divided by the {CORES}
cores, plus what NumPy takes to find and sort the groups; it runs in turn with `numpy_map`. It can be beaten: groups are
hashed where NumPy sorts rows, and workers keep freed memory, where a plain process has the kernel map and clear the
temporaries of each call anew. The last two lines are the loop in a process that is told to keep them (by glibc's
`MALLOC_*_THRESHOLD_`). Half of its time is more than {CORES} cores can do on the long arrays: they share the way to the
memory, so that two such loops beside each other, with nothing to copy, take longer.

joblib and multiprocessing get groups made by NumPy; polars and pandas run the function in one process, whatever the
cores; Dask moves rows between its processes by a shuffle.

{groups.text()}
{counts}"""


def draw(measured: list[Measured]) -> None:
    """Draw a bar for each way and shape."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(measured), figsize=(12, 3.4), layout="constrained")
    for m, axis in zip(measured, axes, strict=True):
        names = [way for way in (*reversed(OTHERS), OURS) if way in m.medians]
        times = [m.medians[way] for way in names]
        bars = axis.barh(names, times, color=["#d1495b" if way == OURS else "#9aa7b1" for way in names], height=0.62)
        axis.bar_label(bars, [f"{t:.2f} s" for t in times], padding=4, fontsize=9, bbox={"color": "white", "pad": 1})
        floor = m.loop + m.grouping
        axis.axvline(floor, color="#00798c", linewidth=1.2, linestyle="--")
        axis.set(xscale="log", xlim=(min(floor, *times) / 2.5, max(times) * 4), xlabel="seconds (logarithmic)")
        axis.set_title(m.title, loc="left", fontsize=10.5)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
    figure.suptitle(
        f"dashed: the NumPy loop ÷ {CORES} cores, plus the grouping", x=0.99, ha="right", fontsize=9.5, color="#00798c"
    )
    figure.savefig(DIRECTORY / "local.png", dpi=130)
    plt.close(figure)


def missed(measured: list[Measured]) -> list[str]:
    """Return which targets were missed."""
    found = [f"{m.title}: {m.ratio():.2f} times the loop and the grouping" for m in measured if m.ratio() > TARGET]
    for m in measured:
        found += [f"{m.title}: {way} is faster" for way in OTHERS if m.medians.get(way, np.inf) < m.medians[OURS]]
    return found


def main() -> None:
    """Measure, print, write; fail if a target was missed."""
    measured = [Measured(shape) for shape in SHAPES]
    print(table(measured))
    groups = grouping.measured()
    print(groups.text())
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    (DIRECTORY / "local.md").write_text(page(measured, groups, instructions.text()), encoding="utf-8")
    draw(measured)
    if found := missed(measured) + groups.missed():
        sys.exit("\n".join(["a target was missed", *found]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2], sys.argv[3])))
    else:
        main()
