"""Measure ``numpy_map`` on Hail against the ways there were before.

``python -m benchmarks.hail`` runs one workload after the other and writes docs/benchmarks/hail.md and hail.png. Each
way runs in a process of its own, so that its peak memory is its own: after a warm-up of Hail and of the workers until
it gets no faster, or for a minute; the fastest run counts.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import apart, hail_report
from benchmarks.hail_report import CORES, OTHERS, WORKLOADS, Found
from benchmarks.workload import settled

PARTS = {("blocks", "driver"): 10, ("blocks", "pandas"): 10}  # of what is done, one is measured


def line(x: Any, y: Any) -> tuple[float, float]:
    """Slope and intercept of the regression of y on x."""
    mean_x, mean_y = x.mean(), y.mean()
    slope = ((x - mean_x) * (y - mean_y)).sum() / ((x - mean_x) ** 2).sum()
    return float(slope), float(mean_y - slope * mean_x)


def score(G: Any) -> tuple[float, float]:
    """Two numbers of a block of dosages: cheap beside moving 8 MB."""
    sums = G.sum(axis=0)
    return float(sums.mean()), float(sums.std())


class Groups:
    """Many small groups."""

    def __init__(self, hl: Any):
        self.hl = hl
        path = "/tmp/beringia-bench-groups.ht"
        if not Path(path, "_SUCCESS").exists():
            ht = hl.utils.range_table(1_000_000, 8)
            ht = ht.annotate(g=ht.idx % 20_000, x=hl.rand_norm(), e=hl.rand_norm())
            ht.select("g", "x", y=2 * ht.x + ht.e).write(path, overwrite=True)
        self.table = hl.read_table(path)

    def rows(self) -> Any:
        """Return what every way reads."""
        return self.table

    def grouped(self) -> Any:
        """Return the query alone."""
        ht, hl = self.table, self.hl
        return ht.group_by(ht.g).aggregate(x=hl.agg.collect(ht.x), y=hl.agg.collect(ht.y))

    def loop(self) -> Callable[[], Any]:
        """Prepare the NumPy work alone."""
        import numpy as np

        data = np.random.default_rng(1).normal(size=(20_000, 2, 50))
        return lambda: [line(x, y) for x, y in data]

    def ours(self) -> Any:
        """By numpy_map."""
        ht, hl = self.table, self.hl
        fields = hl.tstruct(slope=hl.tfloat64, intercept=hl.tfloat64)
        return hl.experimental.numpy_map(line, ht.g, fields, args=dict(x=ht.x, y=ht.y))._force_count()

    def spark(self) -> Any:
        """Through Spark and pandas, and back."""
        import pandas as pd

        def of_group(pdf: Any) -> Any:
            slope, intercept = line(pdf.x.to_numpy(), pdf.y.to_numpy())
            return pd.DataFrame({"g": [pdf.g.iloc[0]], "slope": [slope], "intercept": [intercept]})

        df = self.table.select("g", "x", "y").to_spark()
        result = df.groupBy("g").applyInPandas(of_group, "g int, slope double, intercept double")
        return self.hl.Table.from_spark(result).key_by("g")._force_count()

    def driver(self) -> Any:
        """Collect the groups and loop."""
        import numpy as np

        rows = self.grouped().collect()
        return [(row.g, *line(np.array(row.x), np.array(row.y))) for row in rows]

    def pandas(self) -> Any:
        """One data frame on the driver."""
        frame = self.table.select("g", "x", "y").to_pandas()
        return [(g, *line(group.x.to_numpy(float), group.y.to_numpy(float))) for g, group in frame.groupby("g")]


class Blocks:
    """Fewer, large groups of entries."""

    def __init__(self, hl: Any):
        self.hl = hl
        path = "/tmp/beringia-bench-blocks.mt"
        if not Path(path, "_SUCCESS").exists():
            mt = hl.utils.range_matrix_table(100_000, 2_000, n_partitions=40)
            mt = mt.annotate_entries(GT=hl.unphased_diploid_gt_index_call((mt.row_idx * 7 + mt.col_idx * 13) % 3))
            mt = mt.annotate_rows(block=mt.row_idx // 500).key_rows_by("block", "row_idx")
            mt.write(path, overwrite=True)
        self.matrix = hl.read_matrix_table(path)

    def dosage(self) -> Any:
        """Return what each way starts from."""
        return self.hl.float64(self.matrix.GT.n_alt_alleles())

    def rows(self) -> Any:
        """Return what every way reads: rows with the dosages as an array."""
        mt = self.matrix.select_entries(d=self.dosage())
        ht = mt.localize_entries("e", "c")
        return ht.select(d=ht.e.map(lambda e: e.d)).select_globals()

    def grouped(self) -> Any:
        """Return the query alone."""
        ht = self.rows().key_by("block")
        return ht.group_by(ht.block).aggregate(d=self.hl.agg.collect(ht.d))

    def loop(self) -> Callable[[], Any]:
        """Prepare the NumPy work alone."""
        import numpy as np

        G = np.random.default_rng(1).integers(0, 3, size=(500, 2000)).astype(float)
        blocks = [G.copy() for _ in range(200)]  # one would stay in the processor's cache
        return lambda: [score(block) for block in blocks]

    def ours(self) -> Any:
        """By numpy_map."""
        hl = self.hl
        fields = hl.tstruct(mean=hl.tfloat64, sd=hl.tfloat64)
        return hl.experimental.numpy_map(score, self.matrix.block, fields, args=dict(G=self.dosage()))._force_count()

    def spark(self) -> Any:
        """Through Spark and pandas, and back."""
        import numpy as np
        import pandas as pd

        def of_group(pdf: Any) -> Any:
            mean, sd = score(np.stack(pdf.d.to_numpy()))
            return pd.DataFrame({"block": [pdf.block.iloc[0]], "mean": [mean], "sd": [sd]})

        df = self.rows().select("d").to_spark()
        result = df.groupBy("block").applyInPandas(of_group, "block int, mean double, sd double")
        return self.hl.Table.from_spark(result).key_by("block")._force_count()

    def driver(self) -> Any:
        """Collect the first tenth of the blocks, and loop: all at once do not fit."""
        import numpy as np

        grouped = self.grouped()
        return [(row.block, *score(np.array(row.d))) for row in grouped.filter(grouped.block < 20).collect()]

    def pandas(self) -> Any:
        """One data frame of a tenth of the rows, each with a list: entries would be 200 million rows."""
        import numpy as np

        rows = self.rows()
        frame = rows.filter(rows.block < 20).select("d").to_pandas()
        return [(block, *score(np.stack(group.d.to_numpy()))) for block, group in frame.groupby("block")]


def tree_memory(process: int) -> int:
    """Resident bytes of a process and its descendants; shared pages count once in each (PSS)."""
    total = 0
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    pending = [process]
    while pending:
        pid = pending.pop()
        pending += children.get(pid, [])
        try:
            for text in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if text.startswith("Pss:"):
                    total += int(text.split()[1]) * 1024
        except OSError:
            continue
    return total


def measure(workload: str, way: str) -> dict[str, Found]:
    """Run one way, after a warm-up of Hail and of the workers; our own in turn with its yardstick."""
    import warnings

    warnings.filterwarnings("ignore")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # for applyInPandas: Spark would take any python3
    import beringia.hail
    import hail as hl

    conf = beringia.hail.conf(**{"spark.driver.memory": "4g", "spark.ui.showConsoleProgress": "false"})
    hl.init(spark_conf=conf, master=f"local[{CORES}]", quiet=True, log="/tmp/beringia-bench-hail.log")
    work: Any = {"groups": Groups, "blocks": Blocks}[workload](hl)
    small = hl.utils.range_table(100, 2)
    hl.experimental.numpy_map(lambda idx: float(idx.sum()), small.idx % 3, "struct{s: float64}").collect()

    works: dict[str, Callable[[], Any]] = {way: getattr(work, way)}
    if way == "ours":  # its yardstick in turn with it: both warm up the same code of Hail
        works |= {
            "read": lambda: work.rows()._force_count(),
            "query": lambda: work.grouped()._force_count(),
            "loop": work.loop(),
        }
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(1.0):
            peak = max(peak, tree_memory(os.getpid()))

    watcher = threading.Thread(target=watch, daemon=True)  # a way that fails ends the process
    watcher.start()
    found = settled(works)
    done.set()
    watcher.join()
    parts = PARTS.get((workload, way), 1)
    return {name: {"seconds": min(seconds) * parts, "peak": peak} for name, seconds in found.items()}


def main() -> None:
    """Measure everything, write the page, and fail if a target is missed."""
    found: dict[str, dict[str, Found]] = {}
    for workload in WORKLOADS:
        found[workload] = {}
        for way in ("ours", *OTHERS):
            found[workload] |= apart.measured("benchmarks.hail", workload, way) or {}
    hail_report.write(found)
    if missed := hail_report.missed(found):
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2], sys.argv[3])))
    else:
        main()
