"""The function on its way to the workers: pickled once on the driver, loaded once per worker and job.

What travels is the function's content (cloudpickle: code, closure and globals of functions that no worker
could import, such as those of a notebook or script), or its name (``module:qualname``).
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, cast

from beringia.errors import ArgumentError


def dump(function: Callable[..., Any]) -> bytes:
    """Pickle `function` by content.

    Returns
    -------
    bytes
        What :func:`load` takes with the kind ``"pickle"``.

    Raises
    ------
    ArgumentError
        If the function, or something that it refers to, cannot be pickled.
    """
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(function))
    except Exception as error:
        raise ArgumentError(
            f"the function {name_of(function)} cannot be sent to the workers: {type(error).__name__}: {error}. "
            "It must not refer to things that live in one process only (a session, a lock, an open file): "
            "make them inside the function, or on its first call.",
            function=name_of(function),
        ) from error


def load(kind: str, payload: bytes) -> Callable[..., Any]:
    """Load the function in a worker.

    Parameters
    ----------
    kind : str
        ``"pickle"``, or ``"module:qualname"`` of an importable function.
    payload : bytes
        The pickle; empty when the function is named.

    Raises
    ------
    Exception
        Whatever unpickling or importing raises; ``TypeError`` if what was loaded cannot be called.
    """
    if kind == "pickle":
        import cloudpickle

        loaded: Any = cloudpickle.loads(payload)
    else:
        module, _, qualname = kind.partition(":")
        if not module or not qualname:
            raise ValueError(f"a function is named as 'module:qualname', got {kind!r}")
        loaded = functools.reduce(getattr, qualname.split("."), importlib.import_module(module))
    if not callable(loaded):
        raise TypeError(f"the function is not callable: {type(loaded).__name__}")
    return cast("Callable[..., Any]", loaded)


def name_of(function: Any) -> str:
    """Name a callable for messages: that of a partial is the name of what it wraps."""
    if isinstance(function, functools.partial):
        return name_of(function.func)
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    return str(name) if name else type(function).__qualname__
