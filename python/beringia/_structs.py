"""Structs of several rows, as arguments show them and results take them: their parts apart, each an array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Structs(dict[str, Any]):
    """A dict of the fields.

    Attributes
    ----------
    mask : ndarray of bool or None
        For each struct whether it is missing; None where none is. The fields of a missing one are missing too.
    """

    mask: Any = None


class Tuples(tuple[Any, ...]):
    """A tuple of the parts of structs without names; `mask` as for :class:`Structs`."""

    mask: Any = None


def each(function: Callable[[Any], Any], value: Any) -> Structs | Tuples:
    """Return structs with `function` of each part, and the same mask."""
    found: Structs | Tuples
    if isinstance(value, tuple):
        found = Tuples(map(function, value))
    else:
        found = Structs((name, function(part)) for name, part in value.items())
    found.mask = getattr(value, "mask", None)
    return found


def row(value: Any, index: Any) -> Any:
    """Return one of several structs, or lists of structs; or, by a slice, some. What is no array is the same in all."""
    if isinstance(value, (dict, Tuples)):
        found = each(lambda part: row(part, index), value)
        if found.mask is None:
            return found
        found.mask = np.ma.getdata(found.mask)[index]
        if isinstance(found.mask, np.ndarray):  # of a list of structs
            return found
        return None if found.mask is None or found.mask else found
    is_array = isinstance(value, list) or (isinstance(value, np.ndarray) and value.ndim > 0)
    return value[index] if is_array else value
