"""Measure how data of Hail come in and go out, against Hail's own ways.

``python -m benchmarks.hail_io`` writes docs/benchmarks/hail_io.md and its picture. Both ways of a row run in one
process, in turn until none gets faster; the fastest run counts, and a way that takes long runs once.
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
import pandas as pd

from benchmarks import apart, bars
from benchmarks.workload import AGREE, CORES, LONG, settled

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "hail_io.md"
TARGETS = {
    "from_pandas": ("`from_pandas`, 10,000 by 67 mixed columns, built and counted", "`Table.from_pandas`", 100),
    "to_pandas": ("`to_pandas` of it", "`Table.to_pandas`", 5),
    "to_numpy": ("`to_numpy`, 20,000 by 1,000 entries", "`BlockMatrix.from_entry_expr`, `to_numpy`", 5),
    "from_numpy": ("`from_numpy` of them, counted", "`BlockMatrix.from_numpy`, `to_matrix_table_row_major`", 10),
    "to_spark": ("`to_spark`, 18,000 arrays of 1,000 doubles, counted", "`Table.to_spark`", 2),
    "from_spark": ("`from_spark` of them, counted", "`Table.from_spark`", 2),
    "to_spark_columns": ("`to_spark`, 10⁶ rows of 18 doubles, counted", "`Table.to_spark`", 2),
    "from_spark_columns": ("`from_spark` of these rows, counted", "`Table.from_spark`", 2),
}
COPIED = 1.5  # times reading the entries and a copy of them
ALL, FEW = 18_000, 8  # rows of a thousand doubles


def frame(rows: int) -> pd.DataFrame:
    """Return 67 columns: of numbers, texts, and lists."""
    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {f"x{i}": rng.normal(size=rows) for i in range(30)}
    columns |= {f"n{i}": rng.integers(0, 1000, rows) for i in range(20)}
    columns |= {f"s{i}": rng.integers(0, 1000, rows).astype(str).astype(object) for i in range(15)}
    columns |= {"b": rng.random(rows) < 0.5, "l": [[1, 2, i] for i in range(rows)]}
    return pd.DataFrame(columns)


def ways(name: str, hl: Any, bh: Any) -> dict[str, Callable[[], Any]]:
    """Return our way and Hail's, each what is to be measured."""
    if name in ("from_pandas", "to_pandas"):
        data = frame(10_000)
        if name == "from_pandas":
            return pair(lambda: bh.from_pandas(data).count(), lambda: hl.Table.from_pandas(data).count())
        table = bh.from_pandas(data).checkpoint("/tmp/beringia-bench-frame.ht", overwrite=True)
        return pair(lambda: bh.to_pandas(table), table.to_pandas)
    if name in ("to_numpy", "from_numpy"):
        array = np.random.default_rng(1).normal(size=(20_000, 1_000))
        if name == "from_numpy":
            matrix = hl.linalg.BlockMatrix
            return pair(
                lambda: bh.from_numpy(array)._force_count_rows(),
                lambda: matrix.from_numpy(array).to_matrix_table_row_major()._force_count_rows(),
            )
        mt = entries(hl, bh, array)
        block = hl.linalg.BlockMatrix.from_entry_expr
        return pair(lambda: bh.to_numpy(mt.element), lambda: block(mt.element).to_numpy())
    ht = columns(hl) if name.endswith("_columns") else doubles(hl, ALL)
    if name.startswith("to_spark"):
        return pair(lambda: counted(bh.to_spark(ht)), lambda: counted(ht.to_spark()))
    return from_spark(hl, bh, ht)


def pair(ours: Callable[[], Any], hails: Callable[[], Any]) -> dict[str, Callable[[], Any]]:
    """Return both by their names."""
    return {"ours": ours, "hails": hails}


def from_spark(hl: Any, bh: Any, ht: Any) -> dict[str, Callable[[], Any]]:
    """Return both ways of making a table of one's rows, which a DataFrame holds."""
    rows = ht.to_spark().localCheckpoint()
    return pair(lambda: bh.from_spark(rows)._force_count(), lambda: hl.Table.from_spark(rows)._force_count())


def doubles(hl: Any, rows: int) -> Any:
    """Return a table of arrays, in eight partitions."""
    ht = hl.utils.range_table(rows, 8)
    ht = ht.annotate(x=hl.range(1_000).map(lambda i: hl.float64(ht.idx + i)))
    return ht.checkpoint(f"/tmp/beringia-bench-doubles-{rows}.ht", overwrite=True)


