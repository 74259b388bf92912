"""The table of faults: what happens to a worker, at which stages, and what the user is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import strikes

from beringia.errors import BeringiaError, GroupError, GroupTimeoutError, WorkerDiedError

LOADING = "before the batch is read"
CALL = "in a call"
REPLY = "while a result is written"
BETWEEN = "between two jobs"
STAGES = (LOADING, CALL, REPLY, BETWEEN)

TIMEOUT = 1.0  # seconds that a call may take where the fault is that it takes too long


@dataclass(frozen=True)
class Fault:
    """A row of the table.

    Attributes
    ----------
    strike : callable
        Called in the worker.
    error : type, optional
        What the job raises, if the fault comes in a call; none where it goes on.
    says : str
        Words of the error's message.
    stages : tuple of str
        When it can come.
    also : tuple of str
        Stages at which it can come too, and harms nobody.
    """

    strike: Callable[[], object]
    error: type[BeringiaError] | None
    says: str = ""
    stages: tuple[str, ...] = (LOADING, CALL, REPLY, BETWEEN)
    timeout: float | None = None

    @property
    def name(self) -> str:
        return self.strike.__name__.replace("_", " ")

    def error_at(self, stage: str) -> type[BeringiaError] | None:
        """What the job raises."""
        if stage == BETWEEN:
            return None
        if stage == LOADING and self.error is GroupError:
            return BeringiaError  # the function is at fault, and no group
        return self.error


IN_A_CALL = (CALL, REPLY)  # loading may take its time: there is no timeout

FAULTS = (
    Fault(strikes.killed, WorkerDiedError, "was killed by SIGKILL"),
    Fault(strikes.crashes, WorkerDiedError, "was killed by SIGSEGV"),
    Fault(strikes.aborts, WorkerDiedError, "was killed by SIGABRT"),
    Fault(strikes.ends_itself, WorkerDiedError, "exited with code 3"),
    Fault(strikes.closes_every_descriptor, WorkerDiedError, "closed file descriptors that are not its own"),
    Fault(strikes.forks_a_child_that_stays_and_dies, WorkerDiedError, "was killed by SIGKILL"),
    Fault(strikes.raises_system_exit, GroupError, "SystemExit: 3"),
    Fault(strikes.raises_keyboard_interrupt, GroupError, "KeyboardInterrupt"),
    Fault(strikes.wants_too_much_memory, GroupError, "Unable to allocate"),
    Fault(strikes.meets_a_limit_of_memory, GroupError, "MemoryError"),
    Fault(strikes.runs_out_of_descriptors, GroupError, "Too many open files"),
    Fault(strikes.loops, GroupTimeoutError, "took longer than the timeout", IN_A_CALL, TIMEOUT),
    Fault(strikes.holds_the_interpreter, GroupTimeoutError, "took longer than the timeout", IN_A_CALL, TIMEOUT),
    Fault(strikes.blocks_signals_and_sleeps, GroupTimeoutError, "took longer than the timeout", IN_A_CALL, TIMEOUT),
    Fault(strikes.starts_threads_that_stay, None),
    Fault(strikes.forks_and_both_return, None, stages=(LOADING, CALL, REPLY)),
    Fault(strikes.forks_a_child_that_stays, None),
    Fault(strikes.prints_without_end, None, stages=(CALL, BETWEEN)),
    Fault(strikes.replaces_the_streams, None),
    Fault(strikes.closes_the_streams, None),
    Fault(strikes.changes_the_directory, None),
    Fault(strikes.changes_signals, None, stages=(LOADING, CALL, REPLY)),
    Fault(strikes.changes_numpy, None),
    Fault(strikes.changes_the_locale, None),
    Fault(strikes.changes_the_limits, None),
)
