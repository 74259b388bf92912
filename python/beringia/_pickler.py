"""How a function is pickled: as cloudpickle does it, with the lines of its source.

A traceback from a worker shows the file and the line of every function that travelled by value, whatever its file: a
script that the worker's machine does not have, a cell of a notebook, a string. cloudpickle does not carry the source,
and from 3.1.3 on not even the name of the file.
"""

from __future__ import annotations

import hashlib
import io
import linecache
import pickle
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import cloudpickle

from beringia import _engine_objects, _modules


class RefusedError(Exception):
    """Something must not travel: `value`, with `advice` on what to use instead."""

    def __init__(self, value: object, advice: str) -> None:
        super().__init__(advice)
        self.value, self.advice = value, advice


def dumps(value: Any) -> bytes:
    """Pickle `value`; equal for equal functions.

    Raises
    ------
    RefusedError
        If it refers to what belongs to an engine's driver.
    Exception
        Whatever pickling raises.
    """
    with io.BytesIO() as file:
        pickler = Pickler(file)
        pickler.dump(value)
        return file.getvalue() + fingerprint(pickler.own_modules())


def fingerprint(modules: _modules.Stamps) -> bytes:
    """Return what makes another function of one whose modules changed: unpickling ends where the pickle does."""
    return hashlib.sha256(repr(modules).encode()).digest() if modules else b""


class Pickler(cloudpickle.Pickler):  # type: ignore[misc] # cloudpickle has no types
    """Pickles into `file`; `beside` may take a buffer out of the pickle, as :class:`pickle.Pickler` has it."""

    def __init__(self, file: io.BytesIO, beside: Callable[[pickle.PickleBuffer], bool] | None = None) -> None:
        super().__init__(file, 5, beside)
        self.modules: set[str] = set()  # that it may refer to, among other names
        self._within: set[int] = set()  # the code inside other code, whose lines travel with that

    def own_modules(self) -> _modules.Stamps:
        """List the user's modules that what was pickled refers to, as they are on disk."""
        return _modules.stamps(self.modules)

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, CodeType):
            make, parts = self.dispatch_table[CodeType](value)
            lines = None if id(value) in self._within else _lines(value)
            self._within.update(id(each) for each in inner(value))
            self.modules.update(value.co_names)  # what it imports
            return _code, (make, parts, sys.intern(value.co_filename), lines)
        advice = _engine_objects.advice(value)
        if advice is not None:
            raise RefusedError(value, advice)
        if isinstance(value, ModuleType):
            self.modules.add(value.__name__)
        elif isinstance(value, (type, FunctionType)):
            self.modules.add(value.__module__)
        return super().reducer_override(value)


def inner(code: CodeType) -> Iterator[CodeType]:
    """Go through the functions that `code` defines, and those that they define."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from inner(constant)


def _lines(code: CodeType) -> str | None:
    """Return the source of `code` and of what is in it, where Python knows it."""
    linecache.checkcache(code.co_filename)
    numbers = [line for each in (code, *inner(code)) for *_, line in each.co_lines() if line]
    first, last = code.co_firstlineno, max(numbers, default=0)
    return "".join(linecache.getlines(code.co_filename)[first - 1 : last]) or None


def _code(make: Callable[..., CodeType], parts: tuple[Any, ...], file: str, lines: str | None) -> CodeType:
    """Make the code in the worker, and tell :mod:`linecache`, where tracebacks look, its lines."""
    code = make(*parts).replace(co_filename=file)
    if lines is not None:
        # The other lines of the file are those of functions that came before, or that the worker imported.
        known = linecache.getlines(file)
        given = lines.splitlines(keepends=True)
        start, end = code.co_firstlineno - 1, code.co_firstlineno - 1 + len(given)
        known = [*known[:start], *["\n"] * (start - len(known)), *given, *known[end:]]
        # Without a time, the entry is not compared with a file that may not be there.
        linecache.cache[file] = (sum(map(len, known)), None, known, file)
    return code
