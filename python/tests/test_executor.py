"""The executor: the contract of concurrent.futures, arrays without copies, and what becomes of what goes wrong."""

from __future__ import annotations

import concurrent.futures
import functools
import gc
import math
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

import beringia
from beringia.errors import ArgumentError, GroupError, WorkerDiedError


@pytest.fixture(scope="module")
def executor():
    with beringia.Executor(2) as executor:
        yield executor


def mul(x, y=1):
    return x * y


def pid():
    return os.getpid()


def die():
    os.kill(os.getpid(), signal.SIGKILL)


# What the standard library's executors do.


def test_submit_gives_a_future_of_the_standard_library(executor):
    future = executor.submit(mul, 2, y=8)
    assert isinstance(future, concurrent.futures.Future)
    assert future.result() == 16
    assert future.done() and not future.running() and not future.cancel()


def test_functions_are_anything_that_can_be_called(executor):
    factor = 3
    calls = [
        executor.submit(lambda x: x * factor, 2),
        executor.submit(functools.partial(mul, 3), 2),
        executor.submit(math.sqrt, 36),
        executor.submit(np.add, 2, 4),
        executor.submit([1, 6].pop),
        executor.submit(int, "6"),
    ]
    assert [call.result() for call in calls] == [6] * 6


@pytest.mark.parametrize(
    "options", [{}, {"chunksize": 7}, {"buffersize": 3}, {"chunksize": 4, "buffersize": 2}], ids=str
)
def test_map_gives_results_in_order(executor, options):
    assert list(executor.map(mul, range(50), range(60), **options)) == [x * x for x in range(50)]


def test_map_stops_at_what_raises_and_takes_no_more_than_its_buffer(executor):
    results = executor.map(divmod, [1, 1, 1], [2, 0, 2])
    assert next(results) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        next(results)
    taken = []
    some = executor.map(mul, (taken.append(x) or x for x in range(100)), buffersize=4)
    assert len(taken) == 4
    assert next(some) == 0 and len(taken) == 5


class Thing:
    pass


@pytest.mark.parametrize("chunksize", [1, 3])
def test_map_keeps_nothing_that_it_gave_away(executor, chunksize):
    for thing in executor.map(lambda _: Thing(), range(6), chunksize=chunksize):
        there = weakref.ref(thing)
        del thing
        ends = time.monotonic() + 10
        while there() is not None and time.monotonic() < ends:
            time.sleep(0.01)
        assert there() is None


def test_map_has_a_time_for_all():
    with beringia.Executor(1) as executor, pytest.raises(concurrent.futures.TimeoutError):
        list(executor.map(time.sleep, [0, 0, 1.2], timeout=0.7))


@pytest.mark.parametrize(
    ("options", "error"),
    [({"chunksize": 0}, ValueError), ({"buffersize": 0}, ValueError), ({"buffersize": "3"}, TypeError)],
    ids=str,
)
def test_map_refuses_what_is_no_number(executor, options, error):
    with pytest.raises(error):
        executor.map(mul, range(3), **options)


def test_wait_and_as_completed(executor):
    slow, quick = executor.submit(time.sleep, 0.4), executor.submit(mul, 1)
    done, rest = concurrent.futures.wait([slow, quick], return_when=concurrent.futures.FIRST_COMPLETED)
    assert (done, rest) == ({quick}, {slow})
    assert list(concurrent.futures.as_completed([slow, quick])) == [quick, slow]


def test_numbers_may_be_of_numpy_and_must_be_whole(executor):
    with beringia.Executor(np.int64(1)) as alone:
        assert list(alone.map(mul, range(5), chunksize=np.int32(2))) == list(range(5))
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        beringia.Executor(1.5)
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        executor.map(mul, range(5), chunksize=1.5)


def test_a_callback_that_waits_keeps_no_call_waiting():
    with beringia.Executor(2) as executor:
        goes_on, within = threading.Event(), queue.SimpleQueue()
        for _ in range(2):  # the second time it is over when the callback is added, mostly
            first = executor.submit(mul, 1)
            first.add_done_callback(lambda _: within.put(executor.submit(mul, 2).result(timeout=30)))
            assert within.get(timeout=30) == 2
        blocked = executor.submit(time.sleep, 0.1)
        blocked.add_done_callback(lambda _: within.put(goes_on.wait(30)))
        blocked.result(timeout=30)
        assert list(executor.map(mul, range(50), timeout=20)) == list(range(50))
        goes_on.set()
    assert within.get_nowait()  # as shutdown waits for callbacks, too


