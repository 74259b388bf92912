"""Which of Hail's types arguments and results may have, and how the JVM reads them."""

from __future__ import annotations

import re

from hail.expr.types import HailType

import hail as hl
from beringia.errors import ArgumentError

PLAIN = (hl.tint32, hl.tint64, hl.tfloat32, hl.tfloat64, hl.tbool, hl.tstr)


def check_argument(dtype: HailType) -> None:
    """Refuse a type that a function cannot be shown.

    Raises
    ------
    ArgumentError
        If it, or a part of it, has no NumPy form.
    """
    _check(dtype, f"type {dtype} has no NumPy form here", in_arrays=False)


def check_result(name: str, dtype: HailType) -> None:
    """Refuse the type of the field `name` of a result, if no value of it can be made.

    Raises
    ------
    ArgumentError
        If it, or a part of it, has no NumPy form.
    """
    _check(dtype, f"field '{name}' of returns has type {dtype}, which has no NumPy form here", in_arrays=True)


def parts(dtype: HailType) -> list[HailType]:
    """List the types that a type is made of."""
    if isinstance(dtype, hl.tstruct):
        return list(dtype.values())
    if isinstance(dtype, hl.ttuple):
        return list(dtype.types)
    if isinstance(dtype, (hl.tarray, hl.tset, hl.tndarray)):
        return [dtype.element_type]
    if isinstance(dtype, hl.tdict):
        return [dtype.key_type, dtype.value_type]
    return [dtype.point_type] if isinstance(dtype, hl.tinterval) else []


def _check(dtype: HailType, refusal: str, in_arrays: bool, within: bool = False) -> None:
    """Check a type; `in_arrays` says whether arrays may hold ndarrays, `within` whether this is within an array."""
    if isinstance(dtype, hl.tndarray):
        supported = dtype.element_type in PLAIN and (in_arrays or not within)
    else:
        made = (hl.tstruct, hl.ttuple, hl.tarray, hl.tset, hl.tdict, hl.tinterval, hl.tlocus)
        supported = dtype in PLAIN or dtype == hl.tcall or isinstance(dtype, made)
    if not supported:
        raise ArgumentError(refusal)
    inside = within or isinstance(dtype, (hl.tarray, hl.tset, hl.tdict))
    for part in parts(dtype):
        _check(part, refusal, in_arrays, inside)


def parsable(dtype: HailType) -> str:
    r"""Return a type as the JVM parses it, which is not so of what Hail makes of an é in a name: ``\\xe9``."""
    text = dtype._parsable_string()
    return re.sub(r"\\(?:x([0-9a-f]{2})|.)", lambda found: f"\\u00{found[1]}" if found[1] else found[0], text)
