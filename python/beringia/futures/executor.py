"""``concurrent.futures.Executor`` on our workers: arrays in shared memory, and a dead worker that harms one call."""

from __future__ import annotations

import functools
import operator
import os
import sys
import weakref
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from beringia import _call_pickle, _function, _native
from beringia.errors import ArgumentError
from beringia.futures.lanes import CallFuture, Lanes
from beringia.futures.mapping import Maps
from beringia.futures.nested import Nested
from beringia.futures.options import arguments, check_options, unsendable
from beringia.futures.process import Process
from beringia.local import pool as pools


class Executor(Maps):
    """Calls functions in worker processes.

    Parameters
    ----------
    max_workers : int, optional
        The most processes at once; by default the cores that this process may use. Each starts when it is needed.
    initializer : callable, optional
        Called in each worker, with `initargs`, before its first call. What it sets, functions of ``__main__`` see.
    initargs : tuple, optional
        Its arguments.
    max_tasks_per_child : int, optional
        Calls after which a worker is replaced by a fresh one; by default never.
    timeout : float, optional
        Seconds that one call may take, once it runs. Its worker is ended then.
    retries : int, default 0
        How often a call is made again after a worker died in it. Without, no call is made twice.
    threads : int, default 1
        Threads that a library in a worker may use, unless variables of this process say otherwise.
    pool : Pool, optional
        Whose workers to use, as calls of ``numpy_map`` do; otherwise this executor has its own.
    **settings
        As :class:`beringia.Pool` takes them.

    Raises
    ------
    ValueError, TypeError
        If a number is none, as :class:`concurrent.futures.ProcessPoolExecutor` does.
    ArgumentError
        If the initializer cannot be pickled, or the pool is none or closed.

    Notes
    -----
    Functions and arguments travel as cloudpickle has them: lambdas, closures, functions of a script or notebook, which
    needs no ``if __name__ == "__main__"``. Arrays travel in shared memory: an argument is the call's own copy-on-write
    view, a result owns its memory.

    Examples
    --------
    >>> with Executor(2) as executor:
    ...     future = executor.submit(np.dot, np.arange(3.0), np.ones(3))
    ...     squares = list(executor.map(lambda x: x * x, range(4)))
    >>> future.result(), squares
    (3.0, [0, 1, 4, 9])
    """

    _reduce: _call_pickle.Reduce | None = None

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        max_tasks_per_child: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        threads: int = 1,
        pool: pools.Pool | None = None,
        **settings: Any,
    ) -> None:
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if max_workers is not None:
            max_workers = operator.index(max_workers)
            if max_workers <= 0:
                raise ValueError("max_workers must be greater than 0")
        if max_tasks_per_child is not None:
            if not isinstance(max_tasks_per_child, int):
                raise TypeError("max_tasks_per_child must be an integer")
            if max_tasks_per_child <= 0:
                raise ValueError("max_tasks_per_child must be >= 1")
        if pool is not None and settings:
            raise ArgumentError(f"a pool has its settings: {', '.join(settings)} cannot be given beside pool")
        if pool is not None and not isinstance(pool, pools.Pool):
            raise ArgumentError(f"pool is a beringia.Pool, got {type(pool).__name__}")
        if not isinstance(threads, int) or threads < 1:
            raise ArgumentError(f"threads is a number of threads above zero, got {threads!r}")
        self._timeout, self._retries = check_options(timeout, retries)
        own = pools.Pool(max_workers, **settings) if pool is None else None
        native = (own or pool).native  # type: ignore[union-attr]
        self._max_workers = max_workers or native.workers
        start = _start_of(initializer, initargs)
        calls = _native.Calls(
            native,
            function="pickle" if start else "beringia._calls:nothing",
            payload=start,
            paths=_function.search_path(),
            interpreter=sys.executable,
            python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
            threads=threads,
            lanes=self._max_workers,
            calls_per_worker=max_tasks_per_child,
        )
        self._lanes = Lanes(calls, own.close if own is not None else _nothing)
        # Calls that are under way go on when nobody has the executor any more; then the workers end.
        self._finalizer = weakref.finalize(self, self._lanes.close)
        self._finalizer.atexit = False

    def options(self, *, timeout: float | None = None, retries: int = 0) -> Executor:
        """Return this executor, for calls that may take `timeout` seconds, or be made again `retries` times.

        Examples
        --------
        >>> with Executor(1) as executor:
        ...     executor.options(timeout=5.0).submit(sum, (1, 2)).result()
        3
        """
        other = object.__new__(type(self))
        # With this one, without which the calls would be over.
        vars(other).update(vars(self), _origin=self)
        other._timeout, other._retries = check_options(timeout, retries)
        return other

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> CallFuture:
        """Have ``fn(*args, **kwargs)`` called by a worker.

        Returns
        -------
        concurrent.futures.Future
            Of what it returns. What cannot be pickled is the future's error.

        Raises
        ------
        RuntimeError
            After :meth:`shutdown`, and in a process that was forked from the executor's.
        concurrent.futures.process.BrokenProcessPool
            If no worker can be had, because the initializer raises for instance.
        """
        name = _function.name_of(fn)
        return self._submitted(
            name, lambda: _call_pickle.dump_call(fn, args, kwargs, self._reduce), arguments(args, kwargs)
        )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no call any more; the workers end when all are over.

        Parameters
        ----------
        wait : bool, default True
            Whether to return only then.
        cancel_futures : bool, default False
            Whether to cancel the calls that have not begun.
        """
        self._lanes.close()
        if cancel_futures and self._lanes.process == os.getpid():
            for future in list(self._lanes.futures.values()):
                future.cancel()
        if wait:
            self._lanes.join()

    def terminate_workers(self) -> None:
        """End the workers now: calls that have not begun are cancelled, those that run fail."""
        self.kill_workers()

    def kill_workers(self) -> None:
        """Do the same: a worker has nothing to put in order that would be lost."""
        self.shutdown(wait=False, cancel_futures=True)
        if self._lanes.process == os.getpid():
            self._lanes.calls.kill()

    def _submitted(
        self,
        name: str,
        dump: Callable[[], tuple[bytes, _call_pickle.Buffers]],
        given: Iterable[tuple[str, Any]],
        common: _call_pickle.Buffers | None = None,
    ) -> CallFuture:
        self._require_own_process()
        try:
            body, buffers = dump()
        except Exception as error:
            return self._lanes.failed(unsendable(error, name, given))
        return self._lanes.submit(name, body, [*(common or ()), *buffers], self._timeout, self._retries)

    def _close(self, end: Callable[[], None]) -> bool:
        """Take no call any more, and call `end` when all are over; False, and nothing, when that was so before."""
        return self._lanes.close(end)

    def _require_own_process(self) -> None:
        if self._lanes.process != os.getpid():
            raise RuntimeError(
                f"cannot schedule new futures: the executor belongs to process {self._lanes.process}, from which this "
                "one was forked. Make one here with beringia.Executor()"
            )

    @property
    def _processes(self) -> dict[int, Process]:
        return {pid: Process(pid) for pid in self._lanes.calls.processes()}

    @property
    def _broken(self) -> str | bool:
        return str(self._lanes.broken) if self._lanes.broken else False

    def __reduce__(self) -> tuple[Any, ...]:
        return Nested, (self._timeout, self._retries)

    def __copy__(self) -> Executor:
        return self

    def __deepcopy__(self, memo: object) -> Executor:
        return self

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.kill_workers()  # whoever stops what goes on does not want to wait for it
        self.shutdown(wait=True)


def _start_of(initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> bytes:
    """Pickle what each worker begins with; nothing for none."""
    if initializer is None:
        return b""
    try:
        return _call_pickle.dump_whole(functools.partial(initializer, *initargs))
    except Exception as error:
        raise ArgumentError(
            f"the initializer cannot be sent to the workers: {type(error).__name__}: {error}"
        ) from error


def _nothing() -> None:
    """End nothing: the pool is somebody else's."""
