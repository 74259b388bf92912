"""The local front against the other ways to run a Python function on groups on one machine.

``python -m benchmarks.local`` runs three shapes of data, every way on each, in turn and warm, in one process with two
workers; checks that all ways give the same numbers; prints a table and writes docs/benchmarks/local.md and local.png.
"""

from __future__ import annotations

import functools
import importlib.metadata
import itertools
import multiprocessing
import platform
import resource
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

import beringia
from benchmarks.report import DIRECTORY
from benchmarks.workload import CORES, in_turn, slope

TARGET = 1.15
"""The most that `numpy_map` may take, over the NumPy loop spread over the cores plus the grouping."""

YARDSTICK = "NumPy loop"
OURS = "beringia"


def pitch(x: NDArray[np.float64]) -> float:
    """Return the strongest frequency in `x` of shape ``(n,)``, in cycles per sample."""
    spectrum = np.abs(np.fft.rfft(x - x.mean()))
    return float(np.argmax(spectrum)) / x.size


@dataclass
class Shape:
    """Columns, and how the rows make groups.

    Attributes
    ----------
    title : str
        What the data look like.
    function : callable
        Takes one array per column.
    columns : dict of str to ndarray
        By parameter; of shape ``(rows,)``, or ``(rows, p)`` where a group is one row of long arrays.
    key : ndarray, optional
        The group of each row; none where a group is a row.
    runs : int
        How often each way is measured.
    """

    title: str
    function: Callable[..., float]
    columns: dict[str, NDArray[np.float64]]
    key: NDArray[np.int64] | None
    runs: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def frame(self) -> pd.DataFrame:
        """Return the data as pandas has them."""
        if self.key is None:
            rows = {name: list(values) for name, values in self.columns.items()}
            return pd.DataFrame({"g": np.arange(len(next(iter(rows.values())))), **rows})
        return pd.DataFrame({"g": self.key, **self.columns}, copy=False)


def shapes() -> list[Shape]:
    """Make the data: many small groups in no order, long series one after the other, rows of long arrays."""
    rng = np.random.default_rng(1)
    small = rng.permutation(np.repeat(np.arange(100_000), 20))
    x = rng.normal(size=small.size)
    long = np.repeat(np.arange(100), 1_000_000)
    series = rng.normal(size=long.size)
    return [
        Shape("100,000 groups x 20 rows, shuffled", slope, {"x": x, "y": x + rng.normal(size=x.size)}, small, 5),
        Shape("100 groups x 1,000,000 rows, in order", pitch, {"x": series}, long, 3),
        Shape("1,000 rows of arrays of 100,000", pitch, {"x": series.reshape(1000, -1)}, None, 3),
    ]


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
    """Each method gives the results in the order of the groups."""

    def __init__(self, shape: Shape, processes: Any, executor: Executor):
        self.shape = shape
        self.processes = processes
        self.executor = executor
        self.names = list(shape.columns)
        self.frame = shape.frame()
        self.table = pa.table({"g": shape.key, **shape.columns}) if shape.key is not None else shape.columns
        self.calls = grouped(shape)

    def grouping(self) -> None:
        """Time what grouping takes by itself."""
        grouped(self.shape)

    def loop(self) -> NDArray[np.float64]:
        """Call the function on groups made beforehand."""
        return np.array([self.shape.function(*call) for call in self.calls])

    def beringia(self) -> NDArray[np.float64]:
        """Run ``numpy_map``."""
        returns = pa.schema([("value", pa.float64())])
        by, per = (None, "row") if self.shape.key is None else ("g", None)
        found = beringia.numpy_map(self.shape.function, self.table, returns, by=by, per=per, workers=CORES)
        return np.asarray(found["value"])

    def pandas(self) -> NDArray[np.float64]:
        """Run ``groupby.apply``."""
        groups = self.frame.groupby("g")[self.names]
        return np.asarray(groups.apply(_on_frame, self.shape.function, self.names, self.shape.key is None))

    @functools.cached_property
    def polars_frame(self) -> Any:
        """The data as polars has them: made when the results are checked, so that no run is charged with it."""
        import polars as pl

        rows = len(next(iter(self.shape.columns.values())))
        key = np.arange(rows) if self.shape.key is None else self.shape.key
        return pl.DataFrame({"g": key, **self.shape.columns})

    def polars(self) -> NDArray[np.float64]:
        """Run ``group_by.map_groups``."""
        import polars as pl

        rowwise, function, names = self.shape.key is None, self.shape.function, self.names

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
            self.shape.key is None,
            meta=("value", "f8"),
            include_groups=False,
        )
        found = work.compute(scheduler="processes", pool=self.executor)
        return np.asarray(found.sort_index())


def _on_frame(group: pd.DataFrame, function: Callable[..., float], names: list[str], rowwise: bool) -> float:
    return function(*(group[name].iloc[0] if rowwise else group[name].to_numpy() for name in names))


