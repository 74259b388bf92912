"""CPython's own ``test_concurrent_futures``, that of the Python that runs this, on our executor: `make test-executors`.

What its tests are for process pools, ours are; what they do with contexts of multiprocessing is nothing here.
"""

from __future__ import annotations

import multiprocessing

import pytest

pytest.importorskip("test.test_concurrent_futures.util", reason="this Python came without its tests")

from peers.deviations import expected_to_fail
from test.test_concurrent_futures import (
    test_as_completed,
    test_deadlock,
    test_init,
    test_process_pool,
    test_shutdown,
    test_wait,
    util,
)

import beringia

_BY_NAME = "a script of its own imports the class by its name from concurrent.futures"
_ALONE = "what cannot be unpickled is the error of its call, as itself: nothing is broken"
_INHERITED = "locks and queues of multiprocessing are for its own children alone, by inheritance"
_BACKGROUND = "workers start in the background: right after submit there is none, and no call has begun"
_INSIDE = "looks into the threads of ProcessPoolExecutor"

DIFFERENT = {
    "test_interpreter_shutdown": _BY_NAME,
    "test_submit_after_interpreter_shutdown": _BY_NAME,
    "test_hang_gh83386": _BY_NAME,
    "test_killed_child": "a killed worker fails the call that it was at; others are made",
    "test_error_at_task_unpickle": _ALONE,
    "test_error_during_result_unpickle_in_result_handler": _ALONE,
    "test_exit_during_result_unpickle_in_result_handler": _ALONE,
    "test_exit_at_task_unpickle": _ALONE,
    "test_shutdown_deadlock_pickle": _INSIDE,
    "FailingInitializerMixin.test_initializer": _INHERITED,
    "test_saturation": _INHERITED,
    "test_processes_terminate": _INHERITED,
    "test_cancel_futures": _BACKGROUND,
    "test_max_tasks_per_child_defaults_to_spawn_context": "there is no context: workers are always spawned",
    "test_python_finalization_error": "a thread that cannot start is an error of submit",
}
"""Tests that must fail, and why that is wanted."""

NOT_OURS = ("test_context_manager_shutdown", "test_del_shutdown", "test_shutdown_no_wait")
"""Tests that make a ProcessPoolExecutor of their own, whatever they are given."""


class Executor(beringia.Executor):
    """Ours, with the argument that these tests always give."""

    def __init__(self, max_workers=None, mp_context=None, **options):
        super().__init__(max_workers, **options)


class BeringiaMixin(util.ExecutorMixin):
    executor_type = Executor
    ctx = "spawn"

    def get_context(self):
        return multiprocessing.get_context("spawn")


for _suite in (
    test_as_completed.AsCompletedTests,
    test_deadlock.ExecutorDeadlockTest,
    test_init.FailingInitializerMixin,
    test_init.InitializerMixin,
    test_process_pool.ProcessPoolExecutorTest,
    test_shutdown.ProcessPoolShutdownTest,
    test_wait.WaitTests,
):
    _found: dict[str, type] = {"__name__": __name__}
    util.create_executor_tests(_found, _suite, executor_mixins=(BeringiaMixin,))
    for _name, _class in _found.items():
        if _name != "__name__":
            for _test in (name for name in dir(_class) if name.startswith("test_")):
                _why = DIFFERENT.get(_test) or DIFFERENT.get(f"{_suite.__name__}.{_test}")
                if _test in NOT_OURS:
                    setattr(_class, _test, None)
                elif _why is not None:
                    setattr(_class, _test, expected_to_fail(getattr(_class, _test), _why))
            globals()[_name] = _class
del _class
