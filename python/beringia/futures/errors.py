"""What a future raises when not its function but its worker is at fault: ours, and the standard library's class."""

from __future__ import annotations

from concurrent.futures import TimeoutError as FuturesTimeoutError
from concurrent.futures.process import BrokenProcessPool

from beringia import errors


class WorkerDiedError(errors.WorkerDiedError, BrokenProcessPool):
    """The worker process ended while it made this call; the executor goes on with others."""


class CallTimeoutError(errors.GroupTimeoutError, FuturesTimeoutError):
    """The call ran for longer than it may; its worker was ended."""


def of_call(error: errors.BeringiaError, name: str) -> errors.BeringiaError:
    """Return what the future of a call of the function `name` raises for `error`."""
    classes = {errors.WorkerDiedError.code: WorkerDiedError, errors.GroupTimeoutError.code: CallTimeoutError}
    cls = classes.get(error.code)
    if cls is None:
        return error
    return cls(f"{error} ('{name}' ran)", traceback=error.traceback, function=name)


def broken(error: errors.BeringiaError) -> BrokenProcessPool:
    """Return what futures raise when no call can be made any more."""
    told = f"\n{error.traceback}" if error.traceback else ""
    raised = BrokenProcessPool(f"no worker can be had for this executor: {error}{told}")
    raised.__cause__ = error
    return raised
