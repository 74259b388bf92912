"""The workers of this process: an explicit pool, or the default one that calls share."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from beringia import _native
from beringia._cores import cores as cores
from beringia.errors import ArgumentError
from beringia.local import logs
from beringia.local.async_result import Results
from beringia.local.tasks import Tasks

if TYPE_CHECKING:
    from beringia.futures import Executor

_SETTINGS = {
    "batch_bytes": "2m",  # a batch costs less without a JVM, and a small one stays in the processor's cache
    "worker_cancel_grace": "100ms",  # somebody waits at the terminal for Ctrl-C to do something
}
"""Defaults that differ from those on Spark."""


class Pool(Tasks):
    """Worker processes that calls of ``numpy_map`` use one after the other; and a :class:`multiprocessing.pool.Pool`.

    Parameters
    ----------
    workers : int, optional
        The most processes at once that a call of ``numpy_map`` has, or an executor, the methods of this pool, or a run
        of :func:`beringia.spmd`; by default the cores that this process may use. Each starts when it is needed.
    initializer : callable, optional
        As with :class:`beringia.Executor`, for :meth:`apply`, :meth:`map` and their like; ``numpy_map`` has other
        workers then.
    initargs : tuple, optional
        Its arguments.
    max_tasks_per_child : int, optional
        As with :class:`beringia.Executor`.
    **settings
        Those of docs/configuration.md in snake case: ``segment.maxBytes`` is ``Pool(segment_max_bytes="1g")``.

    Raises
    ------
    ArgumentError
        If `workers` is no number of processes.
    ConfigError
        If a setting is unknown or has a bad value.

    Notes
    -----
    Several threads may use a pool at once: their calls share the workers. A process that is forked from this one
    cannot use it, and makes a pool of its own; calls without a pool do so by themselves.

    Examples
    --------
    >>> with Pool(workers=2) as pool:
    ...     table = numpy_map(lambda x: x.max(), data, pa.schema({"top": pa.float64()}), by="g", pool=pool)
    ...     squares = pool.map(lambda x: x * x, range(4))
    >>> table.num_rows, squares
    (2, [0, 1, 4, 9])
    """

    def __init__(
        self,
        workers: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        max_tasks_per_child: int | None = None,
        **settings: Any,
    ) -> None:
        check_workers(workers)
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        logs.start()
        given = [(name, str(value)) for name, value in [*_SETTINGS.items(), *settings.items()]]
        self._workers = workers or cores()
        # One group's function may use the workers that others leave (beringia.scatter).
        given.insert(0, ("worker_busy", str(self._workers)))
        self._native = _native.Pool(given, self._workers)
        self._task_options = {
            "initializer": initializer,
            "initargs": initargs,
            "max_tasks_per_child": max_tasks_per_child,
        }
        self._executor: Executor | None = None
        self._results: weakref.WeakSet[Results[Any]] = weakref.WeakSet()  # that may have calls to be made
        self._lock = threading.Lock()
        self._closed = False

    @property
    def native(self) -> _native.Pool:
        """The pool behind it.

        Raises
        ------
        ArgumentError
            If the pool is closed, or belongs to the process that this one was forked from.
        """
        if self._closed:
            raise ArgumentError("the pool is closed: make another with beringia.Pool()")
        self.require_own_process()
        return self._native

    def require_own_process(self) -> None:
        """Refuse to be used in a process that was forked from the one that made it."""
        if self._native.process != os.getpid():
            raise ArgumentError(
                f"the pool belongs to process {self._native.process}, from which this one was forked: make one here "
                "with beringia.Pool()"
            )

    def close(self) -> None:
        """Take nothing any more, and end the workers when the calls of :meth:`apply_async` and its like are over.

        Closing twice is nothing, and so is closing in a process that was forked meanwhile.
        """
        if self._closed:
            return
        if self._native.process == os.getpid():
            for results in list(self._results):
                results.make_all()
        self._closed = True
        if self._executor is None or not self._executor._close(self._end_workers):
            self._end_workers()

    def terminate(self) -> None:
        """End the workers now: calls that have not begun are cancelled, those that run fail.

        Nothing in a process that was forked meanwhile.
        """
        self._closed = True
        if self._executor is not None:
            self._executor.kill_workers()
        self._end_workers()

    def join(self) -> None:
        """Wait for the end of the calls.

        Raises
        ------
        ValueError
            Before :meth:`close` or :meth:`terminate`.
        """
        if not self._closed:
            raise ValueError("Pool is still running")
        if self._executor is not None:
            self._executor.shutdown()

    def _end_workers(self) -> None:
        if self._native.process == os.getpid():
            self._native.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.terminate()


_default: dict[tuple[int, int], Pool] = {}
_lock = threading.Lock()


def default(workers: int | None) -> Pool:
    """Return the pool that calls share, one for each process and number of workers; it ends with the process."""
    check_workers(workers)
    key = os.getpid(), workers or cores()
    with _lock:
        if key not in _default:
            _default[key] = Pool(key[1])
            atexit.register(_default[key].close)
        return _default[key]


def _after_fork() -> None:
    """Renew the lock: a thread that this process does not have may have held it."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def check_workers(workers: object) -> None:
    """Refuse what is no number of processes."""
    if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
        raise ArgumentError(f"workers is a number of processes above zero, got {workers!r}")
