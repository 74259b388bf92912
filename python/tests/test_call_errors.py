"""What goes wrong in a call is the error of its future, and of no other's."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from processes import die

import beringia
from beringia.errors import GroupError, WorkerDiedError


def mul(x, y=1):
    return x * y


def test_an_exception_arrives_as_itself_with_the_workers_traceback(executor):
    class OwnError(Exception):
        pass

    def fails():
        raise OwnError("no", 5)

    error = executor.submit(fails).exception()
    assert type(error) is OwnError and error.args == ("no", 5)
    assert "in fails" in str(error.__cause__) and 'raise OwnError("no", 5)' in str(error.__cause__)
    assert isinstance(executor.submit(sys.exit, 3).exception(), SystemExit)


class AwkwardError(Exception):
    def __init__(self, one, two):
        super().__init__("awkward")


class Unloadable:
    def __reduce__(self):
        return int, ("no number",)


def test_what_does_not_unpickle_is_an_error_of_its_call(executor):
    def awkward():
        raise AwkwardError(1, 2)

    error = executor.submit(awkward).exception()
    assert isinstance(error, GroupError) and "awkward" in str(error) and "in awkward" in error.traceback
    assert "in awkward" in str(error.__cause__)
    assert isinstance(executor.submit(Unloadable).exception(), ValueError)
    assert isinstance(executor.submit(mul, Unloadable()).exception(), ValueError)
    assert executor.submit(mul, 1).result() == 1


def test_what_cannot_be_pickled_is_an_error_of_its_call_that_names_it(executor):
    def noted(call):
        with pytest.raises(TypeError) as raised:
            call()
        return getattr(raised.value, "__notes__", None)  # which Python 3.10 has not

    lock = threading.Lock()
    for call, note in (
        (lambda: executor.submit(mul, 1, lock).result(), "argument 2, a lock, of a call of 'mul' cannot"),
        (lambda: executor.submit(mul, 1, y=lock).result(), "argument 'y', a lock, of a call of 'mul' cannot"),
        (
            lambda: list(executor.map(mul, [1, 2, lock], chunksize=3)),
            "argument 1 of item 3 of a chunk, a lock, of a call of 'mul' cannot",
        ),
        (
            lambda: beringia.scatter(mul, [1, lock]),
            "argument 1 of item 1 of a chunk, a lock, of a call of 'mul' cannot",
        ),
        (lambda: executor.submit(lambda: lock).result(), "the function of a call of"),
        (lambda: executor.submit(threading.Lock).result(), "what 'allocate_lock' returned, a lock, cannot be sent"),
    ):
        notes = noted(call)
        assert sys.version_info < (3, 11) or notes[0].startswith(note), notes
    trace = str(executor.submit(threading.Lock).exception().__cause__)
    assert "_call_pickle" not in trace
    assert executor.submit(mul, 1).result() == 1


def test_a_killed_worker_fails_the_call_that_it_was_at_alone():
    with beringia.Executor(2) as executor:
        calls = [executor.submit(die if x == 20 else mul, *([] if x == 20 else [x])) for x in range(60)]
        error = calls.pop(20).exception()
        assert isinstance(error, WorkerDiedError) and isinstance(error, BrokenProcessPool)
        assert "SIGKILL" in str(error) and "'die'" in str(error)
        assert [call.result() for call in calls] == [x for x in range(60) if x != 20]
        assert executor.submit(mul, 5).result() == 5


def test_a_call_is_made_again_only_where_that_was_asked_for(tmp_path):
    def dies_at_first(path):
        with Path(path).open("a") as file:
            file.write("x")
        if len(Path(path).read_text()) < 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return "at last"

    with beringia.Executor(1) as executor:
        once, often = str(tmp_path / "once"), str(tmp_path / "often")
        with pytest.raises(WorkerDiedError):
            executor.submit(dies_at_first, once).result()
        assert Path(once).read_text() == "x"
        assert executor.options(retries=2).submit(dies_at_first, often).result() == "at last"


def test_a_call_that_takes_too_long_is_ended_alone(executor):
    started = time.monotonic()
    slow = executor.options(timeout=0.3).submit(time.sleep, 60)
    other = executor.submit(mul, 3)
    with pytest.raises(concurrent.futures.TimeoutError, match="took longer than the timeout"):
        slow.result()
    assert other.result() == 3
    assert time.monotonic() - started < 10


def test_a_result_larger_than_memory_fails_alone(executor):
    error = executor.submit(np.zeros, 1 << 45, np.uint8).exception()
    assert isinstance(error, (MemoryError, beringia.errors.ResourceError))
    assert executor.submit(mul, 1).result() == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_is_told_to_make_its_own(executor):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            executor.submit(mul, 1)
        except RuntimeError as error:
            executor.shutdown()
            code = 0 if "forked" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert executor.submit(mul, 1).result() == 1
