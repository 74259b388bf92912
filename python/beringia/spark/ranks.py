"""``beringia.spmd`` on Spark: each rank is a task of a barrier stage, and the ranks meet here, in the driver.

What a rank asks comes through its task and Spark's RPC, and is answered when it can be: nobody polls. Spark's own
barriers take a second each. Data go the same way, so that there is a bound on them.
"""

from __future__ import annotations

import functools
import pickle
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from pyspark import InheritableThread
from pyspark.sql import SparkSession

from beringia import _call_pickle, _function, _native, errors
from beringia.collectives import relay
from beringia.collectives.run import dump_rank, first_error
from beringia.errors import ArgumentError, GroupTimeoutError, WorkerDiedError
from beringia.futures import lanes
from beringia.futures.errors import of_call
from beringia.futures.options import check_options
from beringia.spark import jvm
from beringia.spark.call import call_of
from beringia.spark.classic import Classic

_STEP = 100
"""Milliseconds that the driver waits for a question without a look at what else happens."""
_GRACE = 2.0
"""Seconds that ranks have to end by themselves after one has failed."""
_START = 30.0
"""Seconds in which the executors of a cluster may start."""
_ASKED, _ANSWER = struct.Struct(">iiqi"), struct.Struct(">iii")
_COUNT, _NUMBER = struct.Struct(">i"), struct.Struct(">q")


def spmd(
    f: Callable[..., Any],
    size: int | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    spark: SparkSession | None = None,
    timeout: float | None = None,
) -> list[Any]:
    """Call ``f(comm, *args, **kwargs)`` in several tasks of Spark at once, which talk to each other through `comm`.

    Parameters
    ----------
    f : callable
        Called once for each rank, in a worker of its task's executor; its first argument is a
        :class:`~beringia.collectives.Comm`.
    size : int, optional
        How many ranks; by default as many as tasks can run at once.
    args, kwargs : optional
        Further arguments, the same for all ranks. There is one copy of their arrays for each machine on its way, and
        each rank has its own.
    spark : SparkSession, optional
        A classic session with the plugin; by default the active one.
    timeout : float, optional
        Seconds that the whole may take, with the time in which Spark has no room for it. The tasks are ended then.

    Returns
    -------
    list
        What each rank returned.

    Raises
    ------
    ArgumentError
        If an argument makes no sense, or fewer tasks than ranks can run at once.
    ConfigError
        If the session runs without the plugin.
    ResourceError
        If a rank has more than 4 MiB for others in one step.
    CollectiveError
        If ranks wait for one that has returned, come for different purposes, or all wait.
    WorkerDiedError
        If a rank's process ended.
    GroupTimeoutError
        After `timeout`.
    Exception
        What the first rank that failed raised, with its traceback as cause.

    Notes
    -----
    A step of `comm` costs some milliseconds. When a machine is lost, Spark runs all ranks again from the beginning.

    Examples
    --------
    >>> def total(comm):
    ...     return comm.allreduce(comm.rank)
    >>> beringia.spark.spmd(total, 4)  # doctest: +SKIP
    [6, 6, 6, 6]
    """
    session = spark or SparkSession.getActiveSession()
    if session is None or not hasattr(session, "_jsparkSession"):
        raise ArgumentError(f"ranks run on a classic session of Spark, got {type(session).__name__}")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size <= 0):
        raise ArgumentError(f"size is a number of ranks above zero, got {size!r}")
    timeout, _ = check_options(timeout, 0)
    name = _function.name_of(f)
    body, buffers = dump_rank(relay.current, f, args, kwargs)
    classic = Classic(session)
    java = jvm.find_class(session._jvm, "org.beringia.spark.ranks.RankRun")(session._jsparkSession)
    try:
        slots = _slots(java, size or 1)
        if (size or 1) > slots:
            raise ArgumentError(
                f"{size} ranks need as many tasks at once, and {slots} can run as the cluster stands: ask for fewer, "
                "or for a larger cluster"
            )
        return _Run(session, java, classic, size or slots, name).run(body, buffers, timeout)
    finally:
        java.close()


def _slots(java: Any, wanted: int) -> int:
    """Return how many ranks can run at once; wait a while for a cluster that has just begun to start."""
    deadline = time.monotonic() + _START
    while (slots := int(java.slots())) < wanted and java.mayGrow() and time.monotonic() < deadline:
        time.sleep(0.2)
    return slots


