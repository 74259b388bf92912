"""Machines that lack something: shared memory, anonymous memory, descriptors, space on the disk. The error says what,
and which setting helps; where it was passing, the next job works.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STAGE = "on a machine that lacks it"
HERE = Path(__file__).parent

HEAD = f"""
import os, resource, sys, time
sys.path.insert(0, {str(HERE)!r})
import numpy as np, pyarrow as pa
import beringia
from beringia.errors import BeringiaError, ResourceError
LARGE = 400_000

def total(x):
    return float(x.sum())
"""
LOCAL = """
def front(**settings):
    pool = beringia.Pool(workers=1, **{name.replace(".", "_"): value for name, value in settings.items()})
    def run(n=100, f=total, **options):
        data = {"x": np.ones(n)}
        return beringia.numpy_map(f, data, pa.schema({"y": pa.float64()}), pool=pool, **options)["y"].to_pylist()
    return run
"""
SPARK = """
import beringia.spark
from pyspark.sql import SparkSession, functions as F

def front(**settings):
    conf = beringia.spark.conf(**{"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1", **settings})
    spark = SparkSession.builder.master("local[1]").config(map=conf).getOrCreate()
    def run(n=100, f=total, **options):
        df = spark.range(n).select(F.lit(1.0).alias("x"))
        return [row.y for row in beringia.spark.numpy_map(f, df.groupBy(), "y double", **options).collect()]
    run.jvm = spark._jvm.java.lang.ProcessHandle.current().pid()
    return run
"""
FRONTS = pytest.mark.parametrize("front", ["local", "Spark"])
TEXT = {"local": HEAD + LOCAL, "Spark": HEAD + SPARK}


def with_mount(directory, size):
    """A command that runs Python where `directory` is a tiny file system of its own."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("no mount namespaces here")
    mount = f'mount -t tmpfs -o size={size} tiny "{directory}" && exec "{sys.executable}" "$@"'
    return ["unshare", "-m", "sh", "-c", mount, "sh"]


@FRONTS
def test_shared_memory_of_one_megabyte(run, front, record):
    program = """
run = front(**{"segment.backend": "posix", "batchBytes": "64k"})
print(run())
try:
    run(n=LARGE)
except ResourceError as error:
    print(type(error).__name__, "shared memory" in str(error))
print(run())
"""
    printed = run(TEXT[front] + program, command=with_mount("/dev/shm", "1m"))
    assert printed == "[100.0]\nResourceError True\n[100.0]\n"
    record("/dev/shm is tiny", STAGE, front)


def test_too_little_off_heap_memory_of_a_task(run, record):
    program = """
run = front(**{"spark.memory.offHeap.enabled": "true", "spark.memory.offHeap.size": "24m", "batchBytes": "64k"})
print(run())
try:
    run(n=4_000_000)
except ResourceError as error:
    print("spark.memory.offHeap.size" in str(error))
print(run())
"""
    assert run(TEXT["Spark"] + program) == "[100.0]\nTrue\n[100.0]\n"
    record("off-heap memory of the task is used up", STAGE, "Spark")


@FRONTS
def test_anonymous_memory_that_is_forbidden(run, front, record):
    way_out = {"Spark": "spark.beringia.segment.backend=posix", "local": 'Pool(segment_backend="posix")'}[front]
    program = f"""
from machine import forbid_memfd
forbid_memfd()
try:
    front()()
except ResourceError as error:
    print({way_out!r} in str(error))
"""
    assert run(TEXT[front] + program) == "True\n"
    record("memfd_create is forbidden", STAGE, front)


def test_named_memory_does_where_anonymous_memory_is_forbidden(run, record):
    program = """
from machine import forbid_memfd
forbid_memfd()
run = front(**{"segment.backend": "posix"})
constant = np.ones(100_000)  # travels with the function, which is then larger than a message
print(run(n=LARGE, f=lambda x: float(x.sum() * constant[0])))
"""
    assert run(TEXT["local"] + program) == "[400000.0]\n"
    record("memfd_create is forbidden, posix", STAGE, "local")


@FRONTS
def test_descriptors_that_run_out(run, front, record):
    program = """
run = front(**{"worker.maxTasks": 1})  # each job starts a worker
owner = getattr(run, "jvm", os.getpid())
print(run(), flush=True)
before = resource.prlimit(owner, resource.RLIMIT_NOFILE)
used = max(map(int, os.listdir(f"/proc/{owner}/fd"))) + 1
resource.prlimit(owner, resource.RLIMIT_NOFILE, (used, before[1]))
try:
    held = [] if owner != os.getpid() else [os.dup(0) for _ in range(used - len(os.listdir("/proc/self/fd")) - 1)]
    for _ in range(20):
        run()
except BeringiaError as error:
    print(type(error).__name__, "Too many open files" in str(error))
resource.prlimit(owner, resource.RLIMIT_NOFILE, before)
print(run())
"""
    if front == "Spark":
        # The JVM's numbers have gaps, which its own files fill: fill them with the files of a directory.
        pytest.skip("a JVM out of descriptors fails in Spark's own files before it comes to ours")
    assert run(TEXT[front] + program) == "[100.0]\nResourceError True\n[100.0]\n"
    record("descriptors run out", STAGE, front)


def test_a_full_disk_where_the_library_is_extracted(run, tmp_path, record):
    program = f"""
run = front(**{{"spark.driver.extraJavaOptions": "-Djava.io.tmpdir={tmp_path}", "spark.local.dir": "/tmp"}})
for _ in range(2):
    try:
        run()
    except ResourceError as error:
        left = [name for name in os.listdir("{tmp_path}") if "beringia" in name]
        print("No space left on device" in str(error), left)
"""
    printed = run(TEXT["Spark"] + program, command=with_mount(tmp_path, "100k"))
    assert printed == "True []\nTrue []\n"
    record("the disk is full", STAGE, "Spark")
