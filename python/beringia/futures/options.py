"""What an executor and a call are given, looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from beringia import _call_pickle, _options, _pickler
from beringia.errors import ArgumentError


def check_options(timeout: Any, retries: Any) -> tuple[float | None, int]:
    """Return the options of a call, which are numbers.

    Raises
    ------
    ArgumentError
        If one is none.
    """
    bound = _options.seconds(timeout)
    if not isinstance(retries, (int, np.integer)) or isinstance(retries, bool) or not 0 <= retries < 1 << 32:
        raise ArgumentError(f"retries is a number of times, got {retries!r}")
    return bound, int(retries)


def arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what each argument of a call is called in messages, and its value."""
    yield from ((f"argument {number}", value) for number, value in enumerate(args, 1))
    yield from ((f"argument '{name}'", value) for name, value in kwargs.items())


def of_items(chunk: Sequence[tuple[Any, ...]]) -> Iterator[tuple[str, Any]]:
    """Yield what each argument of the calls of a chunk is called in messages, and its value."""
    for number, item in enumerate(chunk, 1):
        yield from ((f"{name} of item {number} of a chunk", value) for name, value in arguments(item, {}))


def unsendable(error: Exception, name: str, given: Iterable[tuple[str, Any]]) -> Exception:
    """Return the error of a call of the function `name` that cannot be pickled, which names what cannot."""
    found = (f"{what}, a {type(value).__name__}," for what, value in given if not _travels(value))
    says = f"{next(found, 'the function')} of a call of '{name}' cannot be sent to a worker"
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
