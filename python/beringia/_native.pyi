"""The Rust extension of this package: the worker's end of the channel, and the local engine."""

from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from beringia.errors import BeringiaError

@final
class Views:
    """Owner of the shared memory behind a batch's arrays: the base of each, so that a kept view stays valid."""

def scope() -> str | None:
    """Return what this worker runs at the moment: the task, the function and the group; None between batches."""

def run_worker(fd: int) -> None:
    """Serve one executor over the socket `fd` until it says goodbye or hangs up.

    Takes ownership of `fd`. Returns when the executor ends the worker's life in order; ends the process when the
    executor hangs up while a function runs.
    """

def drain_log(timeout: float) -> list[tuple[str, str, str]]:
    """Return what the native side and the workers of this process logged: level, logger, message.

    Waits up to `timeout` seconds for the first.
    """

def wake_log() -> None:
    """Let whoever waits in `drain_log` return now."""

@final
class Stream:
    """Result batches, for one reader."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Hand the batches over; they are gone after that."""

@final
class Constants:
    """Arrays in shared memory, for as long as this is there."""

    def __new__(cls, pool: Pool, place: str, arrays: Sequence[tuple[int, NDArray[np.uint8]]], size: int) -> Constants:
        """Put each of `arrays` at its offset among `size` bytes.

        `place` says where they lie: what lies there again, and has the same hash, is not copied again.
        """

    @property
    def name(self) -> str:
        """What names them in a spec."""

