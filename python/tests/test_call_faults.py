"""Faults on calls of an executor: each fails its own call with its own error, and nothing is left behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import TimeoutError as FuturesTimeoutError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from processes import marked

import beringia
from beringia.errors import GroupError, ResourceError, WorkerDiedError


def descriptors():
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 (names, not paths)


def segments():
    found = {path.name for path in Path("/dev/shm").iterdir()}
    return {name for name in found if "beringia" in name and not name.endswith(".lease")}


@pytest.fixture
def clean(monkeypatch):
    """Looks at what is left after the test: no process, no descriptor, no named segment."""
    mark = f"call-fault-{os.getpid()}-{time.monotonic_ns()}"
    monkeypatch.setenv("BERINGIA_TEST_RUN", mark)
    before = descriptors(), segments()
    yield mark
    gc.collect()
    deadline = time.monotonic() + 5
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked(mark) == set()
    assert len(descriptors()) <= len(before[0])
    assert segments() - before[1] == set()


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def crashes():
    os.kill(os.getpid(), signal.SIGSEGV)


def leaves():
    os._exit(3)


def hangs():
    time.sleep(600)


def stops():
    os.kill(os.getpid(), signal.SIGSTOP)


def closes():
    os.closerange(0, 4096)


def forks_and_the_parent_leaves():
    if os.fork():
        os._exit(7)
    return "child"


class Unloadable:
    def __reduce__(self):
        return int, ("no number",)


class AwkwardError(Exception):
    def __init__(self, one, two):
        super().__init__("awkward")


def raises_awkward():
    raise AwkwardError(1, 2)


def too_large():
    return np.ones(4 << 20, np.uint8)


FAULTS = [
    (killed, WorkerDiedError, r"was killed by SIGKILL.*'killed' ran"),
    (crashes, WorkerDiedError, r"(?s)was killed by SIGSEGV.*in crashes.*'crashes' ran"),
    (leaves, WorkerDiedError, r"exited with code 3 \('leaves' ran\)"),
    (hangs, FuturesTimeoutError, r"took longer than the timeout of 300ms \('hangs' ran\)"),
    (stops, FuturesTimeoutError, r"took longer than the timeout of 300ms \('stops' ran\)"),
    (closes, WorkerDiedError, r"closed file descriptors that are not its own \('closes' ran\)"),
    (forks_and_the_parent_leaves, WorkerDiedError, r"exited with code 7"),
    (Unloadable, ValueError, "no number"),
    (raises_awkward, GroupError, r"'raises_awkward' raised .*AwkwardError: awkward.*cannot be brought here"),
    (too_large, ResourceError, r"Pool\(segment_max_bytes=…\) allows 1048576 bytes"),
]


@pytest.mark.parametrize("backend", ["memfd", "posix"])
@pytest.mark.parametrize(("fault", "error", "says"), FAULTS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_fault_fails_its_own_call_and_leaves_nothing(clean, backend, fault, error, says):
    def slow_sum(x):
        time.sleep(0.2)
        return x.sum()

    with beringia.Executor(2, segment_backend=backend, segment_max_bytes="1m") as executor:
        timeout = 0.3 if fault in (hangs, stops) else None
        call = executor.options(timeout=timeout).submit(fault)
        beside = executor.submit(slow_sum, np.ones(50_000))
        with pytest.raises(error, match=says) as raised:
            call.result(timeout=20)
        assert isinstance(raised.value, BrokenProcessPool) == (error is WorkerDiedError)
        assert beside.result(timeout=20) == 50_000
        assert executor.submit(pow, 2, 3).result(timeout=20) == 8
        assert marked(clean)


def test_a_fork_that_returns_too_answers_once(clean):
    def forks():
        parent = os.getpid()
        os.fork()
        return parent, os.getpid()

    with beringia.Executor(2) as executor:
        parent, answered = executor.submit(forks).result(timeout=20)
        assert parent == answered
        assert executor.submit(pow, 2, 3).result(timeout=20) == 8


def test_an_initializer_that_raises_leaves_nothing(clean):
    def begin():
        raise ValueError("not today")

    with beringia.Executor(2, initializer=begin) as executor, pytest.raises(BrokenProcessPool, match="not today"):
        executor.submit(pow, 2, 3).result(timeout=20)


def test_an_argument_that_cannot_be_pickled_leaves_nothing(clean):
    with beringia.Executor(2) as executor:
        call = executor.submit(id, threading.Lock())
        with pytest.raises(TypeError, match="cannot pickle"):
            call.result(timeout=20)
        assert executor.submit(pow, 2, 3).result(timeout=20) == 8


def test_only_a_call_whose_worker_died_is_made_again(clean, tmp_path):
    def dies_once(path):
        if not path.exists():
            path.touch()
            killed()
        return "done"

    def counts(path, fault):
        path.write_text(f"{path.read_text() if path.exists() else ''}x")
        return fault()

    with beringia.Executor(2, retries=2, segment_max_bytes="1m") as executor:
        assert executor.submit(dies_once, tmp_path / "once").result(timeout=20) == "done"
        for fault in (raises_awkward, Unloadable, too_large):
            path = tmp_path / fault.__name__
            assert executor.submit(counts, path, fault).exception(timeout=20) is not None
            assert path.read_text() == "x"
        assert isinstance(executor.submit(counts, tmp_path / "killed", killed).exception(timeout=20), WorkerDiedError)
        assert (tmp_path / "killed").read_text() == "xxx"


def test_workers_that_are_ended_fail_what_runs_and_cancel_what_waits(clean):
    executor = beringia.Executor(1)
    running, waiting = executor.submit(hangs), executor.submit(pow, 2, 3)
    while not running.running():
        time.sleep(0.01)
    executor.terminate_workers()
    assert isinstance(running.exception(timeout=20), WorkerDiedError)
    assert waiting.cancelled()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(pow, 2, 3)


PARENT = """
import os, signal, sys, time
import numpy as np
import beringia

with beringia.Executor(2, segment_backend="posix") as executor:
    calls = [executor.submit(lambda x: time.sleep(60), np.ones(500_000)) for _ in range(4)]
    while not any(call.running() for call in calls):
        time.sleep(0.01)
    print("runs", flush=True)
    calls[0].result()
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_calls_end_with_a_caller_that_is_interrupted_or_killed(clean, sent):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout.readline() == "runs\n"
        assert len(marked(clean)) >= 2
        sent_at = time.monotonic()
        parent.send_signal(sent)
        _, says = parent.communicate(timeout=50)
        assert ("KeyboardInterrupt" in says) == (sent == signal.SIGINT)
    assert time.monotonic() - sent_at < 20
    deadline = time.monotonic() + 20
    while marked(clean) and time.monotonic() < deadline:
        time.sleep(0.05)
    beringia.Executor(1, segment_backend="posix").shutdown()  # whoever comes next removes what a killed one left