class _Run:
    """A run: the job, in a thread of its own, and where its ranks meet."""

    def __init__(self, session: SparkSession, java: Any, classic: Classic, size: int, name: str) -> None:
        self._session, self._java, self._classic = session, java, classic
        self._size, self._name = size, name
        self._group = f"beringia-spmd-{uuid.uuid4().hex}"
        self._returned: list[bytes] = []
        self._job_error: BaseException | None = None
        self._raised: BaseException | None = None
        self._begin(0)

    def run(self, body: bytes, buffers: _call_pickle.Buffers, timeout: float | None) -> list[Any]:
        """Return what each rank returned."""
        job = InheritableThread(target=self._work, args=(body, buffers), name="beringia-spmd", daemon=True)
        job.start()
        try:
            self._serve(job, timeout)
        except BaseException:
            self._cancel(job)
            raise
        failed = self._hub.failed()
        if failed is not None:
            rank, why = failed
            raise first_error(self._raised, rank, self._size, why, self._name)
        if self._job_error is not None:
            raise self._job_error
        return [self._result(each) for each in self._returned]

    def _work(self, body: bytes, buffers: _call_pickle.Buffers) -> None:
        try:
            context = self._session.sparkContext
            context.setJobGroup(self._group, f"the ranks of {self._name}", True)
            call = call_of(
                functools.partial(relay.turn, body=body, sizes=tuple(buffer.nbytes for buffer in buffers)),
                "question binary",
                self._classic,
                args={"answer": "answer"},
                consts={"data": np.concatenate([np.empty(0, np.uint8), *buffers])},
                missing="error",
                nan_as_null=False,
                on_error="raise",
                writable=False,
                batch_bytes=None,
                timeout=None,
            )
            front = jvm.find_class(self._session._jvm, "org.beringia.spark.PythonFront")
            function = jvm.function_bytes(front, call.function)
            self._returned = [bytes(each) for each in self._java.run(function, call.job.json(), self._size)]
        except BaseException as error:
            self._job_error = error

    def _serve(self, job: threading.Thread, timeout: float | None) -> None:
        """Answer what ranks ask, as long as the job runs."""
        deadline = None if timeout is None else time.monotonic() + timeout
        answers = b""
        failed_at = None
        while job.is_alive():
            asked = bytes(self._java.exchange(bytearray(answers), _STEP))
            answers = b"".join(told for question in _questions(asked) for told in self._answer(*question))
            now = time.monotonic()
            if self._hub.failed() is not None:
                failed_at = failed_at or now
                if now > failed_at + _GRACE:
                    self._cancel(job)
            elif timeout and deadline and now > deadline:
                where = self._hub.describe()
                raise GroupTimeoutError(
                    f"the run took longer than the timeout of {timeout:g} s: {where}", function=self._name
                )

    def _answer(self, attempt: int, rank: int, first: int, question: bytes) -> Iterator[bytes]:
        """Yield the answers that follow from a question, whose parts are numbered from `first` on."""
        if attempt < self._attempt:
            return
        if attempt > self._attempt:
            self._begin(attempt)
        kind, rest = question[:1], question[1:]
        if kind == relay.QUESTION:
            what, *given = pickle.loads(rest)
            if what == "rank":
                yield _answer(attempt, rank, (rank, self._size))
                return
            if what == "fail":
                how, told = given
                if told is not None and self._hub.failed() is None:
                    self._raised = lanes.raised(self._name, *told)
                answers = self._hub.fail(rank, how)
            elif what == "meet":
                group, members, purpose, targets = given
                parts = [(each, _NUMBER.pack(first + number)) for number, each in enumerate(targets)]
                answers = self._hub.meet(rank, group, members, purpose, parts)
            elif what == "send":
                group, members, to, tag = given
                answers = self._hub.send(rank, group, members, to, tag, _NUMBER.pack(first))
            else:
                answers = self._hub.receive(rank, *given)
        else:
            how = "has returned"
            if lost := kind == relay.LOST:
                code, _, says = rest.decode().partition(" ")
                how = f"has ended: {says}"
                if self._hub.failed() is None:
                    self._raised = of_call(errors.from_code(int(code), says), self._name)
            answers = self._hub.end(rank, how, lost)
            yield _answer(attempt, rank, None)
        for to, came, error in answers:
            numbers = [number for _, number in came or ()]
            yield _answer(attempt, to, error or [sender for sender, _ in came or ()], numbers)

    def _begin(self, attempt: int) -> None:
        self._attempt = attempt
        self._hub = _native.Hub(self._size)
        self._raised = None

    def _result(self, says: bytes) -> Any:
        if says[:1] != relay.RETURNED:
            raise WorkerDiedError(f"a rank of '{self._name}' did not return", function=self._name)
        future: Future[Any] = Future()
        lanes.complete(future, self._name, relay.loaded(says[1:]), None)
        return future.result()

    def _cancel(self, job: threading.Thread) -> None:
        while job.is_alive():  # its job may be yet to begin
            self._session.sparkContext.cancelJobGroup(self._group)
            job.join(0.1)


def _questions(asked: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    at = 0
    while at < len(asked):
        attempt, rank, first, length = _ASKED.unpack_from(asked, at)
        at += _ASKED.size
        yield attempt, rank, first, asked[at : at + length]
        at += length


def _answer(attempt: int, rank: int, head: Any, numbers: Sequence[bytes] = ()) -> bytes:
    """Return an answer as the JVM takes it, with the numbers of its parts."""
    told = pickle.dumps(head)
    return b"".join((_ANSWER.pack(attempt, rank, len(told)), told, _COUNT.pack(len(numbers)), *numbers))
