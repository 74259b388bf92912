"""A worker keeps the memory of temporaries from call to call, and gives it back when no work comes."""

import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import beringia

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the heap of glibc")
FAULTS = pa.schema([("pid", pa.int64()), ("faults", pa.int64())])


def resident(pid):
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def test_temporaries_are_not_faulted_in_again_at_each_call_and_memory_comes_back():
    def work(x):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        parts = [np.ones(2_000_000) for _ in range(4)]
        del parts
        return os.getpid(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with beringia.Pool(workers=1) as pool:
        table = beringia.numpy_map(work, {"x": np.arange(50.0)}, FAULTS, per="row", pool=pool)
        (pid,) = set(table["pid"].to_pylist())
        pages = 4 * 16_000_000 // resource.getpagesize()
        assert np.median(table["faults"].to_numpy()) < pages / 10
        deadline = time.monotonic() + 20
        while resident(pid) > 60_000_000 + 16_000_000 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert resident(pid) < 60_000_000 + 16_000_000