def columns(hl: Any) -> Any:
    """Return a table of as many doubles in 18 fields."""
    ht = hl.utils.range_table(ALL * 1_000 // 18, 8)
    ht = ht.annotate(**{f"x{i}": hl.float64(ht.idx + i) for i in range(18)})
    return ht.key_by().drop("idx").checkpoint("/tmp/beringia-bench-columns.ht", overwrite=True)


def entries(hl: Any, bh: Any, array: np.ndarray[Any, Any]) -> Any:
    """Return the array as a matrix table that is written."""
    path = Path("/tmp/beringia-bench-entries.mt")
    if not (path / "_SUCCESS").exists():
        bh.from_numpy(array).repartition(8).write(str(path), overwrite=True)
    return hl.read_matrix_table(str(path))


def counted(frame: Any) -> Any:
    """Compute every row of a DataFrame."""
    return frame.write.format("noop").mode("overwrite").save()


def measure(name: str) -> dict[str, float]:
    """Measure both ways; of entries also reading and a copy of them, and `from_spark` also of a few rows."""
    warnings.filterwarnings("ignore")
    import beringia.hail as bh
    import hail as hl

    conf = bh.conf(**{"spark.driver.memory": "6g", "spark.ui.showConsoleProgress": "false"})
    hl.init(spark_conf=conf, master=f"local[{CORES}]", quiet=True, log="/tmp/beringia-bench-hail.log")
    both = ways(name, hl, bh)
    if name == "to_numpy":
        mt = hl.read_matrix_table("/tmp/beringia-bench-entries.mt")
        both |= {"read": mt._force_count_rows, "copy": np.ones((20_000, 1_000)).copy}
    if name.startswith("from_spark"):
        few = from_spark(hl, bh, doubles(hl, FEW))
        both |= {f"{way}_few": run for way, run in few.items()}
    taken = settled(both)
    hl.stop()
    return {way: min(seconds) for way, seconds in taken.items()}


def page(found: dict[str, dict[str, float]]) -> str:
    """Return the results as Markdown."""
    import hail as hl

    lines = [
        "# Data in and out of Hail",
        "",
        f"Written by `make bench`, on `local[2]`: both ways in turn until {AGREE} runs of each are no faster than",
        f"before, or {LONG:g} seconds are over; the fastest run counts.",
        f"Hail {hl.version().partition('-')[0]}, Python {platform.python_version()},",
        f"NumPy {np.__version__}, pandas {pd.__version__}. Ratios travel between machines, seconds do not.",
        "",
        "![Both ways beside each other](hail_io.png)",
        "",
        "| | seconds | Hail's way | seconds | times | target |",
        "|---|--:|---|--:|--:|--:|",
    ]
    for name, (ours, hails, target) in TARGETS.items():
        if name in found:
            seconds = found[name]
            ratio = seconds["hails"] / seconds["ours"]
            lines.append(
                f"| {ours} | {seconds['ours']:.2f} | {hails} | {seconds['hails']:.2f} | {ratio:.1f} | {target} |"
            )
    if "to_numpy" in found:
        seconds = found["to_numpy"]
        lines += [
            "",
            f"To read the entries takes {seconds['read']:.2f} s, and one copy of them {seconds['copy']:.2f} s: "
            f"`to_numpy` takes **{copied(seconds):.2f}** times both (target ≤ {COPIED}).",
        ]
    for name, form in (("from_spark", "arrays"), ("from_spark_columns", "rows of fields")):
        if name in found:
            seconds = found[name]
            lines += [
                "",
                f"`from_spark` of {FEW} {form}, which is what a query costs: {seconds['ours_few']:.2f} s, and "
                f"{seconds['hails_few']:.2f} s by Hail's way.",
            ]
    return "\n".join(lines) + "\n"


def draw(found: dict[str, dict[str, float]]) -> None:
    """Draw both ways of each row."""
    panels = {}
    for name, seconds in found.items():
        ours, hails, _ = (str(part).replace("`", "") for part in TARGETS[name])
        panels[ours] = {"beringia.hail": (seconds["ours"], bars.OURS), hails: (seconds["hails"], bars.OTHER)}
    bars.draw(PAGE.with_suffix(".png"), panels)


def copied(seconds: dict[str, float]) -> float:
    """Return the time of `to_numpy` over that of reading and copying."""
    return seconds["ours"] / (seconds["read"] + seconds["copy"])


def main() -> None:
    """Measure each in a process of its own, and write the page. Fails if a target is missed."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2])))
        return
    measured = {name: apart.measured("benchmarks.hail_io", name) for name in sys.argv[1:] or TARGETS}
    found = {name: seconds for name, seconds in measured.items() if seconds is not None}
    text = page(found)
    print(text)
    if len(found) == len(TARGETS):
        PAGE.write_text(text)
        draw(found)
    missed = [name for name in measured if name not in found]
    missed += [name for name, s in found.items() if s["hails"] / s["ours"] < TARGETS[name][2]]
    if "to_numpy" in found and copied(found["to_numpy"]) > COPIED:
        missed.append("to_numpy beside reading and copying")
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
