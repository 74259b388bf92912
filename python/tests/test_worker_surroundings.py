"""What a worker has and has not: threads, descriptors, sockets, a way to write to its batches."""

from __future__ import annotations

import mmap
import os
import socket
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from beringia import Pool, numpy_map

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


CONTROL_PAGE = 4096
"""Bytes of the one segment that worker and parent both write to."""


@pytest.fixture
def pool():
    with Pool(workers=1) as pool:
        yield pool


def one(f, pool, returns):
    """What `f`, which gets `x`, returns in a worker of `pool`."""
    table = numpy_map(f, {"x": np.zeros(1)}, pa.schema([("y", returns)]), pool=pool)
    return table.column("y")[0].as_py()


def test_numerical_libraries_use_the_threads_of_the_task(pool):
    names = [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "OMP_THREAD_LIMIT",
        "LOKY_MAX_CPU_COUNT",
        "POLARS_MAX_THREADS",
        "RAYON_NUM_THREADS",
    ]
    given = [name for name in names if name in os.environ]
    found = one(lambda x: [os.environ.get(name, "") for name in names], pool, pa.list_(pa.string()))
    assert dict(zip(names, found, strict=True)) == {name: os.environ[name] if name in given else "1" for name in names}


def test_who_counts_cores_by_joblib_counts_those_of_the_task(pool):
    def cores(x):
        import joblib

        return joblib.cpu_count()

    assert one(cores, pool, pa.int64()) == int(os.environ.get("LOKY_MAX_CPU_COUNT", "1"))


def own_descriptors():
    """What each descriptor of this process is, by number."""
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        try:
            found[int(link.name)] = str(link.readlink())
        except FileNotFoundError:  # that of the listing itself
            continue
    return found


def test_a_worker_has_none_of_its_parents_descriptors():
    """Not even those that are to be inherited, of a parent that is careless as a JVM is."""
    listening = socket.create_server(("127.0.0.1", 0))
    secret = os.open(__file__, os.O_RDONLY)
    os.set_inheritable(listening.fileno(), True)
    os.set_inheritable(secret, True)
    try:
        with Pool(workers=1) as pool:
            found = one(lambda x: list(own_descriptors().values()), pool, pa.list_(pa.string()))
    finally:
        listening.close()
        os.close(secret)
    sockets = {name for name in found if name.startswith("socket:")}
    assert len(sockets) == 2  # its channels
    others = {name.partition(":")[0] for name in found} - {"socket", "pipe", "/dev/null"}
    others -= {str(Path.cwd())}  # its own, to come back to
    assert {name for name in others if not name.startswith("/memfd")} == set()


def test_nobody_listens(pool):
    """Neither parent nor worker: each holds one end of a socket pair, which has no address."""

    def addresses(x=None):
        inodes = {name for name in own_descriptors().values() if name.startswith("socket:")}
        found = []
        for kind, column in (("tcp", 9), ("tcp6", 9), ("udp", 9), ("udp6", 9), ("unix", 6)):
            for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
                fields = line.split()
                has_address = kind != "unix" or len(fields) > 7
                if has_address and f"socket:[{fields[column]}]" in inodes:
                    found.append(f"{kind} {line}")
        return found

    before = addresses()
    assert one(addresses, pool, pa.list_(pa.string())) == []
    assert addresses() == before


@pytest.mark.parametrize("backend", ["memfd", "posix"])
def test_segments_are_of_their_owner_alone(backend):
    def modes(x):
        maps = [line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text().splitlines()]
        files = [Path(fields[5]) for fields in maps if len(fields) > 5 and "beringia" in fields[5]]
        named = [file for file in files if file.parent == Path("/dev/shm")]
        return [oct(file.stat().st_mode & 0o777) for file in named]

    with Pool(workers=1, segment_backend=backend) as pool:
        found = one(modes, pool, pa.list_(pa.string()))
    assert set(found) == ({"0o600"} if backend == "posix" else set())


def test_a_function_cannot_write_to_its_batch_by_any_way(pool):
    """Not by NumPy, not by a new mapping, not through /proc: the kernel refuses."""

    def attempts(x):
        written = []
        for fd, name in own_descriptors().items():
            if "memfd:beringia" not in name or os.fstat(fd).st_size <= CONTROL_PAGE:
                continue
            size, link = os.fstat(fd).st_size, f"/proc/self/fd/{fd}"
            ways = {
                "pwrite": lambda fd=fd: os.pwrite(fd, b"x", 0),
                "ftruncate": lambda fd=fd: os.ftruncate(fd, 0),
                "mmap": lambda fd=fd, size=size: mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_WRITE),
                "truncate": lambda link=link: os.truncate(link, 0),
            }
            for way, attempt in ways.items():
                try:
                    attempt()
                    written.append(way)
                except OSError:
                    pass
            written.append("")
        return written

    assert set(one(attempts, pool, pa.list_(pa.string()))) == {""}
