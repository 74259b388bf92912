"""Measure windows that overlap, against rows that are exploded by window and grouped.

``python -m benchmarks.windows`` writes docs/benchmarks/windows.md and its picture. A row lies in four windows, and the
function is one product. Both ways of a front run in one process, in turn, by `numpy_map` both; the fastest run counts.
"""

from __future__ import annotations

import json
import platform
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import apart, bars, workload

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "windows.md"
RUNS = 5
TIMES = 2.0
"""How much faster windows are to be."""
SIZE, STEP = 400, 100
VARIANTS, SAMPLES = 80_000, 500
ROWS, COLUMNS = 4_000_000, 2
FRONTS = {
    "hail": f"Hail, {VARIANTS:,} variants and {SAMPLES} samples, {SIZE} variants a window",
    "spark": f"Spark, {ROWS:,} rows, {SIZE} rows a window",
    "local": f"this machine, {ROWS:,} rows, {SIZE} rows a window",
}


def product(x: Any, y: Any) -> float:
    """One product of a window's rows."""
    return float((y @ x).sum())


def on_hail() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return our way, and the explosion."""
    import beringia.hail as bh
    import hail as hl

    conf = bh.conf(**{"spark.driver.memory": "6g", "spark.ui.showConsoleProgress": "false"})
    hl.init(spark_conf=conf, master="local[2]", quiet=True, log="/tmp/beringia-bench-hail.log")
    path = "/tmp/beringia-bench-window.mt"
    if not Path(path, "_SUCCESS").exists():
        mt = hl.utils.range_matrix_table(VARIANTS, SAMPLES, n_partitions=8)
        mt = mt.key_rows_by(locus=hl.locus("1", mt.row_idx + 1, "GRCh37"))
        mt.select_entries(d=hl.float64((mt.row_idx * 7 + mt.col_idx * 13) % 3)).write(path, overwrite=True)
    mt = hl.read_matrix_table(path)
    mt = mt.annotate_rows(y=hl.float64(mt.row_idx % 5))
    fields = hl.tstruct(total=hl.tfloat64)

    def windows() -> Any:
        key = bh.window(mt.locus, size=SIZE, step=STEP)
        return bh.numpy_map(product, key, fields, args={"x": mt.d, "y": mt.y})._force_count()

    def exploded() -> Any:
        last = mt.locus.position // STEP
        rows = mt.annotate_rows(w=hl.range(hl.max(0, last - SIZE // STEP + 1), last + 1)).explode_rows("w")
        return bh.numpy_map(product, rows.w, fields, args={"x": rows.d, "y": rows.y})._force_count()

    return windows, exploded


def on_spark() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return our way, and the explosion."""
    from pyspark.sql import functions as F

    import beringia
    from beringia.spark import numpy_map

    spark = workload.session()
    ids = spark.range(0, ROWS, 1, 8)
    # Not in the order of the position, in any partition.
    frame = ids.select(((F.col("id") * 7919) % ROWS).alias("t"), F.rand(1).alias("x"), F.rand(2).alias("y"))
    frame = frame.cache()
    frame.count()

    def windows() -> Any:
        by = beringia.window("t", size=SIZE, step=STEP)
        return workload.into_nothing(numpy_map(product, frame, "total double", by=by))

    def exploded() -> Any:
        last = F.floor(F.col("t") / STEP)
        rows = frame.select("x", "y", F.explode(F.sequence(last - (SIZE // STEP - 1), last)).alias("w"))
        return workload.into_nothing(numpy_map(product, rows.groupBy("w"), "total double"))

    return windows, exploded


def on_this_machine() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return our way, and the explosion."""
    import pyarrow as pa

    import beringia

    rng = np.random.default_rng(1)
    table = pa.table({"t": rng.permutation(ROWS), "x": rng.normal(size=ROWS), "y": rng.normal(size=ROWS)})
    fields = pa.schema({"total": pa.float64()})

    def windows() -> Any:
        return beringia.numpy_map(
            product, table, fields, by=beringia.window("t", size=SIZE, step=STEP), workers=2
        ).num_rows

    def exploded() -> Any:
        overlap = SIZE // STEP
        rows = table.take(pa.array(np.repeat(np.arange(ROWS), overlap)))
        w = rows["t"].to_numpy() // STEP - np.tile(np.arange(overlap), ROWS)
        return beringia.numpy_map(product, rows.append_column("w", pa.array(w)), fields, by="w", workers=2).num_rows

    return windows, exploded


def measure(front: str) -> dict[str, float]:
    """Return the seconds of both ways."""
    warnings.filterwarnings("ignore")
    windows, exploded = {"hail": on_hail, "spark": on_spark, "local": on_this_machine}[front]()
    taken = workload.in_turn({"windows": windows, "exploded": exploded}, warmups=1, runs=RUNS)
    return {name: min(seconds) for name, seconds in taken.items()}


def page(found: dict[str, dict[str, float]]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Windows that overlap",
        "",
        "Written by `make bench`, with two workers: a row lies in four windows, the function is one product. Both ways",
        f"ran {RUNS} times, the fastest run counts. Python {platform.python_version()}, NumPy {np.__version__}. Ratios",
        "travel between machines, seconds do not.",
        "",
        "![Both ways beside each other](windows.png)",
        "",
        "| | `window` | rows exploded, and grouped | times | target |",
        "|---|--:|--:|--:|--:|",
    ]
    for front, s in found.items():
        ratio = s["exploded"] / s["windows"]
        lines.append(f"| {FRONTS[front]} | {s['windows']:.2f} s | {s['exploded']:.2f} s | {ratio:.1f} | {TIMES:g} |")
    return "\n".join(lines) + "\n"


def draw(found: dict[str, dict[str, float]]) -> None:
    """Draw both ways on each front."""
    ways = {"windows": ("window", bars.OURS), "exploded": ("rows exploded, and grouped", bars.OTHER)}
    panels = {
        FRONTS[front]: {name: (s[way], colour) for way, (name, colour) in ways.items()} for front, s in found.items()
    }
    bars.draw(PAGE.with_suffix(".png"), panels)


def main() -> None:
    """Measure each front in a process of its own, and write the page. Fails if a target is missed."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2])))
        return
    measured = {front: apart.measured("benchmarks.windows", front) for front in sys.argv[1:] or FRONTS}
    found = {front: seconds for front, seconds in measured.items() if seconds is not None}
    text = page(found)
    print(text)
    if len(found) == len(FRONTS):
        PAGE.write_text(text)
        draw(found)
    missed = [front for front in measured if front not in found]
    missed += [front for front, s in found.items() if s["exploded"] / s["windows"] < TIMES]
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