def test_callbacks_run_in_this_process(executor):
    seen = threading.Event()
    executor.submit(mul, 1).add_done_callback(lambda future: seen.set() if future.result() == 1 else None)
    assert seen.wait(10)


def test_after_shutdown_no_call_is_taken_and_those_taken_are_made():
    executor = beringia.Executor(1)
    calls = [executor.submit(mul, x) for x in range(20)]
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(mul, 1)
    assert [call.result() for call in calls] == list(range(20))
    executor.shutdown()


def test_shutdown_cancels_what_has_not_begun():
    executor = beringia.Executor(1)
    running = executor.submit(time.sleep, 0.3)
    while not running.running():
        time.sleep(0.01)
    rest = [executor.submit(mul, 1) for _ in range(10)]
    executor.shutdown(cancel_futures=True)
    assert running.result() is None
    assert all(call.cancelled() for call in rest)


def test_a_call_can_be_cancelled_until_it_begins(executor):
    with beringia.Executor(1) as one:
        one.submit(mul, 1).result()
        running, following = one.submit(time.sleep, 0.3), one.submit(mul, 1)
        while not running.running():
            time.sleep(0.01)
        assert following.cancel() and following.cancelled()
        assert not running.cancel()
        assert concurrent.futures.wait([following], timeout=0).done == {following}
        assert running.result() is None


def test_an_executor_that_nobody_has_finishes_its_calls():
    calls = [beringia.Executor(1).submit(mul, x) for x in range(2)]
    gc.collect()
    assert [call.result() for call in calls] == [0, 1]


def test_workers_begin_with_the_initializer_and_are_replaced():
    def begin(value):
        os.environ["BEGUN"] = value

    with beringia.Executor(1, initializer=begin, initargs=("yes",), max_tasks_per_child=3) as executor:
        assert executor.submit(os.getenv, "BEGUN").result() == "yes"
        assert len({executor.submit(pid).result() for _ in range(8)}) == 3


def test_an_initializer_that_raises_breaks_the_executor():
    def begin():
        raise ValueError("not today")

    with beringia.Executor(2, initializer=begin) as executor:
        call = executor.submit(mul, 1)
        with pytest.raises(BrokenProcessPool, match="not today"):
            call.result()
        with pytest.raises(BrokenProcessPool, match="not today"):
            executor.submit(mul, 1)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_workers": 0}, ValueError),
        ({"initializer": 5}, TypeError),
        ({"max_tasks_per_child": 0}, ValueError),
        ({"max_tasks_per_child": 1.5}, TypeError),
        ({"timeout": -1}, ArgumentError),
        ({"retries": -1}, ArgumentError),
        ({"pool": None, "colour": "blue"}, ValueError),
    ],
    ids=str,
)
def test_options_are_looked_at(options, error):
    with pytest.raises(error):
        beringia.Executor(**options)


def test_workers_can_be_shared_with_numpy_map():
    with beringia.Pool(1) as pool:
        with beringia.Executor(pool=pool) as executor:
            process = executor.submit(pid).result()
        with beringia.Executor(pool=pool) as executor:
            assert executor.submit(pid).result() == process


# Data.


def arrays():
    table = np.arange(600_000.0).reshape(300, 2000)
    return {
        "C": table,
        "Fortran": np.asfortranarray(table),
        "strided": table[::2, ::-3],
        "read-only": np.broadcast_to(np.float64(3), (300, 300)),
        "structured": np.zeros(30_000, "i4,f8"),
        "masked": np.ma.masked_greater(table, 5),
        "dates": np.arange(100_000).astype("M8[s]"),
        "objects": np.array([None, "a", 3.0], object),
        "small": np.arange(3),
        "empty": np.empty((0, 7)),
        "large": np.arange(3_000_000, dtype=np.int16),
    }


