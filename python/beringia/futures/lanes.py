"""The threads that wait for outcomes and complete futures, one for each worker; what an executor leaves behind.

Callbacks have a thread of their own: what they wait for, no worker waits for.

An executor may be dropped, or the interpreter may end, while calls are under way: their threads keep what they need,
and none of them keeps the executor. Every thread ends when no call is taken any more and all are over.
"""

from __future__ import annotations

import itertools
import os
import pickle
import queue
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures._base import LOGGER
from concurrent.futures.process import BrokenProcessPool, _RemoteTraceback
from typing import Any, Protocol

from beringia import _call_pickle, _native
from beringia.errors import BeringiaError, CancelledError, GroupError
from beringia.futures import errors


class CallFuture(Future):  # type: ignore[type-arg]
    """A future that can be cancelled until its call has begun in a worker."""

    def __init__(self, lanes: Lanes, number: int, name: str) -> None:
        super().__init__()
        self._lanes, self._number, self._name = lanes, number, name

    def cancel(self) -> bool:
        """Take the call back; False when it has begun or is over."""
        if not self.done() and self._lanes.withdraw(self._number):
            super().cancel()
            self.set_running_or_notify_cancel()
        return self.cancelled()

    def _invoke_callbacks(self) -> None:
        if self._done_callbacks:  # type: ignore[attr-defined]
            self._lanes.call_back(super()._invoke_callbacks)  # type: ignore[misc]

    def running(self) -> bool:
        """Tell whether the call has begun and is not over."""
        return not self.done() and self._lanes.calls.is_running(self._number)


class Lanes:
    """The calls of one executor, their futures, and the threads that complete them.

    Parameters
    ----------
    calls : _native.Calls
        Where calls go.
    end : callable
        Called when the last thread ends, or when there is none to end.
    """

    def __init__(self, calls: _native.Calls, end: Callable[[], None]) -> None:
        self.calls = calls
        self.futures: dict[int, CallFuture] = {}
        self.threads: list[threading.Thread] = []
        self.broken: BrokenProcessPool | None = None
        self.process = os.getpid()
        self._numbers = itertools.count()
        self._end = end
        self._lock = threading.Lock()
        self._closed = False
        self._living = 0
        self._callbacks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._calls_back = False
        finish_at_exit(self)

    def submit(
        self, name: str, body: bytes, buffers: _call_pickle.Buffers, timeout: float | None, retries: int
    ) -> CallFuture:
        """Hand a call over.

        Raises
        ------
        RuntimeError
            After :meth:`close`.
        BrokenProcessPool
            If no worker can be had.
        """
        number = next(self._numbers)
        # The outcome may be there before this returns.
        future = self.futures[number] = CallFuture(self, number, name)
        try:
            wants_lane = self.calls.submit(number, body, buffers, timeout, retries)
        except BeringiaError as error:
            del self.futures[number]
            if error.code == CancelledError.code:
                raise RuntimeError("cannot schedule new futures after shutdown") from None
            if self.broken or error.code == GroupError.code:
                raise errors.broken(error) from error
            raise
        if wants_lane:
            self._open()
        return future

    def failed(self, error: BaseException) -> CallFuture:
        """Return the future of a call that cannot be made."""
        future = CallFuture(self, -1, "")
        future.set_exception(error)
        return future

    def withdraw(self, number: int) -> bool:
        """Take a call back, with its future."""
        return self.calls.withdraw(number) and self.futures.pop(number, None) is not None

    def close(self, end: Callable[[], None] | None = None) -> bool:
        """Take no call any more; `end` is called in place of what was to be. False if that was so before."""
        if self.process != os.getpid():
            return False
        with self._lock:
            first, self._closed = not self._closed, True
            if first and end is not None:
                self._end = end
            ends = first and self._living == 0
        self.calls.close()
        if ends:
            self._end()
        return first

    def join(self) -> None:
        """Wait for all calls to be over; nothing in a thread that completes them."""
        if self.process == os.getpid() and threading.current_thread() not in self.threads:
            for thread in self._begun():
                thread.join()

    def _begun(self) -> Iterator[threading.Thread]:
        """Yield the threads that there are, and that these start meanwhile."""
        for number in itertools.count():
            with self._lock:
                if number == len(self.threads):
                    return
                thread = self.threads[number]
            yield thread

    def _open(self) -> None:
        lane = self.calls.open_lane()
        if lane is None:
            return
        thread = threading.Thread(target=self._serve, args=(lane,), name=f"beringia-executor-{lane}")
        with self._lock:
            self._start(thread)
            self._living += 1

    def _start(self, thread: threading.Thread) -> None:
        self.threads.append(thread)  # before it completes a future, whose callbacks it leaves to others
        try:
            thread.start()
        except BaseException:
            self.threads.remove(thread)
            raise

    def _serve(self, lane: int) -> None:
        while (outcomes := self.calls.next(lane)) is not None:
            if self.calls.wants_lane():
                self._open()
            for number, answer, error, broken in outcomes:
                # One that was cancelled is not among the futures any more.
                future = self.futures.pop(number)
                if broken and error is not None:
                    self.broken = self.broken or errors.broken(error)
                    future.set_exception(errors.broken(error))
                else:
                    complete(future, future._name, answer, error)
                del future
            # Nothing is kept of them while the next ones are awaited.
            outcomes = answer = error = None
        with self._lock:
            self._living -= 1
            ends = self._living == 0 and (self._closed or self.broken is not None)
        if ends:
            self._callbacks.put(None)
            self._end()

    def call_back(self, invoke: Callable[[], None]) -> None:
        """Have the callbacks of a future called: elsewhere than in a thread that completes futures."""
        if threading.current_thread() not in self.threads:
            invoke()
            return
        self._callbacks.put(invoke)
        with self._lock:
            if not self._calls_back:
                self._calls_back = True
                self._start(threading.Thread(target=self._serve_callbacks, name="beringia-executor-callbacks"))

    def _serve_callbacks(self) -> None:
        while (invoke := self._callbacks.get()) is not None:
            try:
                invoke()
            except BaseException:  # such as SystemExit, which the future does not look for
                LOGGER.exception("exception calling callback")
            del invoke