def measure(shape: Shape) -> None:
    """Fill in the seconds of every way."""
    # Kept from run to run, as the workers of all others are. Forked ones would share the data for nothing.
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(CORES) as processes, ProcessPoolExecutor(CORES, spawn) as executor:
        ways = Ways(shape, processes, executor)
        works: dict[str, Callable[[], Any]] = {
            YARDSTICK: ways.loop,
            "grouping": ways.grouping,
            OURS: ways.beringia,
            "multiprocessing": ways.multiprocessing,
            "joblib": ways.joblib,
            "polars": ways.polars,
            "dask": ways.dask,
            "pandas": ways.pandas,
        }
        expected = ways.loop()
        for name, work in works.items():
            if name != "grouping":  # The same numbers, or the comparison means nothing.
                np.testing.assert_allclose(work(), expected, rtol=1e-9, err_msg=name)
        shape.seconds = in_turn(works, warmups=0, runs=shape.runs)


def median(shape: Shape, name: str) -> float:
    """Return the median seconds of a way."""
    return statistics.median(shape.seconds[name])


def ratio(shape: Shape) -> float:
    """Return what `numpy_map` takes over the loop spread over the cores plus the grouping: the median of the runs."""
    runs = zip(shape.seconds[OURS], shape.seconds[YARDSTICK], shape.seconds["grouping"], strict=True)
    return statistics.median(ours / (loop / CORES + grouping) for ours, loop, grouping in runs)


OTHERS = ("multiprocessing", "joblib", "polars", "dask", "pandas")


def table(measured: list[Shape]) -> str:
    """Return the figures as a Markdown table."""
    rows = [["", *(shape.title for shape in measured)], ["---", *("---:" for _ in measured)]]
    rows.append([f"NumPy loop ÷ {CORES}, s", *(f"{median(s, YARDSTICK) / CORES:.2f}" for s in measured)])
    rows.append(["grouping by NumPy, s", *(f"{median(s, 'grouping'):.2f}" for s in measured)])
    rows.append(["**`beringia.numpy_map`**, s", *(f"**{median(s, OURS):.2f}**" for s in measured)])
    rows.append([f"**over the two above** (target ≤ {TARGET})", *(f"**{ratio(s):.2f}**" for s in measured)])
    for name in OTHERS:
        times = [f"{median(s, name):.2f} ({median(s, name) / median(s, OURS):.1f}x)" for s in measured]
        rows.append([f"{name}, s", *times])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def page(measured: list[Shape]) -> str:
    """Return the text of docs/benchmarks/local.md."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("polars", "pandas", "joblib", "dask", "numpy")
    )
    return f"""# Benchmarks without Spark

Written by `make bench`. `beringia.numpy_map` with {CORES} workers against the other ways to run a Python function on
groups on one machine, all warm, in turn; medians. Python {platform.python_version()}, {versions},
{platform.system()} on {platform.machine()}. Ratios travel between machines, seconds do not.

{table(measured)}

In brackets: how many times longer than `numpy_map`.

![Times of all ways](local.png)

The function is a least-squares slope for the small groups, the strongest frequency (a Fourier transform) for the long
ones. The yardstick is the plain loop over arrays that lie in groups already, in one process, its time divided by the
{CORES} cores, plus what NumPy takes to find and sort the groups. It can be beaten: groups are hashed where NumPy sorts
rows. joblib and multiprocessing get groups made by NumPy; polars and pandas run the function in one process, whatever
the cores.
"""


def draw(measured: list[Shape]) -> None:
    """Draw a bar for each way and shape."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(measured), figsize=(12, 3.4), layout="constrained")
    for shape, axis in zip(measured, axes, strict=True):
        names = [*reversed(OTHERS), OURS]
        times = [median(shape, name) for name in names]
        bars = axis.barh(names, times, color=["#9aa7b1"] * len(OTHERS) + ["#d1495b"], height=0.62)
        axis.bar_label(bars, [f"{t:.2f} s" for t in times], padding=4, fontsize=9)
        floor = median(shape, YARDSTICK) / CORES + median(shape, "grouping")
        axis.axvline(floor, color="#00798c", linewidth=1.2, linestyle="--")
        axis.set(xscale="log", xlim=(min(floor, *times) / 2.5, max(times) * 4), xlabel="seconds (logarithmic)")
        axis.set_title(shape.title, loc="left", fontsize=10.5)
        axis.spines[["top", "right", "left"]].set_visible(False)
        axis.tick_params(axis="y", length=0)
    figure.suptitle(
        f"dashed: the NumPy loop ÷ {CORES} cores, plus the grouping", x=0.99, ha="right", fontsize=9.5, color="#00798c"
    )
    figure.savefig(DIRECTORY / "local.png", dpi=130)
    plt.close(figure)


def missed(measured: list[Shape]) -> list[str]:
    """Return which targets were missed."""
    found = [f"{s.title}: {ratio(s):.2f} times the loop and the grouping" for s in measured if ratio(s) > TARGET]
    for shape in measured:
        found += [f"{shape.title}: {name} is faster" for name in OTHERS if median(shape, name) < median(shape, OURS)]
    return found


def main() -> None:
    """Measure, print, write; fail if a target was missed."""
    measured = shapes()
    for shape in measured:
        print(shape.title, flush=True)
        measure(shape)
    print(table(measured))
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    (DIRECTORY / "local.md").write_text(page(measured), encoding="utf-8")
    draw(measured)
    if found := missed(measured):
        sys.exit("\n".join(["a target was missed", *found]))


if __name__ == "__main__":
    main()