@pytest.mark.parametrize("kind", arrays())
def test_arrays_come_and_go_as_they_are(executor, kind):
    array = arrays()[kind]
    back = executor.submit(lambda x: x, array).result()
    assert (type(back), back.dtype, back.shape) == (type(array), array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


def test_what_a_call_writes_to_its_argument_is_its_own(executor):
    array = np.zeros(1_000_000)

    def write(x):
        before = x.sum()
        x[:] = 1
        return before, x.sum()

    assert [executor.submit(write, array).result() for _ in range(3)] == [(0, 1_000_000)] * 3
    assert array.sum() == 0


def test_a_manager_of_multiprocessing_is_known_in_calls(executor):
    with multiprocessing.get_context("spawn").Manager() as manager:
        values = manager.list()
        for call in [executor.submit(lambda values, x: values.append(x), values, x) for x in range(3)]:
            call.result()
        assert sorted(values) == [0, 1, 2]


def test_what_is_written_between_two_calls_is_seen(executor):
    array = np.zeros(1_000_000)
    first = executor.submit(np.sum, array)
    array[:] = 1
    assert (first.result(), executor.submit(np.sum, array).result()) == (0, 1_000_000)


def test_results_own_their_memory(executor):
    first = executor.submit(np.full, 500_000, 1.0).result()
    others = [executor.submit(np.full, 500_000, 2.0).result() for _ in range(5)]
    first += 1
    assert first.sum() == 1_000_000
    assert all(other.sum() == 1_000_000 for other in others)


def test_views_that_a_function_keeps_stay_as_they_were():
    def keep(x):
        kept = vars(math).setdefault("kept", [])
        kept.append(x)
        return [each.sum() for each in kept]

    with beringia.Executor(1) as one:
        for number in range(3):
            sums = one.submit(keep, np.full(200_000, float(number))).result()
        assert sums == [0, 200_000, 400_000]


def test_an_array_is_placed_once():
    array = np.ones(16_000_000)
    with beringia.Executor(1) as one:
        one.submit(np.sum, array).result()
        started = time.perf_counter()
        for _ in range(5):
            one.submit(len, array).result()
        again = (time.perf_counter() - started) / 5
    started = time.perf_counter()
    array.copy()
    assert again < 2 * (time.perf_counter() - started)


# What goes wrong.


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


def test_short_calls_do_not_wait_behind_a_long_one(executor):
    list(executor.map(mul, range(100)))
    started = time.monotonic()
    long = executor.submit(time.sleep, 1.5)
    assert list(executor.map(mul, range(100))) == list(range(100))
    assert time.monotonic() - started < 1.2
    long.result()


def test_an_executor_in_a_call_cannot_deadlock():
    def tree(executor, depth):
        if depth == 0:
            return 1
        return sum(call.result() for call in [executor.submit(tree, executor, depth - 1) for _ in range(2)])

    with beringia.Executor(1) as one:
        assert one.submit(tree, one, 4).result(timeout=30) == 16


def test_workers_can_be_killed():
    executor = beringia.Executor(1)
    running = executor.submit(time.sleep, 60)
    while not running.running():
        time.sleep(0.01)
    waiting = executor.submit(mul, 1)
    (process,) = executor._processes.values()
    executor.kill_workers()
    assert waiting.cancelled()
    assert isinstance(running.exception(timeout=10), BrokenProcessPool)
    process.join(10)
    assert not process.is_alive()


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


# Scripts.


def run(source, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_script_needs_no_guard_and_its_globals_are_one_namespace():
    done = run(
        """
        import beringia

        SCALE, STATE = 2, None

        def begin():
            global STATE
            STATE = "set by the initializer"

        def state():
            return STATE, SCALE

        executor = beringia.Executor(1, initializer=begin)
        print(executor.submit(state).result())
        SCALE = 3
        print(executor.submit(state).result())
        SCALE = 2
        print(executor.submit(state).result())
        """
    )
    assert done.stderr == ""
    told = [f"('set by the initializer', {scale})" for scale in (2, 3, 2)]
    assert done.stdout.splitlines() == told


def test_pending_calls_are_finished_at_exit_and_nothing_stays():
    segments = {path.name for path in Path("/dev/shm").iterdir()}
    done = run(
        """
        import atexit, time
        import beringia

        def late(x):
            time.sleep(0.1)
            return x

        calls = [beringia.Executor(2, segment_backend="posix").submit(late, x) for x in range(3)]
        atexit.register(lambda: print([call.result() for call in calls]))
        calls[0].add_done_callback(lambda call: print("done"))
        """
    )
    assert "Traceback" not in done.stderr
    assert sorted(done.stdout.splitlines()) == ["[0, 1, 2]", "done"]
    left = {path.name for path in Path("/dev/shm").iterdir()} - segments
    assert {name for name in left if "beringia" in name and not name.endswith(".lease")} == set()


def test_after_the_end_of_the_interpreter_no_call_is_taken():
    done = run(
        """
        import atexit
        import beringia

        executor = beringia.Executor(1)
        executor.submit(int).result()

        @atexit.register
        def late():
            try:
                executor.submit(int)
            except RuntimeError as error:
                print(error)
        """
    )
    assert (done.stdout, done.stderr) == ("cannot schedule new futures after shutdown\n", "")
