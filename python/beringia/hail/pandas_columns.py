"""Columns of pandas frames as Arrow arrays and Hail types, by Hail's own rules where these lose nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hail.expr.expressions import ExpressionException, impute_type
from hail.expr.types import HailType

import hail as hl
from beringia import _tagged
from beringia.errors import ArgumentError
from beringia.hail import arrow_types

_NUMBERS = (hl.tbool, hl.tint32, hl.tint64, hl.tfloat32, hl.tfloat64)


def converted(column: pd.Series, wanted: HailType | None, name: str) -> tuple[pa.Array, HailType]:
    """Return a column's values as an Arrow array, and the Hail type that they are to have.

    Raises
    ------
    ArgumentError
        If there is no such type, with what to cast it to; or if values are none of the type that is wanted.
    """
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.categories.dtype.kind not in "biu":
        column = column.astype(column.cat.categories.dtype)  # not those of integers and booleans: they have no NaN
    if column.dtype == object:
        return _objects(column.tolist(), wanted, name)
    try:
        # Without from_pandas: a NaN is a number here, and pandas' own missing values are missing either way.
        made = pa.array(column.array if pd.api.types.is_extension_array_dtype(column.dtype) else column.to_numpy())
    except pa.ArrowException as error:
        raise ArgumentError(f"column {name!r} has dtype {column.dtype}, which has no form in Hail: {error}") from error
    if isinstance(made, pa.ChunkedArray):
        made = made.combine_chunks()
    if isinstance(made, pa.DictionaryArray):
        made = made.dictionary_decode()
    if wanted is None:
        wanted = _unsigned(made, name) or arrow_types.hail_type(pa.field(name, made.type), f"column {name!r}")
        if made.type == pa.float16():
            wanted = hl.tfloat64
    return made, wanted


def _unsigned(made: pa.Array, name: str) -> HailType | None:
    """Return the type of unsigned numbers: as Hail does, by how large they are."""
    if made.type not in (pa.uint32(), pa.uint64()):
        return None
    largest = pa.compute.max(made).as_py() or 0
    if largest >= 1 << 63:
        raise ArgumentError(f"column {name!r} has {largest}, and integers of Hail have 64 bits with a sign: cast it")
    return hl.tint64 if largest >= 1 << 31 else hl.tint32


def _objects(values: list[Any], wanted: HailType | None, name: str) -> tuple[pa.Array, HailType]:
    values = [None if value is pd.NA else value for value in values]
    kinds = {type(value) for value in values if value is not None}
    if str in kinds and float in kinds:  # as pandas keeps text with missing values
        values = [None if isinstance(value, float) and np.isnan(value) else value for value in values]
        kinds = {type(value) for value in values if value is not None}
    if wanted is None:
        wanted = hl.tstr if kinds == {str} else _imputed(values, name)
    return of_values(values, wanted, name), wanted


def _imputed(values: list[Any], name: str) -> HailType:
    if all(value is None for value in values):
        raise ArgumentError(f"column {name!r} has nothing but missing values: give types={{{name!r}: …}}")
    try:
        found: HailType = impute_type(_one_of_each(values)).element_type
    except (ExpressionException, ValueError, TypeError) as error:
        raise ArgumentError(f"column {name!r}: {error}. Cast its values, or give types=") from error
    return found


def _one_of_each(values: list[Any]) -> list[Any]:
    """Return the values without those whose types, as Hail infers them, another has: it takes 60 µs for a list."""
    found: dict[Any, Any] = {}
    for value in values:
        found.setdefault(_kind(value) or object(), value)
    return list(found.values())


def _kind(value: Any) -> Any:
    """Return what is equal for values of which Hail infers the same; None if that is not known without asking it."""
    kind = type(value)
    if kind in (bool, float, str, type(None)):
        return kind
    if kind is int:
        return next((bits for bits in (32, 64) if -1 << bits - 1 <= value < 1 << bits - 1), None)
    if kind is list:
        kinds = frozenset(map(_kind, value))
        return None if None in kinds else (list, kinds)
    return None


def of_values(values: list[Any], dtype: HailType, name: str) -> pa.Array:
    """Return values of Hail in Python as an Arrow array that `stored.array` takes.

    Raises
    ------
    ArgumentError
        If one is no value of `dtype`.
    """
    convert = _converter(dtype)
    try:
        plain = values if convert is None else [None if value is None else convert(value) for value in values]
        return pa.array(plain, _storage(dtype, pa.infer_type(plain)))
    except (pa.ArrowException, TypeError, ValueError, AttributeError, KeyError, OverflowError) as error:
        raise ArgumentError(f"column {name!r}: a value is no {dtype}: {error}") from error


def _storage(dtype: HailType, found: pa.DataType) -> pa.DataType:
    """Return the Arrow type of what `_converter` makes, of which Arrow says `found`.

    Numbers have the type that they have been found to be, for `stored.array` to cast: made what is wanted at once,
    pyarrow would cut and round them.
    """
    if dtype in _NUMBERS:
        if pa.types.is_temporal(found):  # Arrow would cast it, by a unit that nobody gave
            raise TypeError(f"{found} is no number")
        return arrow_types.field("", dtype).type if pa.types.is_null(found) else found
    if dtype == hl.tcall:
        return pa.int32()
    if isinstance(dtype, (hl.tarray, hl.tset)):
        return pa.large_list(pa.field("item", _storage(dtype.element_type, _element(found))))
    if isinstance(dtype, hl.tdict):
        pair = hl.tstruct(key=dtype.key_type, value=dtype.value_type)
        return pa.large_list(pa.field("item", _storage(pair, _element(found))))
    parts = arrow_types.parts_of(dtype)
    if parts is None:
        return arrow_types.field("", dtype).type
    found_of = {part.name: part.type for part in found} if pa.types.is_struct(found) else {}
    return pa.struct([pa.field(part, _storage(of, found_of.get(part, pa.null()))) for part, of in parts.items()])


def _element(found: pa.DataType) -> pa.DataType:
    return found.value_type if arrow_types.is_list(found) else pa.null()


def _converter(dtype: HailType) -> Callable[[Any], Any] | None:
    """Return what makes plain Python of a value that is there; None where it is that already."""
    if dtype == hl.tcall:
        return _tagged.call
    if isinstance(dtype, (hl.tarray, hl.tset)):
        element = _converter(dtype.element_type)
        listed = _tagged.in_order if isinstance(dtype, hl.tarray) else _tagged.elements
        return listed if element is None else lambda found: [_converted(element, item) for item in listed(found)]
    if isinstance(dtype, hl.tdict):
        of_key, of_value = _converter(dtype.key_type), _converter(dtype.value_type)
        return lambda found: [
            {"key": _converted(of_key, key), "value": _converted(of_value, value)} for key, value in found.items()
        ]
    if isinstance(dtype, hl.tndarray):
        return lambda found: dict(zip(("shape", "data"), _tagged.ndarray(found, dtype.ndim), strict=True))
    parts = arrow_types.parts_of(dtype)
    if parts is None:
        return None
    converters = {name: _converter(of) for name, of in parts.items()}
    if isinstance(dtype, hl.ttuple):
        return lambda found: {
            name: _converted(convert, part) for (name, convert), part in zip(converters.items(), found, strict=True)
        }
    if isinstance(dtype, hl.tstruct):
        return lambda found: {name: _converted(convert, found.get(name)) for name, convert in converters.items()}
    return lambda found: {name: _converted(convert, getattr(found, name)) for name, convert in converters.items()}


def _converted(convert: Callable[[Any], Any] | None, value: Any) -> Any:
    return value if value is None or convert is None else convert(value)
