"""Functions that are called again: what of them can change, and the pickles of those in which nothing has.

A function that a worker imports by its name is pickled once, until the user's own modules that it refers to change.
One that travels by value, such as those of a script, is looked at before each call: if its code and all that it refers
to are the same objects as before, and of kinds that cannot change, so is its pickle. One that refers to a list, an
array, or the user's own module is pickled each time.
"""

from __future__ import annotations

import dis
import sys
import weakref
from collections.abc import Callable, Iterator
from operator import is_
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import cloudpickle
import numpy as np

from beringia import _modules, _pickler

_MOST = 256
"""Functions by value that are kept."""
_CONSTANT = frozenset((bool, bytes, complex, float, int, np.ufunc, str, type(None)))
_ABSENT = "no global has this name"


class _Named(NamedTuple):
    code: CodeType | None  # which tools that reload modules replace
    modules: _modules.Stamps
    pickled: bytes


class _Known(NamedTuple):
    code: CodeType  # held, so that no other has its id
    imported: int
    parts: list[Any]
    pickled: bytes


_by_name: weakref.WeakKeyDictionary[Any, _Named] = weakref.WeakKeyDictionary()
_by_code: dict[int, _Known] = {}


def pickled(function: Any, dump: Callable[[Any], tuple[bytes, _modules.Stamps]]) -> bytes:
    """Return the pickle of a function.

    Parameters
    ----------
    function : function or builtin function
        What is to be pickled.
    dump : callable
        Pickles it: the pickle, and the user's own modules that it refers to.

    Returns
    -------
    bytes
        The pickle.
    """
    code = getattr(function, "__code__", None)
    found = _by_name.get(function)
    if found is not None and found.code is code and _modules.are_as_before(found.modules):
        return found.pickled
    if _is_named(function):
        pickle, modules = dump(function)
        _by_name[function] = _Named(code, modules, pickle)
        return pickle
    parts = _parts(function) if isinstance(function, FunctionType) else None
    if parts is None or code is None:
        return dump(function)[0]
    imported = len(sys.modules)  # whose submodules travel, as far as they are imported
    known = _by_code.get(id(code))
    if known is not None and known.imported == imported and _are_same(known.parts, parts):
        return known.pickled
    pickle, modules = dump(function)
    if not modules:
        if len(_by_code) >= _MOST:
            _by_code.clear()
        _by_code[id(code)] = _Known(code, imported, parts, pickle)
    return pickle


def keeps_state(function: Any) -> bool:
    """Tell whether a call may leave something in a function by value: in a default, or a variable of its closure."""
    if not isinstance(function, FunctionType) or _is_named(function):
        return False
    reached = _reached(function, _own_values)
    return reached is None or any(_assigns(each.__code__) for each, _ in reached)


def _assigns(code: CodeType) -> bool:
    """Tell whether a function, or one within it, gives a value to a variable of the first one's closure."""
    return bool(code.co_freevars) and any(
        step.opname in ("STORE_DEREF", "DELETE_DEREF") and step.argval in code.co_freevars
        for each in (code, *_pickler.inner(code))
        for step in dis.get_instructions(each)
    )


def _parts(function: FunctionType) -> list[Any] | None:
    """List what a function by value is made of, and the functions that it refers to; None if some of it can change."""
    reached = _reached(function, _values)
    if reached is None:
        return None
    parts: list[Any] = []
    for each, values in reached:
        parts += (each.__code__, each.__globals__, each.__name__, each.__qualname__, each.__module__, each.__doc__)
        parts += each.__annotations__
        parts += each.__annotations__.values()
        parts += values
    return parts


def _reached(
    function: FunctionType, values_of: Callable[[FunctionType], Iterator[Any]]
) -> list[tuple[FunctionType, list[Any]]] | None:
    """List a function by value and those that it refers to, with the values of each; None if some of it can change."""
    found: list[tuple[FunctionType, list[Any]]] = []
    waiting, seen = [function], {id(function)}
    while waiting:
        each = waiting.pop()
        if each.__dict__ or each.__kwdefaults__:
            return None
        try:
            values = list(values_of(each))
        except ValueError:  # a variable of the closure that has no value yet
            return None
        found.append((each, values))
        for value in values:
            if isinstance(value, FunctionType) and not _is_named(value):
                if id(value) not in seen:
                    seen.add(id(value))
                    waiting.append(value)
            elif not _is_constant(value):
                return None
    return found


def _values(function: FunctionType) -> Iterator[Any]:
    """Go through the objects that a function refers to."""
    yield from _own_values(function)
    namespace = function.__globals__
    for each in (function.__code__, *_pickler.inner(function.__code__)):
        for name in each.co_names:
            yield namespace.get(name, _ABSENT)


def _own_values(function: FunctionType) -> Iterator[Any]:
    """Go through those of them that are the function's own: its defaults, and the variables of its closure."""
    yield function.__defaults__
    for cell in function.__closure__ or ():
        yield cell.cell_contents


def _is_constant(value: Any) -> bool:
    if type(value) in _CONSTANT:
        return True
    if type(value) is tuple:
        return all(map(_is_constant, value))
    if isinstance(value, ModuleType):
        return sys.modules.get(value.__name__) is value
    return isinstance(value, (type, FunctionType, BuiltinFunctionType)) and _is_named(value)


def _are_same(some: list[Any], others: list[Any]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))


def _is_named(value: Any) -> bool:
    """Tell whether a function or class is what a module has under its name, so that nothing but the name travels."""
    module = getattr(value, "__module__", None) or "__main__"
    if module == "__main__" or module not in sys.modules or cloudpickle.list_registry_pickle_by_value():
        return False
    found: Any = sys.modules[module]
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value
