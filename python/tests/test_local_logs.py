"""What functions print and log on the local front: in the logging of this process, under ``beringia.worker``."""

from __future__ import annotations

import logging
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest

import beringia

ONE = pa.schema({"r": pa.float64()})
DATA = {"k": np.array([1, 2]), "x": np.array([1.0, 2.0])}


@pytest.fixture(scope="module")
def pool():
    with beringia.Pool(workers=1) as pool:
        yield pool


def messages(caplog, count):
    """The records of workers' loggers, as soon as there are `count`."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = [record for record in caplog.records if record.name.startswith("beringia.worker.")]
        if len(found) >= count:
            break
        time.sleep(0.01)
    return sorted((record.name, record.levelname, record.getMessage().partition(" [worker")[0]) for record in found)


def test_output_names_logger_level_and_group(pool, caplog):
    caplog.set_level(logging.DEBUG, "beringia.worker")

    def talks(k, x):
        print("number", k)
        logging.getLogger("fit").debug("a detail of %d", k)
        return 0.0

    beringia.numpy_map(talks, DATA, ONE, by="k", pool=pool)
    assert messages(caplog, 4) == [
        ("beringia.worker.fit", "DEBUG", "a detail of 1"),
        ("beringia.worker.fit", "DEBUG", "a detail of 2"),
        ("beringia.worker.stdout", "INFO", "number 1"),
        ("beringia.worker.stdout", "INFO", "number 2"),
    ]
    assert any(record.getMessage().endswith(".talks', k=2]") for record in caplog.records)


def test_what_nobody_reads_is_not_sent(pool, caplog):
    caplog.set_level(logging.WARNING, "beringia.worker")

    def talks(x):
        logging.getLogger("fit").info("not wanted")
        logging.getLogger("fit").warning("level %d", logging.getLogger().level)
        return 0.0

    beringia.numpy_map(talks, DATA, ONE, pool=pool)
    assert messages(caplog, 1) == [("beringia.worker.fit", "WARNING", "level 30")]


def test_without_logging_what_is_printed_is_on_standard_error():
    program = """
import sys
import numpy as np, pyarrow as pa, beringia
data, returns = {"x": np.ones(3)}, pa.schema({"r": pa.float64()})
beringia.numpy_map(lambda x: print("hello") or 0.0, data, returns, workers=1)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr.startswith("hello [worker ")


def test_what_is_printed_is_seen_in_a_fork_too():
    program = """
import os, sys, time
import numpy as np, pyarrow as pa, beringia
data, returns = {"x": np.ones(3)}, pa.schema({"r": pa.float64()})
beringia.numpy_map(lambda x: 0.0, data, returns, workers=1)
if os.fork() == 0:
    beringia.numpy_map(lambda x: print("hello") or 0.0, data, returns, workers=1)
    time.sleep(1)  # a fork's exit hooks do not run
    sys.stderr.flush()
    os._exit(0)
os.wait()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "hello [worker " in done.stderr
