"""Values of Hail in Python, out of Arrow arrays: what ``collect`` gives of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from hail.expr.types import HailType
from hail.utils import frozendict
from hailtop.hail_frozenlist import frozenlist

import hail as hl
from beringia._apart.arguments import pairs
from beringia.hail import arrow_types

_PLAIN = (hl.tbool, hl.tint32, hl.tint64, hl.tfloat32, hl.tfloat64, hl.tstr)


def of_array(made: pa.Array, dtype: HailType, frozen: bool = False) -> list[Any]:
    """Return the values of an array of the type that :func:`arrow_types.field` says, dicts as lists of pairs.

    Parameters
    ----------
    made : pa.Array
        Without an offset.
    dtype : HailType
        The Hail type of its values.
    frozen : bool
        Whether they can be elements of sets and keys of dicts.

    Returns
    -------
    list
        With None where a value is missing.
    """
    if dtype in _PLAIN:
        return list(made.to_pylist())
    if made.null_count == 0:
        return _whole(made, dtype, frozen)
    found = iter(_whole(made.drop_null(), dtype, frozen))
    return [next(found) if is_there else None for is_there in made.is_valid().to_pylist()]


def _whole(made: pa.Array, dtype: HailType, frozen: bool) -> list[Any]:
    """Return values of a type that is no plain one, none of which is missing."""
    if dtype == hl.tcall:
        return _calls(made)
    if isinstance(dtype, (hl.tarray, hl.tset)):
        values = of_array(made.values, dtype.element_type, frozen or isinstance(dtype, hl.tset))
        kinds: tuple[Callable[[list[Any]], Any], ...]
        kinds = (list, frozenlist) if isinstance(dtype, hl.tarray) else (set, frozenset)
        kind = kinds[frozen]
        return [kind(values[start:end]) for start, end in _bounds(made)]
    if isinstance(dtype, hl.tdict):
        pairs = list(
            zip(
                of_array(made.values.field(0), dtype.key_type, True),
                of_array(made.values.field(1), dtype.value_type, frozen),
                strict=True,
            )
        )
        of_pairs: Callable[[Any], Any] = frozendict if frozen else dict
        return [of_pairs(dict(pairs[start:end])) for start, end in _bounds(made)]
    if isinstance(dtype, hl.tndarray):
        return _ndarrays(made, dtype)
    parts = arrow_types.parts_of(dtype) or {}
    columns = [of_array(made.field(i), part, frozen) for i, part in enumerate(parts.values())]
    rows: Sequence[tuple[Any, ...]] = list(zip(*columns, strict=True)) if columns else [()] * len(made)
    if isinstance(dtype, hl.tlocus):
        return [hl.Locus(*row, dtype.reference_genome) for row in rows]
    if isinstance(dtype, hl.tinterval):
        return [hl.Interval(*row, point_type=dtype.point_type) for row in rows]
    if isinstance(dtype, hl.ttuple):
        return list(rows)
    names = list(parts)
    return [hl.Struct(**dict(zip(names, row, strict=True))) for row in rows]


def _bounds(made: pa.Array) -> list[tuple[int, int]]:
    return list(pairwise(made.offsets.to_pylist()))


def _calls(made: pa.Array) -> list[hl.Call]:
    packed = np.asarray(made)
    kinds, places = np.unique(packed, return_inverse=True)
    calls = [hl.Call(alleles, bool(kind & 1)) for kind, alleles in zip(kinds, alleles_of(kinds), strict=True)]
    return [calls[place] for place in places]


def alleles_of(packed: np.ndarray[Any, Any]) -> list[list[int]]:
    """Return the alleles of calls, each of which is a number of 32 bits as Hail keeps it."""
    return [[allele for allele in pair if allele >= 0] for pair in pairs(packed).tolist()]


def _ndarrays(made: pa.Array, dtype: Any) -> list[Any]:
    sizes = made.field(0).values.to_pylist()
    elements = made.field(1).values.to_numpy(zero_copy_only=False)
    kind = dtype.element_type.to_numpy()
    shapes, data = _bounds(made.field(0)), _bounds(made.field(1))
    return [
        np.array(elements[start:end], dtype=kind).reshape(sizes[low:high])
        for (low, high), (start, end) in zip(shapes, data, strict=True)
    ]
