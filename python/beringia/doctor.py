"""What ``python -m beringia doctor`` looks at: interpreter, libraries, Java, shared memory, and a self-test.

Each finding is a line; one that keeps Beringia from working carries an advice, and makes the exit code 1. Nothing here
may fail for what it looks at: what is absent is a finding too.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from beringia import __version__

_MIB = 1 << 20
_FEW_DESCRIPTORS = 256


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What it is.
    value : str
        What was found.
    advice : str, optional
        What to do, if it keeps Beringia from working.
    """

    name: str
    value: str
    advice: str | None = None


def main() -> int:
    """Print all findings.

    Returns
    -------
    int
        0 if everything works, 1 if something is to be done.
    """
    print(f"beringia {__version__}", flush=True)
    advice = []
    for finding in findings():
        print(f"  {finding.name:<14} {finding.value}", flush=True)
        if finding.advice is not None:
            advice.append(f"{finding.name}: {finding.advice}")
    for line in advice:
        print(f"To do: {line}")
    if not advice:
        print("All is well.")
    return 1 if advice else 0


def findings() -> Iterator[Finding]:
    """Look at one thing after the other."""
    yield Finding("Python", f"{platform.python_version()}, {sys.executable}")
    yield _library("NumPy", "numpy", "pip install numpy")
    yield _library("pyarrow", "pyarrow", "pip install 'beringia[local]': beringia.numpy_map needs it")
    spark = _library("Spark", "pyspark")
    yield spark
    yield _library("Hail", "hail")
    yield _java(needed=spark.value != "not installed")
    yield Finding("cores", str(_cores()))
    yield from _memory()
    yield _self_test()


def _library(name: str, package: str, advice: str | None = None) -> Finding:
    try:
        return Finding(name, metadata.version(package))
    except metadata.PackageNotFoundError:
        return Finding(name, "not installed", advice)


def _java(needed: bool) -> Finding:
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home, "bin", "java")) if home else shutil.which("java")
    advice = "install a JDK 17, or set JAVA_HOME to one: Spark needs it" if needed else None
    if program is None:
        return Finding("Java", "not found: JAVA_HOME is not set, and no java is on PATH", advice)
    try:
        asked = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("Java", f"{program} does not run: {error}", advice)
    version = next(iter(asked.stderr.splitlines()), "of unknown version")
    return Finding("Java", f"{version}, {program} ({'JAVA_HOME' if home else 'PATH'})")


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> Iterator[Finding]:
    """Where shared memory comes from, and what bounds it."""
    yield _memfd()
    shm = Path("/dev/shm")
    if shm.is_dir():
        size = os.statvfs(shm)
        total, free = size.f_blocks * size.f_frsize, size.f_bavail * size.f_frsize
        yield Finding("/dev/shm", f"{total // _MIB} MiB, {free // _MIB} free: bounds the posix backend only")
    limit = _cgroup_limit()
    yield Finding("memory limit", "none" if limit is None else f"{limit // _MIB} MiB: shared memory counts in it")
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    few = files != resource.RLIM_INFINITY and files < _FEW_DESCRIPTORS
    yield Finding("open files", str(files), f"raise the limit: ulimit -n {4 * _FEW_DESCRIPTORS}" if few else None)


def _memfd() -> Finding:
    if sys.platform != "linux":
        return Finding("backend", "posix")
    try:
        os.close(os.memfd_create("beringia-doctor"))
    except OSError as error:
        advice = "set spark.beringia.segment.backend, or Pool(segment_backend=…), to posix"
        return Finding("backend", f"memfd, which this system refuses: {error}", advice)
    return Finding("backend", "memfd")


def _cgroup_limit() -> int | None:
    """Return the least memory limit of this process's control groups, in bytes."""
    limits = []
    try:
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers not in ("", "memory"):
                continue
            root = Path("/sys/fs/cgroup", controllers)
            name = "memory.limit_in_bytes" if controllers else "memory.max"
            group = root / path.lstrip("/")
            for folder in (group, *group.parents):
                if (folder / name).is_file() and (text := (folder / name).read_text().strip()) != "max":
                    limits.append(int(text))
    except (OSError, ValueError):
        return None
    real = [limit for limit in limits if limit < 1 << 60]  # version 1 says 2^63 for none
    return min(real, default=None)


def _self_test() -> Finding:
    """Add up a thousand groups with workers of this Python."""
    try:
        import numpy as np
        import pyarrow as pa

        from beringia import Pool, numpy_map
    except Exception as error:
        return Finding("self-test", f"not run: {error}", "see above: something is not installed as it should be")
    groups, rows = 1000, 20
    data = {"k": np.arange(groups * rows) % groups, "x": np.arange(groups * rows, dtype=float)}
    started = time.monotonic()
    try:
        with Pool(min(2, _cores())) as pool:
            table = numpy_map(np.sum, data, pa.schema({"total": pa.float64()}), by="k", args={"a": "x"}, pool=pool)
    except Exception as error:
        return Finding("self-test", f"failed: {type(error).__name__}: {error}", "what the error says; and report it")
    expected = data["x"].reshape(rows, groups).sum(axis=0)
    if table["total"].to_pylist() != expected.tolist():
        return Finding("self-test", "wrong sums", "please report this, with all of the above")
    return Finding("self-test", f"{groups} groups in {time.monotonic() - started:.1f} s")
