"""Runs a worker under valgrind's memcheck, with a small job of every kind of column, and fails on errors of ours.

Errors that have no frame of Beringia's extension are the interpreter's or NumPy's, and only counted.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

import beringia
from beringia.errors import GroupError

LOGS = Path("build/valgrind")
OURS = re.compile(r"_native\.(cpython|abi3)|beringia")
OPTIONS = [
    "--tool=memcheck",
    "--error-limit=no",
    "--num-callers=40",
    "--leak-check=no",
    "--suppressions=/usr/lib/valgrind/python3.supp",
    f"--log-file={LOGS.resolve()}/%p.log",
]


def main() -> None:
    """Run the jobs, then look through the logs."""
    LOGS.mkdir(parents=True, exist_ok=True)
    for log in LOGS.glob("*.log"):
        log.unlink()
    sys.executable = wrapper()
    os.environ["PYTHONMALLOC"] = "malloc"
    with beringia.Pool(workers=1, worker_start_timeout="10m", worker_cancel_grace="1m") as pool:
        jobs(pool)
    errors = [error for log in LOGS.glob("*.log") for error in blocks(log.read_text(errors="replace"))]
    ours = [error for error in errors if OURS.search(error)]
    print(
        f"{len(list(LOGS.glob('*.log')))} workers, {len(errors)} errors reported, {len(ours)} with frames of Beringia"
    )
    if ours or not any(LOGS.glob("*.log")):
        sys.exit("\n\n".join(ours) or "no worker ran under valgrind")


def wrapper() -> str:
    """Write an interpreter that runs under valgrind."""
    path = LOGS.resolve() / "python"
    path.write_text(f'#!/bin/sh\nexec valgrind {" ".join(OPTIONS)} {sys.executable} "$@"\n', encoding="utf-8")
    path.chmod(0o700)
    return str(path)


def jobs(pool: beringia.Pool) -> None:
    """Show every kind of column to functions, return every kind of result, keep a view, fail."""
    n = 40
    data = pa.table(
        {
            "g": np.arange(n) % 5,
            "f": np.arange(n, dtype="f8"),
            "i": pa.array([None if i % 7 == 0 else i for i in range(n)], pa.int32()),
            "b": pa.array([i % 3 == 0 for i in range(n)]),
            "s": pa.array([None if i % 11 == 0 else "né" * i for i in range(n)]),
            "t": pa.array(np.arange(n), pa.timestamp("us")),
            "l": pa.array([list(range(i % 4)) for i in range(n)], pa.list_(pa.float64())),
        }
    )
    one = pa.schema([("y", pa.float64()), ("text", pa.string()), ("ends", pa.list_(pa.float64())), ("ok", pa.bool_())])
    many = pa.list_(pa.struct([("y", pa.float64()), ("text", pa.string())]))
    kept = []

    def summary(f, i, b, s, t, l):  # noqa: ARG001, E741
        kept.append(f)
        return f.sum(), s[1], f[[0, -1]], bool(b.any())

    def rows(f, s):
        return {"y": f, "text": [None if v is None else v.upper() for v in s]}

    def fails(f):  # noqa: ARG001
        raise ValueError("on purpose")

    for _ in range(3):
        beringia.numpy_map(summary, data, one, by="g", missing={"i": "mask"}, pool=pool)
        beringia.numpy_map(rows, data, many, by="g", batch_bytes=1024, pool=pool)
    beringia.numpy_map(lambda f: f.sum(), data, pa.schema([("y", pa.float64())]), by="g", writable=True, pool=pool)
    try:
        beringia.numpy_map(fails, data, one, by="g", pool=pool)
    except GroupError:
        return
    sys.exit("a function that raises must fail")


def blocks(log: str) -> list[str]:
    """List the errors of a log: each begins with a line that says what, and goes on with frames."""
    lines = [re.sub(r"^==\d+== ?", "", line) for line in log.splitlines()]
    parts = re.split(r"\n\s*\n", "\n".join(lines))
    return [part for part in parts if re.search(r"^ +at 0x", part, re.MULTILINE)]


if __name__ == "__main__":
    main()
