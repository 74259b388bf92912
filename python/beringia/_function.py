"""The function on its way to the workers: pickled once on the driver, loaded once per worker and job.

What travels is the function's content (:mod:`beringia._pickler`: code, closure and globals of functions that no
worker could import, such as those of a notebook or script), its name (``module:qualname``), or Python source.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from beringia import _modules
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
    from beringia import _pickler  # cloudpickle is not needed where a function is named

    try:
        return _pickler.dumps(function)
    except _pickler.RefusedError as error:
        raise ArgumentError(
            f"the function {name_of(function)} refers to {_called(error.value, function)}, "
            f"which stays on the driver: {error.advice}",
            function=name_of(function),
        ) from None
    except Exception as error:
        raise ArgumentError(
            f"the function {name_of(function)} cannot be sent to the workers: {type(error).__name__}: {error}. "
            "It must not refer to things that live in one process only (a session, a lock, an open file): "
            "make them inside the function, or on its first call.",
            function=name_of(function),
        ) from error


def search_path() -> list[str]:
    """Return ``sys.path`` for processes that have another working directory."""
    return list(dict.fromkeys(str(Path(entry or ".").absolute()) for entry in sys.path))


def load(kind: str, payload: bytes) -> Callable[..., Any]:
    """Load the function in a worker.

    Parameters
    ----------
    kind : str
        ``"pickle"``; ``"source:name"`` for a function that a text of Python defines (without a name, the last
        one); or ``"module:qualname"`` of an importable function.
    payload : bytes
        The pickle, or the source in UTF-8; empty when the function is named.

    Raises
    ------
    Exception
        Whatever unpickling, importing or running the source raises; ``TypeError`` if what was loaded
        cannot be called.
    """
    _modules.refresh()
    if kind == "pickle":
        import cloudpickle

        loaded: Any = cloudpickle.loads(payload)
    elif kind.startswith("source:"):
        loaded = _define(kind.partition(":")[2], payload.decode())
    else:
        module, _, qualname = kind.partition(":")
        if not module or not qualname:
            raise ValueError(f"a function is named as 'module:qualname', got {kind!r}")
        loaded = functools.reduce(getattr, qualname.split("."), importlib.import_module(module))
    if not callable(loaded):
        raise TypeError(f"the function is not callable: {type(loaded).__name__}")
    return cast("Callable[..., Any]", loaded)


def _define(name: str, source: str) -> Any:
    """Run `source` as a module of its own and return what it calls `name`, or the last function that it defines."""
    if not name:
        functions = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
        if not functions:
            raise NameError("the source defines no function")
        name = functions[-1]
    file = f"<source of {name}>"
    # Where tracebacks find the lines of what is in no file.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": file}
    exec(compile(source, file, "exec"), namespace)
    if name not in namespace:
        raise NameError(f"the source defines no {name!r}")
    return namespace[name]


def _called(value: object, function: Any) -> str:
    """Say what `value` is, and what `function` calls it if it refers to it directly."""
    kind = value.__name__ if isinstance(value, type) else type(value).__name__
    known: dict[str, Any] = {}
    while isinstance(function, functools.partial):
        known |= function.keywords
        function = function.func
    if inspect.isfunction(function):
        known |= {**inspect.getclosurevars(function).globals, **inspect.getclosurevars(function).nonlocals}
    name = next((name for name, each in known.items() if each is value), kind)
    return kind if name == kind else f"{name!r}, {'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


def name_of(function: Any) -> str:
    """Name a callable for messages: that of a partial is the name of what it wraps."""
    if isinstance(function, functools.partial):
        return name_of(function.func)
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    return str(name) if name else type(function).__qualname__
