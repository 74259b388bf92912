"""What ``python -m beringia doctor`` looks at: interpreter, libraries, Spark, Java, shared memory, and a self-test.

Each finding is a line; one that keeps Beringia from working carries an advice, and makes the exit code 1. Nothing here
may fail for what it looks at: what is absent is a finding too.
"""

from __future__ import annotations

import itertools
import os
import platform
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from beringia import __version__
from beringia._cores import cores

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


def main(cluster: str | None = None) -> int:
    """Print all findings.

    Parameters
    ----------
    cluster : str, optional
        The master of a cluster to look at too; an empty one: as Spark is set up here.

    Returns
    -------
    int
        0 if everything works, 1 if something is to be done.
    """
    print(f"beringia {__version__}", flush=True)
    advice = []
    for finding in findings() if cluster is None else itertools.chain(findings(), _cluster(cluster)):
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
    has_spark = False
    for finding in _spark():
        has_spark = finding.name != "Spark"  # there is more to say of it
        yield finding
    yield _library("Hail", "hail")
    yield _java(needed=has_spark)
    yield from machine()
    yield _self_test()


def machine() -> Iterator[Finding]:
    """Look at what this machine lends to this process."""
    yield Finding("cores", str(cores()))
    yield from _memory()


def look(_: object) -> tuple[str, int, str, str]:
    """Say where this worker is, and what it has: runs on an executor, which need not have PySpark.

    Returns
    -------
    tuple of str, int, str, str
        Its host, its executor's process, what it finds there, and its version of the package.
    """
    import numpy as np

    time.sleep(0.2)  # for the next task to go to another executor
    parts: Iterator[str] = (f"{each.name} {each.value}" for each in machine())
    python = f"Python {platform.python_version()}, {sys.executable}; NumPy {np.__version__}; beringia {__version__}; "
    return socket.gethostname(), os.getppid(), python + "; ".join(parts), __version__


def _library(name: str, package: str, advice: str | None = None) -> Finding:
    try:
        return Finding(name, metadata.version(package))
    except metadata.PackageNotFoundError:
        return Finding(name, "not installed", advice)


def _spark() -> Iterator[Finding]:
    """Look at the Spark that a session here would be of, and at the jar for it."""
    try:
        import pyspark
        from pyspark.sql.utils import is_remote
    except ImportError:
        yield Finding("Spark", "not installed")
        return
    from beringia.errors import ConfigError
    from beringia.spark import lines

    spark = lines.installed()
    other = "" if spark.version == pyspark.__version__ else f" of SPARK_HOME; PySpark is {pyspark.__version__}"
    yield Finding("Spark", f"{str(spark).removeprefix('Spark ')}{other}")
    yield Finding("sessions", "Spark Connect" if is_remote() else "classic")
    try:
        yield Finding("jar", lines.jar(spark).name)
    except ConfigError as error:
        yield Finding("jar", f"none: {error}", "install a Spark that there is a jar for")


def _cluster(master: str) -> Iterator[Finding]:
    """Look at each executor of a cluster."""
    try:
        from pyspark.sql import SparkSession

        import beringia.spark
        from beringia.spark import executors

        builder = SparkSession.builder.appName("beringia doctor")
        if master:
            builder = builder.master(master)
        spark = builder.config(map=beringia.spark.conf()).getOrCreate()
    except Exception as error:
        yield Finding("cluster", f"no session: {_first_line(error)}", "what the error says")
        return
    try:
        yield Finding("cluster", f"{spark.sparkContext.master}, Spark {spark.version}")
        found, there = executors.seen(spark)
        for executor in found:
            advice = None if executor.version == __version__ else f"install beringia {__version__} there, as here"
            yield Finding("executor", f"{executor.host}, process {executor.pid}: {executor.sees}", advice)
        if len(found) < there:
            yield Finding("executors", f"{len(found)} of {there} ran a task: the others were busy")
    except Exception as error:
        yield Finding("executors", f"no function runs there: {_first_line(error)}", "what the error says")
    finally:
        spark.stop()


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _java(needed: bool) -> Finding:
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home, "bin", "java")) if home else shutil.which("java")
    advice = "install a JDK 17 or 21, or set JAVA_HOME to one: Spark needs it" if needed else None
    if program is None:
        return Finding("Java", "not found: JAVA_HOME is not set, and no java is on PATH", advice)
    try:
        asked = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("Java", f"{program} does not run: {error}", advice)
    version = next(iter(asked.stderr.splitlines()), "of unknown version")
    return Finding("Java", f"{version}, {program} ({'JAVA_HOME' if home else 'PATH'})")


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
        with Pool(min(2, cores())) as pool:
            table = numpy_map(np.sum, data, pa.schema({"total": pa.float64()}), by="k", args={"a": "x"}, pool=pool)
    except Exception as error:
        return Finding("self-test", f"failed: {type(error).__name__}: {error}", "what the error says; and report it")
    expected = data["x"].reshape(rows, groups).sum(axis=0)
    if table["total"].to_pylist() != expected.tolist():
        return Finding("self-test", "wrong sums", "please report this, with all of the above")
    return Finding("self-test", f"{groups} groups in {time.monotonic() - started:.1f} s")
