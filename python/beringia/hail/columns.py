"""Columns that the JVM has written to a block of bytes, as Arrow arrays on that memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from hail.expr.types import HailType

import hail as hl
from beringia.errors import ArgumentError
from beringia.hail import arrow_types, types


def array(dtype: HailType, place: Mapping[str, Any], block: pa.Buffer) -> pa.Array:
    """Return a column.

    Parameters
    ----------
    dtype : HailType
        Its type.
    place : dict
        Its length, and where in the block its buffers and those of its children are (see ``ColumnBlock.scala``).
    block : pa.Buffer
        What it is a view on.

    Returns
    -------
    pa.Array
        Of the type that :func:`arrow_types.field` says, dicts as lists of pairs.
    """
    length = place["length"]
    validity = block.slice(*place["validity"]) if "validity" in place else None
    buffers = [block.slice(*found) for found in place["buffers"]]
    parts = [array(part, child, block) for part, child in zip(_parts(dtype), place["children"], strict=True)]
    made = arrow_types.field("", dtype, maps=False).type
    return pa.Array.from_buffers(made, length, [validity, *buffers], children=parts)


def with_maps(made: pa.Array, dtype: HailType, name: str) -> pa.Array:
    """Return a column with dicts as maps.

    Raises
    ------
    ArgumentError
        If a dict has a missing key, which Arrow's maps cannot have.
    """
    if not _has_dicts(dtype):
        return made
    wanted = arrow_types.field("", dtype).type
    if isinstance(dtype, hl.tdict):
        pairs = with_maps(made.values, hl.tstruct(key=dtype.key_type, value=dtype.value_type), name)
        if pairs.field("key").null_count:
            raise ArgumentError(f"{name}: a dict has a missing key, and maps of Arrow have none: take hl.array of it")
        pairs = pa.StructArray.from_arrays(pairs.flatten(), fields=[wanted.key_field, wanted.item_field])
        ends = np.asarray(made.offsets).astype(np.int32)  # Arrow's maps have no others
        return pa.Array.from_buffers(wanted, len(made), [made.buffers()[0], pa.py_buffer(ends)], children=[pairs])
    if isinstance(dtype, (hl.tarray, hl.tset)):
        buffers, parts = made.buffers()[:2], [with_maps(made.values, dtype.element_type, name)]
    else:
        buffers = made.buffers()[:1]
        parts = [with_maps(made.field(i), part, name) for i, part in enumerate(_parts(dtype))]
    return pa.Array.from_buffers(wanted, len(made), buffers, children=parts)


def _parts(dtype: HailType) -> list[HailType]:
    if isinstance(dtype, (hl.tarray, hl.tset)):
        return [dtype.element_type]
    if isinstance(dtype, hl.tdict):
        return [hl.tstruct(key=dtype.key_type, value=dtype.value_type)]
    return list((arrow_types.parts_of(dtype) or {}).values())


def _has_dicts(dtype: HailType) -> bool:
    return isinstance(dtype, hl.tdict) or any(map(_has_dicts, types.parts(dtype)))
