"""A pool of workers: shared by threads, not by forks; whole after failures; gone without a trace when interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from processes import marked

import beringia
from beringia.errors import (
    ArgumentError,
    ConfigError,
    GroupError,
    GroupTimeoutError,
    ResourceError,
    WorkerDiedError,
)

ONE = pa.schema({"r": pa.float64()})
DATA = {"k": np.array([2, 1, 2, 1, 3]), "x": np.array([1.0, 10.0, 2.0, 20.0, 5.0])}


def sums(pool):
    return beringia.numpy_map(lambda x: x.sum(), DATA, ONE, by="k", pool=pool)["r"].to_pylist()


@pytest.fixture(scope="module")
def pool():
    with beringia.Pool(workers=2, worker_cancel_grace="200ms") as pool:
        yield pool


def raises(x):
    raise ValueError("no luck")


def dies(x):
    os.kill(os.getpid(), signal.SIGKILL)


def sleeps(x):
    time.sleep(60)


@pytest.mark.parametrize(
    ("f", "error"),
    [(raises, GroupError), (dies, WorkerDiedError), (sleeps, GroupTimeoutError)],
    ids=lambda p: p.__name__,
)
def test_it_is_whole_after_a_failure(pool, f, error):
    started = time.monotonic()
    with pytest.raises(error):
        beringia.numpy_map(f, DATA, ONE, by="k", pool=pool, timeout=0.3)
    assert sums(pool) == [30.0, 3.0, 5.0]
    assert time.monotonic() - started < 10


def test_a_function_that_raises_costs_no_worker(pool):
    def process():
        return float(os.getpid())

    with beringia.Pool(1) as one:
        before = beringia.numpy_map(process, DATA, ONE, pool=one)["r"].to_pylist()
        with pytest.raises(GroupError):
            beringia.numpy_map(raises, DATA, ONE, pool=one)
        assert beringia.numpy_map(process, DATA, ONE, pool=one)["r"].to_pylist() == before


def test_threads_share_it(pool):
    def total(number):
        data = {"k": np.arange(100) % 7, "x": np.full(100, float(number))}
        return sum(beringia.numpy_map(lambda x: x.sum(), data, ONE, by="k", pool=pool)["r"].to_pylist())

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(total, range(24))) == [100.0 * number for number in range(24)]


def test_a_failure_in_one_thread_leaves_the_others_alone(pool):
    def call(number):
        f = raises if number % 3 == 0 else (lambda x: x.sum())
        try:
            return beringia.numpy_map(f, DATA, ONE, pool=pool)["r"].to_pylist()
        except GroupError as error:
            return "no luck" in str(error)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(call, range(12))) == [True, [38.0], [38.0]] * 4


def forked(action):
    """Run `action` in a fork of this process; whether it returned True."""
    child = os.fork()
    if child == 0:
        done = False
        try:
            done = action() is True
        finally:
            os._exit(0 if done else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_is_told_to_make_its_own(pool):
    assert sums(pool) == [30.0, 3.0, 5.0]

    def refused():
        with pytest.raises(ArgumentError, match=rf"belongs to process {os.getppid()}, from which this one was forked"):
            sums(pool)
        pool.close()
        return True

    assert forked(refused)
    assert sums(pool) == [30.0, 3.0, 5.0]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_calls_without_a_pool_work_in_a_fork(pool):
    assert sums(None) == [30.0, 3.0, 5.0]
    assert forked(lambda: sums(None) == [30.0, 3.0, 5.0])
    assert sums(None) == [30.0, 3.0, 5.0]


def test_a_closed_one_says_so():
    closed = beringia.Pool(1)
    closed.close()
    closed.close()
    with pytest.raises(ArgumentError, match="the pool is closed"):
        sums(closed)


def test_settings_are_written_as_arguments_and_named_so():
    with beringia.Pool(1, segment_backend="posix") as posix:
        assert sums(posix) == [30.0, 3.0, 5.0]
    with pytest.raises(ConfigError, match=r"Pool\(segment_backend=…\) is 'disk'"):
        beringia.Pool(1, segment_backend="disk")
    with pytest.raises(ConfigError, match="is no setting"):
        beringia.Pool(1, colour="blue")
    for name in ("segment_max_bytes", "segment_maxBytes"):
        with beringia.Pool(1, **{name: "1k"}) as small, pytest.raises(ResourceError, match=r"Pool\(segment_max_bytes"):
            sums(small)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_workers_are_a_number_above_zero(workers):
    with pytest.raises(ArgumentError, match="workers is a number of processes above zero"):
        beringia.Pool(workers)


PROGRAM = """
import sys, time
import numpy as np, pyarrow as pa
import beringia

def slow(k):
    time.sleep(60)

pool = beringia.Pool(2, segment_backend=sys.argv[1])
beringia.numpy_map(lambda k: 0.0, {"k": np.arange(4)}, pa.schema({"r": pa.float64()}), by="k", pool=pool, batch_bytes=1)
print("ready", flush=True)
started = time.monotonic()
try:
    beringia.numpy_map(slow, {"k": np.arange(4)}, pa.schema({"r": pa.float64()}), by="k", pool=pool, batch_bytes=1)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(beringia.numpy_map(lambda k: 1.0, {"k": np.arange(4)}, pa.schema({"r": pa.float64()}), pool=pool)["r"][0].as_py())
"""


@pytest.mark.parametrize("backend", ["memfd", "posix"])
@pytest.mark.parametrize("whom", ["parent", "group"])
def test_ctrl_c_stops_at_once_and_leaves_nothing(backend, whom):
    run = f"BERINGIA_TEST_RUN={uuid.uuid4().hex}"
    segments = {path.name for path in Path("/dev/shm").iterdir()}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, backend],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **dict([run.split("=")])},
        start_new_session=True,
    ) as program:
        assert program.stdout.readline() == "ready\n"
        threading.Event().wait(0.5)  # the calls are under way
        interrupted = time.monotonic()
        if whom == "group":
            os.killpg(program.pid, signal.SIGINT)
        else:
            program.send_signal(signal.SIGINT)
        assert program.stdout.readline() == "interrupted\n"
        assert time.monotonic() - interrupted < 3
        # The pool can be used again.
        output, errors = program.communicate(timeout=30)
        assert output == "1.0\n"
        assert "Traceback" not in errors
        assert program.returncode == 0
    deadline = time.monotonic() + 5
    while marked(run) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked(run) == set()
    left = {path.name for path in Path("/dev/shm").iterdir()} - segments
    assert {name for name in left if "beringia" in name and not name.endswith(".lease")} == set()
