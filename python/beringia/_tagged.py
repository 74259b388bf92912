"""Conversions of results to values of extension types: genotypes, loci, intervals, sets, dicts, structs, ndarrays.

The types' names and storage are those of Hail's Arrow schemas. What does not fit raises ``TypeError`` or
``ValueError``, whose text is shown after what the function returned.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from beringia import _array_likes


def converter(name: str, parameters: str | None, parts: Sequence[str]) -> Callable[[Any], Any]:
    """Return what makes the stored value of one that a function returned, and None of one that means nothing.

    Parameters
    ----------
    name : str
        The extension type's.
    parameters : str or None
        Its own metadata.
    parts : list of str
        The names of its parts, where it is stored as a struct.
    """
    if name == "hail.locus":
        return partial(locus, lengths=json.loads(parameters or "{}").get("lengths", {}))
    if name == "hail.ndarray":
        return partial(ndarray, axes=int(parameters or 1))
    if name == "hail.struct":
        return partial(struct, names=parts)
    if name == "hail.tuple":
        return partial(parts_of, count=len(parts))
    return {"hail.call": call, "hail.interval": interval, "hail.set": elements, "hail.dict": items}[name]


def call(value: Any) -> int | None:
    """Return the 32 bits of a call: an object with alleles and phase, or a sequence of alleles.

    Alleles of -1 at the end are none, as in arguments; a call whose alleles are masked is missing.
    """
    phased = bool(getattr(value, "phased", False))
    if np.ma.is_masked(value):
        if np.ma.getmaskarray(value).all():
            return None
        raise ValueError("one of its alleles is masked")
    found = [operator.index(allele) for allele in in_order(getattr(value, "alleles", value))]
    while found and found[-1] == -1:
        found.pop()
    if len(found) > 2 or any(allele < 0 for allele in found):
        raise ValueError("a call has at most two alleles, none of them negative")
    if len(found) == 2:
        first, second = (found[0], sum(found)) if phased else sorted(found)
        number = second * (second + 1) // 2 + first
    else:
        number = found[0] if found else 0
    packed = number << 3 | len(found) << 1 | int(phased)
    return int(np.uint32(packed).view(np.int32))


def locus(value: Any, lengths: Mapping[str, int]) -> tuple[str, int] | None:
    """Return contig and position of an object or dict with these names, or of a pair. `lengths` are the contigs'."""
    contig, position = by_name(value, ("contig", "position"))
    if contig is None or position is None:
        return None
    if not isinstance(contig, str):
        raise TypeError(f"the contig is a {type(contig).__name__}")
    if contig not in lengths:
        raise ValueError(f"the reference genome has no contig {contig!r}")
    position = operator.index(position)
    if not 1 <= position <= lengths[contig]:
        raise ValueError(f"positions of contig {contig!r} are 1 to {lengths[contig]}")
    return contig, position


def interval(value: Any) -> tuple[Any, ...] | None:
    """Return start, end and what is included, of an object or dict with these names, or of two or four values."""
    if isinstance(value, (tuple, list)) and len(value) == 2:
        value = (*value, True, False)
    found = by_name(value, ("start", "end", "includes_start", "includes_end"))
    return None if any(flag is None or flag is np.ma.masked for flag in found[2:]) else tuple(found)


def struct(value: Any, names: Sequence[str]) -> tuple[Any, ...]:
    """Return the fields of a struct."""
    return tuple(by_name(value, names))


def parts_of(value: Any, count: int) -> tuple[Any, ...]:
    """Return the parts of a tuple."""
    found = in_order(value)
    if len(found) != count:
        raise ValueError(f"{count} parts are wanted, and there are {len(found)}")
    return tuple(found)


def elements(value: Any) -> list[Any]:
    """Return the elements of a set."""
    if isinstance(value, (str, bytes, dict)):
        raise TypeError(f"a {type(value).__name__} is no set")
    return list(value)


def items(value: Any) -> list[tuple[Any, Any]]:
    """Return keys with their values."""
    return list(dict(value).items())


def ndarray(value: Any, axes: int) -> tuple[Any, Any]:
    """Return shape and elements of an array, the last axis varying fastest."""
    value = _array_likes.unless_plain(value)
    array = np.asarray(value)
    if array.ndim != axes:
        raise ValueError(f"its shape is {array.shape}")
    if np.ma.is_masked(value) or (array.dtype == object and any(item is None for item in array.flat)):
        raise ValueError("an ndarray has no missing values in Hail")
    return np.array(array.shape, dtype=np.int64), array.reshape(-1)


def by_name(value: Any, names: Sequence[str]) -> list[Any]:
    """Return parts of a value by name, as items or attributes; else by position."""
    if isinstance(value, dict):
        if set(value) != set(names):
            raise ValueError(f"expected a dict with {', '.join(names)}, got one with {', '.join(map(str, value))}")
        return [value[name] for name in names]
    if isinstance(value, (np.ndarray, np.void)) and value.dtype.names is not None:
        return [value[name] for name in names]
    is_plain = type(value) in (tuple, list) or isinstance(value, np.ndarray)
    if not is_plain and all(hasattr(value, name) for name in names):
        return [getattr(value, name) for name in names]
    found = in_order(value)
    if len(found) != len(names):
        raise ValueError(f"{', '.join(names)} are wanted, and there are {len(found)} values")
    return found


def in_order(value: Any) -> list[Any]:
    """Return parts of a value that has them in order: a tuple, list or array."""
    if isinstance(value, (str, bytes, set, frozenset, dict)):
        raise TypeError(f"the parts of a {type(value).__name__} have no order")
    return list(value)
