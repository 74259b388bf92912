"""What an executor and a call are given, looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from beringia import _call_pickle, _function, _pickler
from beringia.errors import ArgumentError


def check_options(timeout: float | None, retries: int) -> tuple[float | None, int]:
    """Return the options of a call, which are numbers.

    Raises
    ------
    ArgumentError
        If one is none.
    """
    if timeout is not None and (not isinstance(timeout, (int, float)) or timeout <= 0):
        raise ArgumentError(f"timeout is a number of seconds above zero, got {timeout!r}")
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise ArgumentError(f"retries is a number of times, got {retries!r}")
    return timeout, retries


def unsendable(error: Exception, function: Any, values: Iterable[Any]) -> Exception:
    """Return the error of a call that cannot be pickled, which names what cannot."""
    name = _function.name_of(function)
    what = next((f"argument {n + 1}" for n, value in enumerate(values) if not _travels(value)), "the function")
    says = f"{what} of a call of '{name}' cannot be sent to a worker"
    if isinstance(error, _pickler.RefusedError):
        return ArgumentError(f"{says}: {error.advice}", function=name)
    if hasattr(error, "add_note"):
        error.add_note(says)
    return error


def _travels(value: Any) -> bool:
    try:
        _call_pickle.dump(value)
    except Exception:
        return False
    return True