def complete(
    future: Future[Any], name: str, answer: tuple[bytes, _call_pickle.Buffers] | None, error: BeringiaError | None
) -> None:
    """Give a future what came of its call of the function `name`: an answer, or an error in place of one."""
    if error is not None:
        future.set_exception(errors.of_call(error, name))
        return
    assert answer is not None
    try:
        returned, *told = _call_pickle.load(*answer)
    except BaseException as why:
        future.set_exception(_unloadable(why, f"what '{name}' returned"))
        return
    if returned:
        future.set_result(told[0])
    else:
        future.set_exception(raised(name, *told))


def raised(name: str, pickled: bytes | str, says: str, trace: str) -> BaseException:
    """Return the exception that a call raised, its traceback as cause."""
    if isinstance(pickled, str):
        why = pickled
    else:
        try:
            error = pickle.loads(pickled)
        except Exception as failed:
            why = f"{type(failed).__name__}: {failed}"
        else:
            if isinstance(error, BaseException):
                error.__cause__ = _RemoteTraceback(f'\n"""\n{trace}"""')  # type: ignore[arg-type] # it takes text
                return error
            why = f"it came as {type(error).__name__}"
    message = f"'{name}' raised {says}. The exception itself cannot be brought here: {why}"
    stands_in = GroupError(message, traceback=trace, function=name)
    stands_in.__cause__ = _RemoteTraceback(f'\n"""\n{trace}"""')  # type: ignore[arg-type] # it takes text
    return stands_in


def _unloadable(why: BaseException, what: str) -> BaseException:
    if hasattr(why, "add_note"):
        why.add_note(f"{what} could not be loaded in this process")
    return why


class _Finished(Protocol):
    """What takes calls, in the process that made it."""

    def close(self) -> object:
        """Take no call any more."""

    def join(self) -> None:
        """Wait for all calls to be over."""


_all: weakref.WeakSet[_Finished] = weakref.WeakSet()
_lock = threading.Lock()


def finish_at_exit(lanes: _Finished) -> None:
    """Have calls that are under way finished when the interpreter ends, unless nobody has what took them."""
    with _lock:
        _all.add(lanes)


def _at_exit() -> None:
    """Finish what is under way: before the interpreter joins threads, and before exit hooks that need the results."""
    with _lock:
        lanes = list(_all)
    for each in lanes:
        each.close()
    for each in lanes:
        each.join()


def _after_fork() -> None:
    """Leave calls and threads to the process that has them."""
    global _lock, _all
    _lock = threading.Lock()
    _all = weakref.WeakSet()


threading._register_atexit(_at_exit)  # type: ignore[attr-defined]
os.register_at_fork(after_in_child=_after_fork)
