"""The two ways to run a job under a fault, alike for the table: in this process, and on Spark."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pyarrow as pa

import beringia

GROUPS, ROWS = 10, 20
TOTALS = {a: float(sum(range(a, GROUPS * ROWS, GROUPS))) for a in range(GROUPS)}
"""The sums of `x` by `a`: what a job that went well returns."""


def total(x):
    return float(x.sum())


class Front:
    """A front, and the process that owns its workers."""

    name: str
    process: int
    most: int  # descriptors that it may hold

    def run(self, f, kind="double", **options):
        """The result of `f` for each group, by its key."""
        raise NotImplementedError

    def check(self):
        """That the next job runs as if nothing had been."""
        assert self.run(total) == TOTALS

    def held(self) -> int:
        """Descriptors of segments and of pipes that the owning process has open."""
        found = 0
        for entry in Path(f"/proc/{self.process}/fd").iterdir():
            try:
                target = str(entry.readlink())
            except OSError:
                continue
            found += "memfd:beringia" in target or target.startswith("pipe:")
        return found

    def zombies(self) -> list[int]:
        """Ended workers that their owner has not waited for."""
        return [
            pid
            for pid, parent, state, name in processes()
            if parent == self.process and state == "Z" and name.startswith("python")
        ]


class Local(Front):
    name = "local"

    def __init__(self, pool):
        self.pool = pool
        self.process = os.getpid()
        self.data = {"a": [i % GROUPS for i in range(GROUPS * ROWS)], "x": list(map(float, range(GROUPS * ROWS)))}

    def run(self, f, kind="double", **options):
        field = {"double": pa.float64(), "string": pa.string()}[kind]
        table = beringia.numpy_map(f, self.data, pa.schema({"y": field}), by="a", pool=self.pool, **options)
        return dict(zip(table["a"].to_pylist(), table["y"].to_pylist(), strict=True))


class Spark(Front):
    name = "Spark"

    def __init__(self, session):
        from pyspark.sql import functions as F

        self.session = session
        self.process = session._jvm.java.lang.ProcessHandle.current().pid()
        self.data = session.range(GROUPS * ROWS).select(
            (F.col("id") % GROUPS).alias("a"), F.col("id").cast("double").alias("x")
        )

    def run(self, f, kind="double", **options):
        from beringia.spark import numpy_map

        rows = numpy_map(f, self.data.groupBy("a"), f"y {kind}", **options).collect()
        return {row.a: row.y for row in rows}


def processes():
    """Each process: its id, its parent's, its state, its name."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name, _, rest = (entry / "stat").read_text().rpartition(")")
            state, parent = rest.split()[:2]
        except OSError:
            continue
        yield int(entry.name), int(parent), state, name.partition("(")[2]


def settled(condition, seconds=10.0):
    """Whether `condition` comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
