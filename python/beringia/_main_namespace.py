"""The one namespace that functions of ``__main__`` have in a worker, whichever call brought them.

cloudpickle gives the functions of each pickle globals of their own, so that what an initializer sets, no later call
sees. Here the globals that travel with a function fill in what the namespace lacks, and replace what came the same way
before; what the worker's own code has assigned stays.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

_globals: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
_sent: dict[str, Any] = {}
"""What came last under each name."""
_arrived: list[dict[str, Any]] = []
"""The globals of the functions that are being loaded."""


class Namespace(dict):  # type: ignore[type-arg]
    """Stands in a pickle for the namespace of the process that loads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return namespace, ()


def namespace() -> dict[str, Any]:
    """Return the namespace of this process."""
    return _globals


def reference() -> tuple[int, Namespace]:
    """Return the id of this process's ``__main__`` namespace, and what stands for it."""
    return id(vars(sys.modules["__main__"])), Namespace(__name__="__main__")


def of_main(function: object) -> bool:
    """Tell whether a function's globals are those of ``__main__``."""
    return isinstance(function, FunctionType) and function.__globals__ is vars(sys.modules["__main__"])


def set_state(function: Any, given: tuple[Callable[[Any, Any], None], Any]) -> None:
    """Finish a function that is being loaded, as cloudpickle's own `setter` does."""
    setter, (attributes, slots) = given
    arrived = slots["__globals__"]
    _arrived.append(arrived)
    fill(arrived)
    setter(function, (attributes, {**slots, "__globals__": {}}))


def loaded() -> list[dict[str, Any]]:
    """Return the globals that came since the last time, for :func:`fill`."""
    arrived = _arrived[:]
    _arrived.clear()
    return arrived


def fill(arrived: dict[str, Any]) -> None:
    """Put globals that came with a function into the namespace."""
    for name, value in arrived.items():
        if name not in _globals or _globals[name] is _sent.get(name, _sent):
            _globals[name] = _sent[name] = value
