"""What others could reach: no socket that listens, no segment that another user may read."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from fronts import TOTALS

LISTENING = {"tcp": "0A", "tcp6": "0A"}


def sockets(pid):
    """The inodes of the sockets that a process has open."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            link = str(entry.readlink())
            found |= {link.removeprefix("socket:[").removesuffix("]")} if link.startswith("socket:") else set()
    return found


def listening(pid):
    """The inodes of those that listen."""
    own, found = sockets(pid), set()
    for table, state in LISTENING.items():
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            parts = line.split()
            found |= {parts[9]} & own if parts[3] == state else set()
    for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]:
        parts = line.split()
        found |= {parts[6]} & own if int(parts[3], 16) & 0x10000 else set()  # SO_ACCEPTCON
    return found


def test_no_worker_listens_and_the_executor_not_for_us(front, find_workers):
    before = listening(front.process)
    assert front.run(lambda x: float(x.sum())) == TOTALS
    workers = find_workers()
    assert workers
    for pid in workers:
        assert listening(pid) == set()
        assert len(sockets(pid)) in {1, 2}  # its channels: the second comes with its first message
    assert any(len(sockets(pid)) == 2 for pid in workers)  # who ran the function has both
    assert listening(front.process) <= before


@pytest.mark.parametrize("backend", ["memfd", "posix"])
def test_segments_are_their_owners_alone(run, backend):
    program = f"""
import os, stat
import numpy as np, pyarrow as pa, beringia
pool = beringia.Pool(workers=1, segment_backend="{backend}")
beringia.numpy_map(lambda x: x.sum(), {{"x": np.ones(9)}}, pa.schema({{"y": pa.float64()}}), pool=pool)
if "{backend}" == "posix":
    paths = [entry.path for entry in os.scandir("/dev/shm") if entry.name.startswith("beringia-")]
    paths = [path for path in paths if os.stat(path).st_uid == os.getuid()]
else:
    paths = [entry.path for entry in os.scandir("/proc/self/fd") if "memfd:beringia" in os.readlink(entry.path)]
print(len(paths) > 0, sorted({{stat.S_IMODE(os.stat(path).st_mode) & 0o077 for path in paths}}))
"""
    if backend == "memfd":
        # Nobody else has a name for it; /proc lets only its owner at the descriptor.
        assert run(program).startswith("True ")
    else:
        assert run(program) == "True [0]\n"


def test_named_segments_are_refused_where_spark_must_encrypt_files(run):
    program = """
import beringia.spark
from beringia.errors import ConfigError
from pyspark.sql import SparkSession
conf = beringia.spark.conf(**{
    "spark.io.encryption.enabled": "true", "segment.backend": "posix", "spark.ui.enabled": "false",
})
spark = SparkSession.builder.master("local[1]").config(map=conf).getOrCreate()
try:
    beringia.spark.numpy_map(lambda id: 1, spark.range(9).groupBy(), "y int").collect()
except ConfigError as error:
    print("spark.io.encryption.enabled" in str(error), "memfd" in str(error))
"""
    assert run(program) == "True True\n"


def test_jobs_run_where_spark_authenticates_and_encrypts(run):
    program = """
import beringia.spark
from pyspark.sql import SparkSession
conf = beringia.spark.conf(**{
    "spark.io.encryption.enabled": "true", "spark.network.crypto.enabled": "true", "spark.authenticate": "true",
    "spark.authenticate.secret": "a secret", "spark.ui.enabled": "false",
})
spark = SparkSession.builder.master("local[1]").config(map=conf).getOrCreate()
print(beringia.spark.numpy_map(lambda id: id.size, spark.range(9).groupBy(), "y int").collect()[0].y)
"""
    assert run(program) == "9\n"
