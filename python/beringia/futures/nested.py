"""What an executor is within a call: calls go to the workers that the call itself came to, and never wait for it.

Who waits for a call that no worker has begun takes it back and makes it: so all who wait, wait for calls that run, and
none for itself. Where there is a bound on the time, of the call or of who waits, a thread here makes it, so that there
is somebody to look at the clock. What is awaited otherwise (by :func:`concurrent.futures.wait`, callbacks) a thread
here makes, too, when no worker has come for it for a while: one for each thread that has submitted such calls, as these
may wait in turn for what they submit. A call is over when those are that it submitted.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from beringia import _call_pickle, _calls, _function, _native
from beringia._cores import cores
from beringia.errors import GroupTimeoutError
from beringia.futures import errors, lanes
from beringia.futures.mapping import Maps
from beringia.futures.options import arguments, check_options, unsendable

_PATIENCE = 0.05
"""Seconds after which a call that somebody waits for by other means than its result is made here."""


class Nested(Maps):
    """Makes calls by the workers of the executor whose call this process is at; by itself where it is no worker."""

    _reduce: _call_pickle.Reduce | None = None

    def __init__(self, timeout: float | None = None, retries: int = 0) -> None:
        self._timeout, self._retries = check_options(timeout, retries)
        self._max_workers = cores()
        # Those that are not over are held where they are completed.
        self._futures: weakref.WeakSet[NestedFuture] = weakref.WeakSet()
        self._closed = False

    def options(self, *, timeout: float | None = None, retries: int = 0) -> Nested:
        """Return an executor for calls that may take `timeout` seconds, or be made again `retries` times."""
        return Nested(timeout, retries)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Have ``fn(*args, **kwargs)`` called; return the future of what it returns."""
        name = _function.name_of(fn)
        return self._submitted(
            name, lambda: _call_pickle.dump_call(fn, args, kwargs, self._reduce), arguments(args, kwargs)
        )

    def _submitted(
        self,
        name: str,
        dump: Callable[[], tuple[bytes, _call_pickle.Buffers]],
        given: Iterable[tuple[str, Any]],
        common: _call_pickle.Buffers | None = None,
    ) -> concurrent.futures.Future[Any]:
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        try:
            body, buffers = dump()
        except Exception as error:
            failed: concurrent.futures.Future[Any] = concurrent.futures.Future()
            failed.set_exception(unsendable(error, name, given))
            return failed
        future = NestedFuture(name, body, buffers, self._timeout, common)
        _open().submit(future, self._timeout, self._retries)
        self._futures.add(future)
        return future

    def help(self, calls: Iterable[concurrent.futures.Future[Any]]) -> None:
        """Make those that no worker has begun: from the last on, as workers begin with the first."""
        for call in reversed(list(calls)):
            if isinstance(call, NestedFuture):
                call._make()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no call any more; wait for those that there are."""
        self._closed = True
        _end(list(self._futures), wait, cancel_futures)

    def terminate_workers(self) -> None:
        """Cancel the calls that have not begun: the workers are others' too."""
        self.kill_workers()

    def kill_workers(self) -> None:
        """Cancel the calls that have not begun: the workers are others' too."""
        self.shutdown(wait=False, cancel_futures=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return Nested, (self._timeout, self._retries)


class NestedFuture(concurrent.futures.Future):  # type: ignore[type-arg]
    """The future of a call that a call submitted; `common` are buffers before its own that others have too."""

    def __init__(
        self,
        name: str,
        body: bytes,
        buffers: _call_pickle.Buffers,
        timeout: float | None,
        common: _call_pickle.Buffers | None = None,
    ) -> None:
        super().__init__()
        self._name, self._call, self._number = name, (body, buffers), 0
        self._timeout = timeout
        self._common = common
        self._submitter = threading.get_ident()

    def result(self, timeout: float | None = None) -> Any:
        """Return what the call returns; it is made here if no worker has begun it."""
        self._make(timeout)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the call raises; it is made here if no worker has begun it."""
        self._make(timeout)
        return super().exception(timeout)

    def cancel(self) -> bool:
        """Take the call back; False when it has begun or is over."""
        if not self.done() and _open().claim(self):
            super().cancel()
            self.set_running_or_notify_cancel()
        return self.cancelled()

    def _make(self, timeout: float | None = None) -> None:
        if self.done() or (timeout is not None and timeout <= 0) or not _open().claim(self):
            return
        if timeout is None and self._timeout is None:
            self._run()
        else:
            threading.Thread(target=self._run, name="beringia-nested-call", daemon=True).start()

    def _run(self) -> None:
        """Make the call, which was taken back."""
        if self._timeout is not None:
            clock = threading.Timer(self._timeout, self._expire)
            clock.daemon = True
            clock.start()
            self.add_done_callback(lambda _: clock.cancel())
        body, buffers = self._call
        # As in a worker: the call's arguments are its own, and so is its result.
        body, returned = _calls.call(body, [*(self._common or []), *(buffer.copy() for buffer in buffers)])
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # its time is over
            self._complete((body, [buffer.copy() for buffer in returned]), None)

    def _expire(self) -> None:
        says = f"a call took longer than the timeout of {self._timeout} s; it goes on in the process that waits for it"
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # it has just ended
            self._complete(None, errors.of_call(GroupTimeoutError(says), self._name))

    def _complete(self, answer: tuple[bytes, _call_pickle.Buffers] | None, error: Any) -> None:
        self._call, self._common = (b"", []), None
        lanes.complete(self, self._name, answer, error)

    def _invoke_callbacks(self) -> None:
        if self._done_callbacks:  # type: ignore[attr-defined]
            _open().call_back(super()._invoke_callbacks)  # type: ignore[misc]


class _Open:
    """The calls that this process has submitted and that are not over, and the thread that completes their futures."""

    def __init__(self, asks: _native.Asks | None) -> None:
        self._asks = asks
        self._futures: dict[int, NestedFuture] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        # Calls that are made here, and callbacks.
        self._made: weakref.WeakSet[concurrent.futures.Future[Any]] = weakref.WeakSet()
        self._helpers: dict[int, threading.Thread] = {}  # by the thread that submitted what they make
        self._callbacks = concurrent.futures.ThreadPoolExecutor(1, "beringia-nested-callbacks")
        self._question: int | None = None
        self._placed: tuple[_call_pickle.Buffers | None, object] = None, None

    def submit(self, future: NestedFuture, timeout: float | None, retries: int) -> None:
        """Have a call made."""
        if self._asks is None:
            future._number = id(future)
            self._futures[future._number] = future
            future._make()
            return
        with self._lock:
            future._number = self._asks.submit(*future._call, timeout, retries, self._place(future._common))
            self._futures[future._number] = future
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="beringia-nested", daemon=True)
                self._thread.start()

    def _place(self, common: _call_pickle.Buffers | None) -> object:
        """Return where buffers lie that several calls have, which come one after the other."""
        assert self._asks is not None
        if common is not self._placed[0]:
            self._placed = common, common and self._asks.place(common)
        return self._placed[1]

    def claim(self, future: NestedFuture) -> bool:
        """Take a call back; False when it has begun, or is over."""
        if future._number not in self._futures or (self._asks is not None and not self._asks.claim(future._number)):
            return False
        with self._lock:
            del self._futures[future._number]
            self._made.add(future)
        return True

    def call_back(self, invoke: Callable[[], None]) -> None:
        """Have the callbacks of a future called: elsewhere than in the thread that completes futures."""
        if threading.current_thread() is self._thread:
            with self._lock:
                self._made.add(self._callbacks.submit(invoke))
        else:
            invoke()

    def finish(self, failed: bool) -> None:
        """Wait for the calls that this process has submitted, and that these submit; cancel them where `failed`."""
        while unfinished := self._unfinished():
            _end(unfinished, True, failed)
        with self._lock:
            self._question = None  # the parent has answered it, or knows nothing of it any more
            self._placed = None, None

    def _serve(self) -> None:
        assert self._asks is not None
        while True:
            with self._lock:
                if not self._futures:
                    self._thread = None
                    return
                question = self._question = self._question or self._asks.ask_outcomes()
            outcomes = self._asks.outcomes(question, _PATIENCE)
            if outcomes is None:
                self._help()
                continue
            with self._lock:
                if self._question == question:
                    self._question = None
            for number, answer, error in outcomes:
                with self._lock:
                    future = self._futures.pop(number, None)
                if future is not None:
                    future._complete(answer, error)

    def _unfinished(self) -> list[concurrent.futures.Future[Any]]:
        with self._lock:
            return [future for future in (*self._made, *self._futures.values()) if not future.done()]

    def _waited(self) -> list[NestedFuture]:
        """Return the calls that no worker has begun, and that somebody waits for without asking for their results."""
        futures = self._futures.copy().values()
        return [each for each in futures if each._waiters or each._done_callbacks]  # type: ignore[attr-defined]

    def _help(self) -> None:
        """Have such calls made by a thread here for each that submitted some."""
        for submitter in {future._submitter for future in self._waited()}:
            helper = self._helpers.get(submitter)
            if helper is None or not helper.is_alive():
                helper = threading.Thread(target=self._make, args=(submitter,), name="beringia-nested", daemon=True)
                self._helpers[submitter] = helper
                helper.start()

    def _make(self, submitter: int) -> None:
        """Make such calls of one thread, one after the other."""
        while mine := [future for future in self._waited() if future._submitter == submitter]:
            for future in mine:
                if self.claim(future):
                    future._run()
                    break
            else:
                return


def _end(futures: Sequence[concurrent.futures.Future[Any]], wait: bool, cancel: bool) -> None:
    """Cancel what has not begun, and then wait for the rest, where that is wanted."""
    for future in futures:
        if cancel:
            future.cancel()
    for future in futures:
        if wait and not future.cancelled():
            future.exception()


@functools.cache
def _open() -> _Open:
    return _Open(_native.asks())


def in_worker() -> bool:
    """Tell whether this process is a worker."""
    return _native.asks() is not None


def finish(failed: bool) -> None:
    """Wait for the calls that this process has submitted, as a call is over when they are."""
    _open().finish(failed)
