"""Instructions that a worker and the grouping execute, counted by valgrind: the same whatever else the machine does.

``python -m benchmarks.instructions`` prints the table that `benchmarks.local` puts into its page. A process runs under
callgrind with some groups and with twice as many; what it executes more is due to these, so that neither the start of
Python nor the imports count. The function's own instructions do, which are a few tens: it returns a constant.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import beringia

GROUPS = 20_000
"""Groups of the smaller run."""
ROWS = 5
"""Rows of a group."""
MODULE = "benchmarks.instructions"
DOUBLE = pa.schema([("value", pa.float64())])
TEXT = pa.schema([("value", pa.string())])
MANY = pa.list_(pa.struct([("value", pa.float64())]))


def _number(*_: Any) -> float:
    return 0.0


def _text(*_: Any) -> str:
    return "a text"


def _rows(*columns: Any) -> dict[str, Any]:
    return {"value": columns[0]}


CALLS: dict[str, tuple[Callable[..., Any], list[str], Any]] = {
    "an array, returns a number": (_number, ["x"], DOUBLE),
    "two arrays, returns a number": (_number, ["x", "y"], DOUBLE),
    "the key and an array, returns a number": (_number, ["sorted", "x"], DOUBLE),
    "an array of texts, returns a number": (_number, ["s"], DOUBLE),
    "an array, returns a text": (_text, ["x"], TEXT),
    "an array, returns it as rows": (_rows, ["x"], MANY),
}
"""Functions, what they are called with, and what they return."""
KEYS = {
    "a shuffled integer": ["g"],
    "a sorted integer": ["sorted"],
    "a text": ["s"],
    "an integer, a text and a date": ["g", "s", "day"],
}


def data(groups: int) -> pa.Table:
    """Make groups of :data:`ROWS` rows."""
    rng = np.random.default_rng(1)
    key = rng.permutation(np.repeat(np.arange(groups), ROWS))
    names = np.array([f"patient-{number:09d}" for number in range(groups)])
    x, y = rng.normal(size=(2, key.size))
    return pa.table(
        {
            "g": key,
            "sorted": np.sort(key),
            "s": names[key],
            "day": np.datetime64("2026-01-01") + key % 1000,
            "x": x,
            "y": y,
        }
    )


def of_worker(call: str, groups: int) -> int:
    """Return the instructions of a worker that runs `groups` groups through a function of :data:`CALLS`."""
    function, arguments, returns = CALLS[call]
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "python"
        python.write_text(f'#!/bin/sh\nexec {" ".join(_valgrind(folder))} {sys.executable} "$@"\n', encoding="utf-8")
        python.chmod(0o700)
        ours, sys.executable = sys.executable, str(python)
        try:
            with beringia.Pool(workers=1, worker_start_timeout="10m", worker_cancel_grace="1m") as pool:
                beringia.numpy_map(function, data(groups), returns, by="sorted", args=arguments, pool=pool)
        finally:
            sys.executable = ours
        return _counted(folder)


def of_grouping(keys: str, groups: int) -> int:
    """Return the instructions of a process that groups `groups` groups by one of :data:`KEYS`."""
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/table.arrow"
        with pa.ipc.new_file(file, (table := data(groups)).schema) as writer:
            writer.write_table(table)
        command = [*_valgrind(folder), sys.executable, "-m", MODULE, "--group", keys, file]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "0"})
        return _counted(folder)


def group(keys: str, file: str) -> None:
    """Group the table of a file, in this process, which has made nothing else of it."""
    table = pa.ipc.open_file(pa.memory_map(file)).read_all()
    with beringia.Pool(workers=1) as pool:
        beringia.numpy_map(_number, table, DOUBLE, by=KEYS[keys], args=["x"], pool=pool)


def _valgrind(folder: str) -> list[str]:
    return ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={folder}/%p.out"]


def _counted(folder: str) -> int:
    totals = [re.search(r"^(?:totals|summary): (\d+)", path.read_text(), re.M) for path in Path(folder).glob("*.out")]
    return max(int(total[1]) for total in totals if total)


def measured() -> tuple[dict[str, float], dict[str, float]]:
    """Return instructions a group by what is called, and instructions a row by the keys."""
    calls = {call: (of_worker(call, 2 * GROUPS) - of_worker(call, GROUPS)) / GROUPS for call in CALLS}
    rows = GROUPS * ROWS
    keys = {key: (of_grouping(key, 2 * GROUPS) - of_grouping(key, GROUPS)) / rows for key in KEYS}
    return calls, keys


def text() -> str:
    """Return the part of the page; nothing where there is no valgrind."""
    if shutil.which("valgrind") is None:
        return ""
    calls, keys = measured()
    lines = ["| a worker, by its arguments and result | instructions a group |", "| --- | ---: |"]
    lines += [f"| {name} | {count:,.0f} |" for name, count in calls.items()]
    lines += ["", "| this process, by the keys | instructions a row |", "| --- | ---: |"]
    lines += [f"| {name} | {count:,.0f} |" for name, count in keys.items()]
    table = "\n".join(lines)
    return f"""## Instructions

Counted by callgrind, with groups of {ROWS} rows and a function that returns a constant: what {2 * GROUPS:,} groups take
more than {GROUPS:,}. They do not depend on what else the machine does; an instruction that waits for memory counts
as one. This process reads the table, finds the groups, gathers them and takes the results.

{table}
"""


def main() -> None:
    """Count and print."""
    print(text() or "there is no valgrind here")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--group"]:
        group(sys.argv[2], sys.argv[3])
    else:
        main()
