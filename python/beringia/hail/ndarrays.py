"""Arrow arrays as ndarrays: the forms in which functions see Hail's values, of all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hail.expr.types import HailType

import hail as hl
from beringia._apart.arguments import pairs
from beringia.errors import ArgumentError, MissingValueError
from beringia.hail import arrow_types, values

Array = np.ndarray[Any, Any]


def of_array(made: pa.Array, dtype: HailType, missing: str, name: str) -> Array:
    """Return values as an ndarray with an axis for each of the type's own, if they are all of one shape.

    Parameters
    ----------
    made : pa.Array, of length n
        As :func:`arrow_types.field` says; a plain type, a call, an ndarray, or arrays of them.
    dtype : HailType
        The type of its values.
    missing : str
        ``"nan"``, ``"mask"`` or ``"error"``.
    name : str
        What messages call the values.

    Returns
    -------
    ndarray of shape (n, …), or (n,) of objects that are ndarrays
        A masked one where `missing` says so. Without a copy where nothing is missing, and booleans are not bytes yet.

    Raises
    ------
    MissingValueError
        If one is missing that cannot be, by `missing` and the type.
    """
    if missing == "error" and made.null_count:
        raise MissingValueError(f"{name}: a value is missing, and missing='error'")
    if isinstance(dtype, hl.tarray):
        return _lists(made, dtype.element_type, missing, name)
    if isinstance(dtype, hl.tndarray):
        return _masked(made, _ndarrays(made, dtype), missing)
    if dtype == hl.tstr:
        return _masked(made, np.array(made.to_pylist(), object), missing)
    if dtype in (hl.tfloat32, hl.tfloat64) and missing == "nan":
        return np.asarray(made.to_numpy(zero_copy_only=False))  # NaN where missing
    if missing == "nan" and made.null_count:
        raise MissingValueError(
            f"{name}: a value is missing, and {dtype} has no NaN: pass hl.float64(…) of it, or missing='mask'"
            + (", or hl.float64(….n_alt_alleles())" if dtype == hl.tcall else "")
        )
    present = made.fill_null(False if dtype == hl.tbool else 0) if made.null_count else made
    found = np.asarray(present.to_numpy(zero_copy_only=False))
    return _masked(made, _alleles(found) if dtype == hl.tcall else found, missing)


def _masked(made: pa.Array, found: Array, missing: str) -> Array:
    if missing != "mask":
        return found
    mask = ~np.asarray(made.is_valid()) if made.null_count else np.zeros(len(made), bool)
    return np.ma.masked_array(found, np.broadcast_to(mask.reshape(-1, *[1] * (found.ndim - 1)), found.shape))


def _alleles(packed: Array) -> Array:
    found: Array = pairs(packed)
    if found.max(initial=0) > np.iinfo(np.int8).max:
        raise ArgumentError("to_numpy: a call has an allele above 127, and alleles are int8: pass x[0] and x[1] of it")
    return found.astype(np.int8)


def _lists(made: pa.Array, element: HailType, missing: str, name: str) -> Array:
    ends = np.asarray(made.offsets)
    lengths = np.diff(ends)
    n = len(made)
    is_missing = ~np.asarray(made.is_valid()) if made.null_count else np.zeros(n, bool)
    there = lengths[~is_missing]
    inner = of_array(made.values.slice(ends[0], ends[-1] - ends[0]), element, missing, name)
    width = int(there[0]) if len(there) else 0
    is_even = len(there) > 0 and bool((there == width).all()) and element != hl.tstr and inner.dtype != object
    if is_even and not is_missing.any():
        return inner.reshape(n, width, *inner.shape[1:])
    if is_even and missing != "error" and (inner.dtype.kind == "f" or missing == "mask"):
        filled = np.full((n, width, *inner.shape[1:]), np.nan if inner.dtype.kind == "f" else 0, inner.dtype)
        kept = np.repeat(~is_missing, lengths)
        whole = filled if missing != "mask" else np.ma.masked_array(filled, mask=True)
        whole[~is_missing] = inner[kept].reshape(len(there), width, *inner.shape[1:])
        return whole
    found = [
        None if gone else inner[a - ends[0] : b - ends[0]]
        for a, b, gone in zip(ends, ends[1:], is_missing, strict=False)
    ]
    return _masked(made, objects(found), missing)


def _ndarrays(made: pa.Array, dtype: Any) -> Array:
    found = values.of_array(made, dtype)
    shapes = {None if item is None else item.shape for item in found}
    return np.stack(found) if len(shapes) == 1 and None not in shapes else objects(found)


def objects(found: list[Any]) -> Array:
    """Return an array of shape (n,) of the objects, whatever they are."""
    made = np.empty(len(found), object)
    for i, item in enumerate(found):
        made[i] = item
    return made


def mixed(chunks: list[Array], is_missing: Array, missing: str) -> Array:
    """Return as objects what `of_array` has made of one shape in each chunk, and of another in the next.

    Parameters
    ----------
    chunks : list of ndarray
        Values, with as many axes as `is_missing`, and those of the type.
    is_missing : ndarray of bool
        Which of all of them are missing.
    missing : str
        As in :func:`of_array`.
    """
    made = np.empty(is_missing.shape, object)
    start = 0
    for chunk in chunks:
        for row, *rest in np.ndindex(chunk.shape[: is_missing.ndim]):
            made[(start + row, *rest)] = chunk[(row, *rest)]
        start += len(chunk)
    made[is_missing] = None
    return np.ma.masked_array(made, is_missing) if missing == "mask" else made


def dtype_of(dtype: HailType) -> np.dtype[Any]:
    """Return the dtype of what `of_array` gives, where that is no object."""
    while isinstance(dtype, (hl.tarray, hl.tndarray)):
        dtype = dtype.element_type
    kinds = {hl.tcall: np.int8, hl.tstr: object}
    return np.dtype(kinds.get(dtype) or arrow_types.field("", dtype).type.to_pandas_dtype())
