"""``beringia.Executor`` on Spark's executors: calls are rows of ``numpy_map``, as many to a job as are short.

A call waits here until a job takes it, and can be cancelled until then. Jobs run side by side; each takes as many calls
as are a fraction of a second's work for its tasks, so that short ones share what a job costs, and no result waits long
for those of others. A call is a batch of its own: when its worker dies, no other call is made twice.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import struct
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark import InheritableThread
from pyspark.serializers import NoOpSerializer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from beringia import _call_pickle, _calls, futures
from beringia.errors import ArgumentError, CancelledError, GroupError, InternalError
from beringia.futures import CallTimeoutError, WorkerDiedError
from beringia.futures.lanes import CallFuture, complete, finish_at_exit
from beringia.futures.options import check_options
from beringia.spark import numpy_map, setup
from beringia.spark.jvm import find_class

Bytes = NDArray[np.uint8]

_SHARED = 1 << 20
"""Bytes of a buffer from which on there is one copy for each machine, and not for each call."""
_ALIGNMENT = 64
_WORK = 0.25
"""Seconds of work that a task of a job gets, if there are so many calls."""
_CALL = 0.0005
"""Seconds that a call takes at least, on its way."""
_MOST_CALLS = 5_000
_MOST_BYTES = 256 << 20
"""Of the calls of a job together, if it has several."""
_MOST_JOBS = 32
_IDLE = 2.0
"""Seconds that a thread waits for the next call."""
_HEADER = struct.Struct(">QII")
"""What a call in a row begins with: its number, the bytes of its body, how many buffers it has."""
_RETURNS = "body binary, buffers array<binary>, seconds double"


class Executor(futures.Executor):
    """Calls functions in worker processes of Spark's executors.

    Parameters
    ----------
    spark : SparkSession
        A classic session with the plugin.
    max_workers : int, optional
        The most calls at once; by default the cores of the cluster, as the session knows them now.
    timeout : float, optional
        Seconds that one call may take, once it runs.
    retries : int, default 0
        How often a call is made again after a worker died in it. Spark makes a call again by itself when a machine is
        lost, as it does with its tasks.

    Raises
    ------
    ArgumentError
        If it is no session, or a number is none.
    ConfigError
        If the session runs without the plugin.

    Notes
    -----
    All else is as with :class:`beringia.Executor`: ``submit``, ``map``, ``options``, ``shutdown``, futures of the
    standard library. What differs: an argument of a megabyte and more is read-only, there is no ``initializer``, a
    future can be cancelled until Spark has the call, and the result of a call comes with those of its job.

    Examples
    --------
    >>> with beringia.spark.Executor(spark) as executor:  # doctest: +SKIP
    ...     squares = list(executor.map(lambda x: x * x, range(1000)))
    """

    def __init__(
        self,
        spark: SparkSession,
        max_workers: int | None = None,
        *,
        timeout: float | None = None,
        retries: int = 0,
    ) -> None:
        if not hasattr(spark, "_jsparkSession"):
            raise ArgumentError(f"an executor is on a classic session of Spark, got {type(spark).__name__}")
        if max_workers is not None and (not isinstance(max_workers, int) or max_workers <= 0):
            raise ArgumentError(f"max_workers is a number of calls above zero, got {max_workers!r}")
        self._timeout, self._retries = check_options(timeout, retries)
        self._max_workers = max_workers or max(spark.sparkContext.defaultParallelism, 1)
        setup.front(spark)
        jobs = Jobs(spark, self._max_workers)
        self._lanes: Any = jobs
        self._finalizer = weakref.finalize(self, jobs.close)
        self._finalizer.atexit = False


@dataclass
class _Call:
    number: int
    name: str
    body: bytes
    buffers: list[Bytes]
    timeout: float | None
    retries: int


class Jobs:
    """The calls of one executor, their futures, and the jobs that make them: what :class:`Executor` has for lanes."""

    def __init__(self, session: SparkSession, slots: int) -> None:
        self.futures: dict[int, CallFuture] = {}
        self.process = os.getpid()
        self.broken: BrokenProcessPool | None = None
        self.calls = self
        self._session = session
        self._most = min(slots + 1, _MOST_JOBS)
        self._tasks = -(-slots // self._most)
        self._group = f"beringia-executor-{uuid.uuid4().hex}"
        self._numbers = itertools.count()
        self._waiting: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._threads: list[InheritableThread] = []
        self._idle = 0
        self._seconds: float | None = None
        self._closed = self._killed = False
        self._kept: weakref.WeakValueDictionary[bytes, Bytes] = weakref.WeakValueDictionary()
        finish_at_exit(self)

    def submit(
        self, name: str, body: bytes, buffers: _call_pickle.Buffers, timeout: float | None, retries: int
    ) -> CallFuture:
        """Have a call made.

        Raises
        ------
        RuntimeError
            After :meth:`close`.
        """
        # The caller may write to its arrays before a job takes the call.
        call = _Call(next(self._numbers), name, body, [self._own(each) for each in buffers], timeout, retries)
        future = CallFuture(self, call.number, name)  # type: ignore[arg-type] # of these lanes
        with self._changed:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self.futures[call.number] = future
            self._waiting.append(call)
            self._changed.notify()
            if len(self._waiting) > self._idle and len(self._threads) < self._most:
                thread = InheritableThread(target=self._serve, name=f"beringia-spark-{len(self._threads)}")
                thread.start()
                self._threads.append(thread)
        return future

    def failed(self, error: BaseException) -> CallFuture:
        """Return the future of a call that cannot be made."""
        future = CallFuture(self, -1, "")  # type: ignore[arg-type]
        future.set_exception(error)
        return future

    def withdraw(self, number: int) -> bool:
        """Take a call back that no job has; False if one has it."""
        with self._changed:
            for call in self._waiting:
                if call.number == number:
                    self._waiting.remove(call)
                    del self.futures[number]
                    return True
        return False

    def is_running(self, number: int) -> bool:
        """Tell whether a job has the call."""
        with self._changed:
            return all(call.number != number for call in self._waiting)

    def call_back(self, invoke: Callable[[], None]) -> None:
        """Have the callbacks of a future called: a thread of a job may wait, as others begin."""
        invoke()

    def processes(self) -> list[int]:
        """List the workers of this machine: they are elsewhere."""
        return []

    def close(self, end: Callable[[], None] | None = None) -> bool:  # noqa: ARG002 # for a pool that would end
        """Take no call any more; False if that was so before."""
        with self._changed:
            first, self._closed = not self._closed, True
            self._changed.notify_all()
        return first

    def join(self) -> None:
        """Wait for all calls to be over."""
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join()

    def kill(self) -> None:
        """End the jobs that run."""
        self._killed = True
        self._session.sparkContext.cancelJobGroup(self._group)

    def _own(self, buffer: Bytes) -> Bytes:
        if buffer.nbytes < _SHARED:
            return buffer.copy()
        digest = hashlib.sha256(buffer.data).digest()
        known = self._kept.get(digest)
        if known is None:
            known = self._kept[digest] = buffer.copy()
        return known

    def _serve(self) -> None:
        self._session.sparkContext.setJobGroup(self._group, "calls of beringia.spark.Executor", True)
        while calls := self._take():
            try:
                rows = self._rows(calls)
            except BaseException as error:
                for call in calls:
                    self.futures.pop(call.number).set_exception(self._of_job(error))
                continue
            for call in calls:
                self._complete(call, rows.get(call.number))

    def _take(self) -> list[_Call]:
        """Return the calls of the next job; none when the thread is to end."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting or self._closed, _IDLE)
            self._idle -= 1
            if not self._waiting:
                self._threads.remove(threading.current_thread())  # type: ignore[arg-type]
                return []
            for_each = 1 if self._seconds is None else max(int(_WORK / max(self._seconds, _CALL)), 1)
            most = min(self._tasks * for_each, _MOST_CALLS)
            timeout = self._waiting[0].timeout
            calls: list[_Call] = []
            placed: set[int] = set()  # buffers, some of which several calls have
            left = _MOST_BYTES
            while self._waiting and len(calls) < most and self._waiting[0].timeout == timeout:
                more = {id(each): each.nbytes for each in self._waiting[0].buffers if id(each) not in placed}
                left -= sum(more.values())
                if calls and left < 0:
                    break
                placed.update(more)
                calls.append(self._waiting.popleft())
            return calls

    def _rows(self, calls: list[_Call]) -> dict[int, Any]:
        """Run a job; returns its rows by number."""
        if self._killed:
            raise CancelledError("the job had not begun")
        rows = {int(row.number, 16): row for row in self._frame(calls).collect()}
        seconds = [row.seconds for row in rows.values() if row.seconds is not None]
        if seconds:
            self._seconds = sum(seconds) / len(seconds)
        return rows

    def _frame(self, calls: list[_Call]) -> DataFrame:
        shared, where = _laid_out(calls)
        context = self._session.sparkContext
        jvm: Any = context._jvm

        def read(path: str) -> Any:
            return jvm.PythonRDD.readRDDFromFile(context._jsc, path, self._tasks)

        def serve() -> Any:
            return jvm.PythonParallelizeServer(context._jsc.sc(), self._tasks)

        # As PySpark's `parallelize`, without a worker that makes rows of what is pickled.
        packed = context._serialize_to_jvm([_packed(call, where) for call in calls], NoOpSerializer(), read, serve)
        binary = find_class(jvm, "org.apache.spark.sql.Encoders").BINARY()
        rows = DataFrame(self._session._jsparkSession.createDataset(packed.rdd(), binary).toDF(), self._session)
        return numpy_map(
            functools.partial(_make, shared=None) if shared is None else _make,
            rows.select(F.col("value").alias("call"), F.hex(F.substring("value", 1, 8)).alias("number")),
            _RETURNS,
            consts=None if shared is None else {"shared": shared},
            keep="number",
            on_error="column",
            batch_bytes=1,  # each call is one: the others are not made again when its worker dies
            timeout=calls[0].timeout,
        )

    def _complete(self, call: _Call, row: Any) -> None:
        if row is None:
            self.futures.pop(call.number).set_exception(InternalError(f"the job of a call of '{call.name}' lost it"))
            return
        if row.error is not None:
            error = _lost(row.error, call.name)
            if call.retries and isinstance(error, WorkerDiedError):
                call.retries -= 1
                with self._changed:
                    self._waiting.append(call)
                return
            self.futures.pop(call.number).set_exception(error)
            return
        # Of bytearrays, which Spark 4 does not give by itself: results can be written to.
        buffers = [each if isinstance(each, bytearray) else bytearray(each) for each in row.buffers]
        answer = bytes(row.body), [np.frombuffer(each, np.uint8) for each in buffers]
        complete(self.futures.pop(call.number), call.name, answer, None)

    def _of_job(self, error: BaseException) -> BaseException:
        if not self._killed:
            return error
        ended = WorkerDiedError("the workers of the executor were ended")
        ended.__cause__ = error
        return ended


