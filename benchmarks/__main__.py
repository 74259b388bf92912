"""Run every benchmark, or those named; each in a process of its own, so that its memory is its own.

``python -m benchmarks [spark] [first_job] [many_groups] [accelerate] [local] [hail] [hail_io] [hail_mixed_model]
[windows] [executor] [arrays] [spark_arrays] [skew]``. Fails if one misses a target, after all have run.
"""

from __future__ import annotations

import subprocess
import sys

NAMES = (
    "spark",
    "first_job",
    "many_groups",
    "accelerate",
    "local",
    "hail",
    "hail_io",
    "hail_mixed_model",
    "windows",
    "executor",
    "arrays",
    "spark_arrays",
    "skew",
)


def main() -> None:
    """Run them one after the other."""
    names = sys.argv[1:] or NAMES
    if unknown := [name for name in names if name not in NAMES]:
        sys.exit(f"no benchmark is called {', '.join(unknown)}: there are {', '.join(NAMES)}")
    failed = [name for name in names if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
