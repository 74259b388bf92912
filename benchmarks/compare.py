"""Two builds of Beringia side by side, to see whether a change made anything slower.

``python -m benchmarks.compare OTHER [WORD …]`` measures this tree and another that is built, in turn: a job on Spark,
the local shapes, the workloads on Hail; or those whose name has one of the words. Each measurement is a process of its
own, with the interpreter of its tree; what is compared is the best of the rounds. Prints a table of ratios, and fails
if one is worse by more than :data:`TOLERANCE`. ``make compare COMMIT=…`` builds a commit beside this tree first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TOLERANCE = 1.05
ROUNDS = 2

_SPARK = """
import json
from benchmarks import overhead, workload
spark = workload.session()
found = overhead.measure(spark, warmups=15, runs=15)
spark.stop()
print(json.dumps({"job": min(found.jobs), "exchange, sort": min(found.shuffles), "loop": min(found.loops)}))
"""
_ONE = "import json, sys; from {module} import measure; print(json.dumps(measure({shape!r}, {way!r})))"

MEASURES = {
    "Spark, 100,000 groups x 20 rows": _SPARK,
    **{
        f"local, {shape}": _ONE.format(module="benchmarks.local", shape=shape, way="beringia")
        for shape in (
            "100,000 groups x 20 rows, shuffled",
            "100 groups x 1,000,000 rows, in order",
            "1,000 rows of arrays of 100,000",
        )
    },
    **{
        f"Hail, {workload}": _ONE.format(module="benchmarks.hail", shape=workload, way="ours")
        for workload in ("groups", "blocks")
    },
}


def run(tree: Path, code: str) -> dict[str, float]:
    """Return the seconds of each part of a measurement in a tree."""
    python = tree / ".venv" / "bin" / "python"
    done = subprocess.run(
        [python, "-c", code],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tree)},
    )
    if done.returncode:
        sys.exit(f"{tree}: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return {name: _seconds(part) for name, part in found.items()}


def _seconds(found: Any) -> float:
    """Return the best of what a benchmark says of its runs."""
    if isinstance(found, dict):
        found = found["seconds"]
    return float(min(found) if isinstance(found, list) else found)


def main() -> None:
    """Compare, print, fail if something is slower."""
    trees = {"before": Path(sys.argv[1]).absolute(), "after": Path(__file__).absolute().parents[1]}
    wanted = sys.argv[2:]
    slower = []
    print("| | before, s | after, s | ratio |\n|---|---:|---:|---:|")
    for name, code in MEASURES.items():
        if wanted and not any(word in name for word in wanted):
            continue
        best: dict[str, dict[str, float]] = {tree: {} for tree in trees}
        for _ in range(ROUNDS):
            for tree, path in trees.items():
                for part, seconds in run(path, code).items():
                    best[tree][part] = min(seconds, best[tree].get(part, seconds))
        for part, before in best["before"].items():
            after = best["after"][part]
            print(f"| {name}: {part} | {before:.3f} | {after:.3f} | {after / before:.2f} |", flush=True)
            if part in ("job", "beringia", "ours") and after > TOLERANCE * before:
                slower.append(name)
    if slower:
        sys.exit(f"slower by more than {TOLERANCE - 1:.0%}: {', '.join(slower)}")


if __name__ == "__main__":
    main()
