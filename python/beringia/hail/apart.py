"""Expressions taken apart into what has one ndarray each, and put together again: structs, and what is stored so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hail as hl
from beringia.hail import arrow_types

Together = Callable[[list[Any]], Any]


def taken(expression: Any) -> tuple[list[Any], Together]:
    """Return the parts of an expression, and what makes one value of what they became.

    A struct, a locus and an interval become a dict of their fields, a tuple a tuple, a dict the arrays of its ``key``
    and its ``value``, a set the array of its elements, an array of structs a struct of arrays.
    """
    dtype = expression.dtype
    if isinstance(dtype, hl.tset):
        return taken(hl.array(expression))
    if isinstance(dtype, hl.tdict):
        pairs = hl.array(expression).map(lambda pair: hl.struct(key=pair[0], value=pair[1]))
        return taken(pairs)
    if isinstance(dtype, hl.tarray):
        return _taken_array(expression)
    if isinstance(dtype, hl.tndarray) or arrow_types.parts_of(dtype) is None:
        return [expression], lambda found: found[0]
    return _together(dtype, [taken(part) for part in _parts(expression)])


def _parts(expression: Any) -> list[Any]:
    dtype = expression.dtype
    if isinstance(dtype, hl.ttuple):
        return [expression[i] for i in range(len(dtype))]
    if isinstance(dtype, hl.tstruct):
        return [expression[name] for name in dtype]
    return [getattr(expression, name) for name in arrow_types.parts_of(dtype) or ()]


def _together(dtype: Any, parts: list[tuple[list[Any], Together]]) -> tuple[list[Any], Together]:
    names = list(arrow_types.parts_of(dtype) or ())
    sizes = [len(leaves) for leaves, _ in parts]

    def together(found: list[Any]) -> Any:
        made, start = [], 0
        for size, (_, build) in zip(sizes, parts, strict=True):
            made.append(build(found[start : start + size]))
            start += size
        return tuple(made) if isinstance(dtype, hl.ttuple) else dict(zip(names, made, strict=True))

    return [leaf for leaves, _ in parts for leaf in leaves], together


def _taken_array(expression: Any) -> tuple[list[Any], Together]:
    element = expression.dtype.element_type
    while isinstance(element, hl.tarray):
        element = element.element_type
    if isinstance(element, hl.tndarray) or (
        arrow_types.parts_of(element) is None and not isinstance(element, (hl.tset, hl.tdict))
    ):
        return [expression], lambda found: found[0]
    # Taken apart within: each part of the elements becomes an array of its own.
    builds: list[Together] = []

    def parts(item: Any) -> Any:
        leaves, together = taken(item)
        builds.append(together)
        return hl.tuple(leaves)

    made = expression.map(parts)
    leaves = [made.map(lambda of_item, i=i: of_item[i]) for i in range(len(made.dtype.element_type))]
    return leaves, builds[0]