def share(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a read-only copy, of which calls are told where it lies."""

@final
class Asks:
    """What a call may ask of the process that had it made."""

    def place(self, data: Sequence[NDArray[np.uint8]]) -> object:
        """Write data that come before those of several calls."""

    def submit(
        self, body: bytes, data: Sequence[NDArray[np.uint8]], timeout: float | None, retries: int, common: object
    ) -> int:
        """Have a call made, whose data are what `place` returned, or None, and then its own; return what names it."""

    def claim(self, number: int) -> bool:
        """Take a call back; return False when it has begun, or is over."""

    def ask_outcomes(self) -> int:
        """Ask what came of calls; return what names the question."""

    def outcomes(
        self, question: int, timeout: float
    ) -> list[tuple[int, tuple[bytes, list[NDArray[np.uint8]]] | None, BeringiaError | None]] | None:
        """Wait for the answer: of each call that is over, what it returned or an error; None when there is none yet."""

    def rank(self) -> tuple[int, int]:
        """Return the rank of this call among those that run together, and how many there are."""

    def meet(
        self,
        group: str,
        members: Sequence[int],
        purpose: str,
        parts: Sequence[tuple[Sequence[int], bytes, Sequence[NDArray[np.uint8]]]],
    ) -> list[tuple[int, bytes, list[NDArray[np.uint8]]]]:
        """Meet the others of a group, with a pickle for some ranks each: return what they have for this rank."""

    def send(
        self,
        group: str,
        members: Sequence[int],
        to: int,
        tag: int,
        body: bytes,
        data: Sequence[NDArray[np.uint8]],
    ) -> None:
        """Leave a message for a rank of a group."""

    def receive(
        self, group: str, members: Sequence[int], sender: int | None, tag: int | None
    ) -> list[tuple[int, bytes, list[NDArray[np.uint8]]]]:
        """Return the first message from a rank of a group, or any, with a tag, or any; wait for it."""

    def fail(self, how: str) -> None:
        """Say that this call has failed, to those who wait for it."""

def asks() -> Asks | None:
    """Return what a call may ask; None where this process is no worker."""

def run_gang(
    pool: Pool,
    body: bytes,
    data: Sequence[NDArray[np.uint8]],
    *,
    size: int,
    paths: Sequence[str],
    interpreter: str,
    python_version: str,
    threads: int,
    timeout: float | None,
) -> tuple[
    list[tuple[int, tuple[bytes, list[NDArray[np.uint8]]] | None, BeringiaError | None, bool]], tuple[int, str] | None
]:
    """Make a call on `size` workers at once: return what became of each, and the rank that failed first, and why."""

@final
class Hub:
    """Where ranks meet whose questions an engine brings.

    What follows from each is answers: to which rank, and what others have for it, or the error in place of that.
    """

    def __new__(cls, size: int) -> Hub:
        """Make that of a run of `size` ranks."""

    def meet(
        self,
        rank: int,
        group: str,
        members: Sequence[int],
        purpose: str,
        parts: Sequence[tuple[Sequence[int], bytes]],
    ) -> list[tuple[int, list[tuple[int, bytes]] | None, BeringiaError | None]]:
        """Have a rank come to meet the others of a group."""

    def send(
        self, rank: int, group: str, members: Sequence[int], to: int, tag: int, body: bytes
    ) -> list[tuple[int, list[tuple[int, bytes]] | None, BeringiaError | None]]:
        """Have a rank leave a message."""

    def receive(
        self, rank: int, group: str, members: Sequence[int], sender: int | None, tag: int | None
    ) -> list[tuple[int, list[tuple[int, bytes]] | None, BeringiaError | None]]:
        """Have a rank wait for a message from a rank of a group, or any, with a tag, or any."""

    def fail(self, rank: int, how: str) -> list[tuple[int, list[tuple[int, bytes]] | None, BeringiaError | None]]:
        """Have a rank say that it has failed."""

    def end(
        self, rank: int, how: str, fails: bool
    ) -> list[tuple[int, list[tuple[int, bytes]] | None, BeringiaError | None]]:
        """Have a rank end, and the run fail if that `fails` it."""

    def failed(self) -> tuple[int, str] | None:
        """Return the rank that failed first, and why."""

    def describe(self) -> str:
        """Tell where every rank is."""

@final
class Calls:
    """Single calls through the workers of a pool."""

    def __new__(
        cls,
        pool: Pool,
        *,
        function: str,
        payload: bytes,
        paths: Sequence[str],
        interpreter: str,
        python_version: str,
        threads: int,
        lanes: int,
        calls_per_worker: int | None,
    ) -> Calls:
        """Take calls for at most `lanes` workers, each of which first runs `function` (as in a job's spec)."""

    def submit(
        self, number: int, body: bytes, data: Sequence[NDArray[np.uint8]], timeout: float | None, retries: int
    ) -> bool:
        """Take a call, whose number no other has; return whether one more lane would have work."""

    def withdraw(self, number: int) -> bool:
        """Take a call back; return False when it has begun, or is over."""

    def is_running(self, number: int) -> bool:
        """Tell whether a call has begun and is not over."""

    def wants_lane(self) -> bool:
        """Tell whether one more lane would have work, since this was last asked."""

    def open_lane(self) -> int | None:
        """Open a lane, for a thread that asks for what comes next; None where there are as many as may be."""

    def next(
        self, lane: int
    ) -> list[tuple[int, tuple[bytes, list[NDArray[np.uint8]]] | None, BeringiaError | None, bool]] | None:
        """Wait for what came back: number; what it returned, or an error, and whether that is one of all calls."""

    def close(self) -> None:
        """Take no call any more."""

    def kill(self) -> None:
        """End the workers now, with the calls that they are at."""

    def processes(self) -> list[int]:
        """Return the ids of the workers."""

@final
class Pool:
    """Workers of this process."""

    def __new__(cls, settings: Sequence[tuple[str, str]], workers: int) -> Pool:
        """Make a pool of at most `workers` processes; of what `settings` has twice, the last counts."""

    @property
    def workers(self) -> int:
        """How many processes there may be."""

    @property
    def process(self) -> int:
        """The id of the process that made it."""

    def close(self) -> None:
        """End the workers."""

    def run(
        self,
        spec: str,
        payload: bytes,
        data: Any,
        output: Any,
        *,
        keys: Sequence[int],
        columns: Sequence[int],
        unit: str,
        window: tuple[int, bool, int, int] | tuple[int, bool, float, float] | None,
        order_by: Sequence[tuple[int, bool, bool]],
        batch_bytes: int | None,
        progress: Callable[[int, int], None] | None,
        log_level: int,
    ) -> Stream:
        """Map the groups of `data` (with ``__arrow_c_stream__``) to rows of `output` (with ``__arrow_c_schema__``).

        `spec` is that of docs/jvm-boundary.md; batches have the columns numbered by `keys`, then those by
        `columns`. `unit` is what a call gets: ``group``, ``row``, ``batch``, or ``window``, of a `window` that has the
        column of the position, whether it counts rows, its size and its step.
        """
