"""Measure how data of Hail come in and go out, against Hail's own ways.

``python -m benchmarks.hail_io`` writes docs/benchmarks/hail_io.md and its picture. Both ways of a row run in one
process; the fastest run counts, and a way that takes long runs once.
"""

from __future__ import annotations

import json
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import apart, bars
from benchmarks.workload import CORES

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "hail_io.md"
RUNS = 15  # by then the JVM has compiled what runs
LONG = 20  # seconds after which a way is not run again
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


def ways(name: str, hl: Any, bh: Any) -> tuple[Callable[[], Any], ...]:
    """Return our way and Hail's, each what is to be measured; for `from_spark`, also Spark's own pass over the rows."""
    if name in ("from_pandas", "to_pandas"):
        data = frame(10_000)
        if name == "from_pandas":
            return lambda: bh.from_pandas(data).count(), lambda: hl.Table.from_pandas(data).count()
        table = bh.from_pandas(data).checkpoint("/tmp/beringia-bench-frame.ht", overwrite=True)
        return lambda: bh.to_pandas(table), table.to_pandas
    if name in ("to_numpy", "from_numpy"):
        array = np.random.default_rng(1).normal(size=(20_000, 1_000))
        if name == "from_numpy":
            matrix = hl.linalg.BlockMatrix
            return (
                lambda: bh.from_numpy(array)._force_count_rows(),
                lambda: matrix.from_numpy(array).to_matrix_table_row_major()._force_count_rows(),
            )
        mt = entries(hl, bh, array)
        return lambda: bh.to_numpy(mt.element), lambda: hl.linalg.BlockMatrix.from_entry_expr(mt.element).to_numpy()
    ht = columns(hl) if name.endswith("_columns") else doubles(hl, ALL)
    if name.startswith("to_spark"):
        return lambda: counted(bh.to_spark(ht)), lambda: counted(ht.to_spark())
    return from_spark(hl, bh, ht)


def from_spark(hl: Any, bh: Any, ht: Any) -> tuple[Callable[[], Any], ...]:
    """Return both ways of making a table of one's rows, which a DataFrame holds, and Spark's own pass over them."""
    rows = ht.to_spark().localCheckpoint()
    return (
        lambda: bh.from_spark(rows)._force_count(),
        lambda: hl.Table.from_spark(rows)._force_count(),
        lambda: counted(rows),
    )


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


def fastest(run: Callable[[], Any]) -> float:
    """Return the seconds of the fastest of some runs."""
    best, spent = float("inf"), 0.0
    for _ in range(RUNS):
        start = time.perf_counter()
        run()
        taken = time.perf_counter() - start
        best, spent = min(best, taken), spent + taken
        if spent > LONG:
            break
    return best


def measure(name: str) -> dict[str, float]:
    """Measure both ways; for entries and `from_spark`, also what nothing can do without."""
    warnings.filterwarnings("ignore")
    import beringia.hail as bh
    import hail as hl

    conf = bh.conf(**{"spark.driver.memory": "6g", "spark.ui.showConsoleProgress": "false"})
    hl.init(spark_conf=conf, master=f"local[{CORES}]", quiet=True, log="/tmp/beringia-bench-hail.log")
    ours, hails, *sparks = ways(name, hl, bh)
    found = {"ours": fastest(ours), "hails": fastest(hails)}
    if name == "to_numpy":
        mt = hl.read_matrix_table("/tmp/beringia-bench-entries.mt")
        found["read"] = fastest(mt._force_count_rows)
        found["copy"] = fastest(np.ones((20_000, 1_000)).copy)
    if name.startswith("from_spark"):
        few, hails_few, sparks_few = from_spark(hl, bh, doubles(hl, FEW))
        found |= {"few": fastest(few), "hails_few": fastest(hails_few), "sparks_few": fastest(sparks_few)}
        found["sparks"] = fastest(*sparks)
        found["copy"] = fastest(np.ones((ALL, 1_000)).copy)
    hl.stop()
    return found


def page(found: dict[str, dict[str, float]]) -> str:
    """Return the results as Markdown."""
    import hail as hl

    lines = [
        "# Data in and out of Hail",
        "",
        "Written by `make bench`, on `local[2]`: each way fifteen times, or until 20 seconds are over; the fastest",
        f"run counts. Hail {hl.version().partition('-')[0]}, Python {platform.python_version()},",
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
    for name in ("from_spark", "from_spark_columns"):
        if name in found:
            lines += ["", *of_from_spark(found[name], "rows of fields" if name.endswith("_columns") else "arrays")]
    return "\n".join(lines) + "\n"


def of_from_spark(seconds: dict[str, float], form: str) -> list[str]:
    """Return what there is to gain in `from_spark`, as lines of text."""
    few, hails_few = seconds["few"], seconds["hails_few"]
    return [
        f"`from_spark` of {form}: a query of {FEW} rows takes {few:.2f} s, and {hails_few:.2f} s by Hail's way;",
        f"what all rows take beyond that is **{by_row(seconds):.1f}** times faster. That query, Spark's own pass over",
        f"the rows and a copy of them into Hail's memory are {least(seconds):.2f} s: no way is more than",
        f"{seconds['hails'] / least(seconds):.1f} times as fast as Hail's.",
    ]


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


def least(seconds: dict[str, float]) -> float:
    """Return the seconds that `from_spark` cannot do without: a query of few rows, Spark's pass over all, a copy."""
    return seconds["few"] + seconds["sparks"] - seconds["sparks_few"] + seconds["copy"] / CORES


def by_row(seconds: dict[str, float]) -> float:
    """Return how many times faster `from_spark` is at what rows take, beyond a query of few."""
    return (seconds["hails"] - seconds["hails_few"]) / (seconds["ours"] - seconds["few"])


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