def _laid_out(calls: list[_Call]) -> tuple[Bytes | None, dict[int, int]]:
    """Put the large buffers of calls one behind the other, each once; returns where each lies, by its id."""
    large = {id(each): each for call in calls for each in call.buffers if each.nbytes >= _SHARED}
    if not large:
        return None, {}
    joined, starts = _joined(list(large.values()))
    return joined, dict(zip(large, starts, strict=True))


def _joined(parts: list[Bytes]) -> tuple[Bytes, list[int]]:
    """Put arrays one behind the other, aligned for any element; returns where each lies."""
    ends = list(itertools.accumulate(-(-part.nbytes // _ALIGNMENT) * _ALIGNMENT for part in parts))
    starts = [0, *ends][: len(parts)]
    joined = np.zeros(ends[-1] if ends else 0, np.uint8)
    for start, part in zip(starts, parts, strict=True):
        joined[start:][: part.nbytes] = part
    return joined, starts


def _packed(call: _Call, where: dict[int, int]) -> bytes:
    """Return a call as a row has it: header, places of its buffers, body, and the buffers that are not apart."""
    beside, starts = _joined([each for each in call.buffers if id(each) not in where])
    own = iter(starts)
    places = [
        (True, where[id(each)], each.nbytes) if id(each) in where else (False, next(own), each.nbytes)
        for each in call.buffers
    ]
    return b"".join(
        (
            _HEADER.pack(call.number, len(call.body), len(places)),
            np.array(places, np.int64).tobytes(),
            call.body,
            beside.data,
        )
    )


def _make(call: bytes, shared: Bytes | None) -> tuple[bytes, list[bytes], float]:
    """Make a call that :func:`_packed` has packed, in a worker."""
    started = time.perf_counter()
    _, length, count = _HEADER.unpack_from(call)
    places = np.frombuffer(call, np.int64, 3 * count, _HEADER.size).reshape(-1, 3).tolist()
    body = _HEADER.size + 3 * 8 * count
    beside = np.frombuffer(call, np.uint8, offset=body + length).copy()  # which a call may write to
    views = []
    for apart, start, size in places:
        buffer = shared if apart else beside
        assert buffer is not None
        views.append(buffer[start : start + size])
    told, returned = _calls.make(call[body : body + length], views)
    return told, [each.tobytes() for each in returned], time.perf_counter() - started


def _lost(says: str, name: str) -> GroupError:
    """Return the error of a call that did not come back: of its row, there is but a text."""
    kinds = (("a call took longer than", CallTimeoutError), ("Python worker ", WorkerDiedError), ("", GroupError))
    cls = next(cls for begins, cls in kinds if says.startswith(begins))
    return cls(f"{says} ('{name}' ran)", function=name)
