"""The methods of :class:`multiprocessing.pool.Pool`, for :class:`beringia.Pool`: its calls go through an executor."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

from beringia.local.async_result import AsyncResult, Results

if TYPE_CHECKING:
    from beringia.futures import Executor
    from beringia.local.pool import Pool

T = TypeVar("T")

_AHEAD = 64
"""Calls for each worker that `imap` has made before their results are taken."""


class Tasks:
    """Calls of functions by the workers of a pool.

    Functions, arguments, results and errors are as with :class:`beringia.Executor`. A worker that dies fails the calls
    of its chunk, where the standard library's results never come.
    """

    _workers: int
    _task_options: dict[str, Any]
    _executor: Executor | None
    _results: weakref.WeakSet[Results[Any]]
    _lock: threading.Lock
    _closed: bool

    def apply(self, func: Callable[..., T], args: Iterable[Any] = (), kwds: dict[str, Any] | None = None) -> T:
        """Call ``func(*args, **kwds)`` in a worker, and return what it returns."""
        return self.apply_async(func, args, kwds).get()

    def apply_async(
        self,
        func: Callable[..., T],
        args: Iterable[Any] = (),
        kwds: dict[str, Any] | None = None,
        callback: Callable[[T], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> AsyncResult[T]:
        """Do what :meth:`apply` does, without waiting.

        `callback` is called with what it returns, or `error_callback` with what it raises, in a thread of the pool: it
        must not wait for another call. Then the result is ready.
        """
        future = self._tasks().submit(func, *args, **(kwds or {}))
        return AsyncResult([future], lambda results: results[0], callback, error_callback)

    def map(self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int | None = None) -> list[T]:
        """Call `func` with each item, and return the results.

        Parameters
        ----------
        func : callable
            Takes one argument.
        iterable : iterable
            The arguments.
        chunksize : int, optional
            Items that a worker gets at once; by default a quarter of what would be its share.

        Raises
        ------
        ValueError
            After :meth:`close`, or if `chunksize` is below 1.
        """
        return self.map_async(func, iterable, chunksize).get()

    def map_async(
        self,
        func: Callable[[Any], T],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callable[[list[T]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> AsyncResult[list[T]]:
        """Do what :meth:`map` does, without waiting; with callbacks as of :meth:`apply_async`."""
        return self._all(func, [(item,) for item in iterable], chunksize, callback, error_callback)

    def starmap(
        self, func: Callable[..., T], iterable: Iterable[Iterable[Any]], chunksize: int | None = None
    ) -> list[T]:
        """Do what :meth:`map` does, with the members of each item as arguments."""
        return self.starmap_async(func, iterable, chunksize).get()

    def starmap_async(
        self,
        func: Callable[..., T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callable[[list[T]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> AsyncResult[list[T]]:
        """Do what :meth:`starmap` does, without waiting; with callbacks as of :meth:`apply_async`."""
        return self._all(func, list(map(tuple, iterable)), chunksize, callback, error_callback)

    def imap(self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int = 1) -> Results[T]:
        """Call `func` with each item; the results come in the order of the items, each when it is there.

        Items are gone through as results are taken, some calls ahead: an iterable may be endless. What is left when the
        pool is closed is gone through then.

        Raises
        ------
        ValueError
            As with :meth:`map`.
        """
        return self._each(func, iterable, chunksize, ordered=True)

    def imap_unordered(self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int = 1) -> Results[T]:
        """Do what :meth:`imap` does, with the results as they come."""
        return self._each(func, iterable, chunksize, ordered=False)

    def _all(
        self,
        func: Callable[..., T],
        items: list[tuple[Any, ...]],
        chunksize: int | None,
        callback: Callable[[list[T]], object] | None,
        error_callback: Callable[[BaseException], object] | None,
    ) -> AsyncResult[list[T]]:
        size = max(-(-len(items) // (4 * self._workers)), 1) if chunksize is None else chunksize
        futures = list(self._chunks(func, items, size))
        return AsyncResult(futures, lambda results: list(chain.from_iterable(results)), callback, error_callback)

    def _each(self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int, *, ordered: bool) -> Results[T]:
        chunks = self._chunks(func, ((item,) for item in iterable), chunksize)
        results = Results(chunks, _AHEAD * self._workers, ordered=ordered)
        self._results.add(results)
        return results

    def _chunks(
        self, func: Callable[..., T], items: Iterable[tuple[Any, ...]], chunksize: int
    ) -> Iterator[Future[list[T]]]:
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize}")
        tasks, rest = self._tasks(), iter(items)
        return (tasks.submit_chunk(func, chunk) for chunk in iter(lambda: list(islice(rest, chunksize)), []))

    def _tasks(self) -> Executor:
        if self._closed:
            raise ValueError("Pool not running")
        pool = cast("Pool", self)
        pool.require_own_process()  # in another one that was forked from it, the lock may be held for ever
        with self._lock:
            if self._executor is None:
                from beringia.futures import Executor  # which has pools

                self._executor = Executor(pool=pool, **self._task_options)
            return self._executor
