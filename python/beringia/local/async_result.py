"""What the methods of a pool return before their calls are over, as :mod:`multiprocessing.pool` has it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FuturesTimeoutError
from multiprocessing import TimeoutError as PoolTimeoutError
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_LOGGER = logging.getLogger("beringia")


class AsyncResult(Generic[T]):
    """The result of calls, of which `result` makes one: as :class:`multiprocessing.pool.AsyncResult`."""

    def __init__(
        self,
        futures: list[Future[Any]],
        result: Callable[[list[Any]], T],
        callback: Callable[[T], object] | None,
        error_callback: Callable[[BaseException], object] | None,
    ) -> None:
        self._futures, self._result = futures, result
        self._callback, self._error_callback = callback, error_callback
        self._error: BaseException | None = None
        self._value: T | None = None
        self._over = threading.Event()
        self._left, self._lock = max(len(futures), 1), threading.Lock()
        if not futures:
            self._count_down(None)
        for future in list(futures):
            future.add_done_callback(self._count_down)

    def get(self, timeout: float | None = None) -> T:
        """Return the result, or raise what the call raised.

        Raises
        ------
        multiprocessing.TimeoutError
            If it is not there within `timeout` seconds.
        """
        if not self._over.wait(timeout):
            raise PoolTimeoutError
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value] # which may be None

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the end of the calls, up to `timeout` seconds."""
        self._over.wait(timeout)

    def ready(self) -> bool:
        """Tell whether the calls are over."""
        return self._over.is_set()

    def successful(self) -> bool:
        """Tell whether they returned.

        Raises
        ------
        ValueError
            If they are not over.
        """
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._error is None

    def _count_down(self, _: Future[Any] | None) -> None:
        with self._lock:
            self._left -= 1
            if self._left:
                return
        futures, self._futures = self._futures, []
        try:
            try:
                self._value = self._result([future.result() for future in futures])
            except BaseException as error:
                self._error = error
                _tell(self._error_callback, error)
            else:
                _tell(self._callback, self._value)
        finally:  # a callback may raise SystemExit
            self._over.set()


def _tell(callback: Callable[[Any], object] | None, value: Any) -> None:
    if callback is None:
        return
    try:
        callback(value)
    except Exception:
        # Here it would end the thread that completes all calls.
        _LOGGER.exception("the callback %r raised", callback)


class Results(Iterator[T]):
    """The results of calls as they are taken, as :meth:`multiprocessing.pool.Pool.imap` returns them.

    Parameters
    ----------
    submit : iterator
        Makes the next call, of some items: a future of a list.
    ahead : int
        The most calls whose results nobody has taken.
    ordered : bool
        Whether results come in the order of the calls, or as they come.
    """

    def __init__(self, submit: Iterator[Future[list[T]]], ahead: int, *, ordered: bool) -> None:
        self._submit: Iterator[Future[list[T]]] | None = submit
        self._ordered = ordered
        self._made: deque[Future[list[T]]] = deque()
        self._over: SimpleQueue[Future[list[T]]] = SimpleQueue()
        self._under_way = 0
        self._here: Iterator[T] = iter(())
        self._lock = threading.Lock()
        for _ in range(ahead):
            self._make()

    def make_all(self) -> None:
        """Have all calls made that are left."""
        while self._submit is not None:
            self._make()

    def next(self, timeout: float | None = None) -> T:
        """Return the next result.

        Raises
        ------
        multiprocessing.TimeoutError
            If it is not there within `timeout` seconds.
        """
        while True:
            for result in self._here:
                return result
            if not self._under_way:
                raise StopIteration
            future = self._take(timeout)
            with self._lock:
                self._under_way -= 1
            self._make()
            self._here = iter(future.result())

    def __next__(self) -> T:
        return self.next()

    def _make(self) -> None:
        with self._lock:  # a pool may be closed while results are taken
            if self._submit is None:
                return
            try:
                future = next(self._submit)
            except StopIteration:
                self._submit = None
                return
            except Exception as error:
                # Of the items: it is raised when the results before it were taken.
                self._submit, future = None, Future()
                future.set_exception(error)
            self._under_way += 1
            if self._ordered:
                self._made.append(future)
            else:
                future.add_done_callback(self._over.put)

    def _take(self, timeout: float | None) -> Future[list[T]]:
        if not self._ordered:
            try:
                return self._over.get(timeout=timeout)
            except Empty:
                raise PoolTimeoutError from None
        try:
            self._made[0].exception(timeout)
        except FuturesTimeoutError:
            raise PoolTimeoutError from None
        except CancelledError:
            pass  # as its result says too
        return self._made.popleft()
