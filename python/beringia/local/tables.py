"""Data in and results out as Arrow: whatever the user has, as one table of types that the workers show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from beringia.errors import ArgumentError


def table_of(data: Any) -> pa.Table:
    """Return `data` as a table, without a copy where its memory is Arrow's already.

    Parameters
    ----------
    data : object or dict
        Anything with ``__arrow_c_stream__`` or ``__arrow_c_array__``; or ndarrays by column name, whose first
        axis is the rows: further axes make a column of tensors.

    Raises
    ------
    ArgumentError
        If it is neither.
    """
    if isinstance(data, Mapping):
        arrays = {str(name): _array(str(name), value) for name, value in data.items()}
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise ArgumentError(f"the columns of data differ in length: {lengths}")
        return pa.table(arrays)
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data).read_all()
    if hasattr(data, "__arrow_c_array__"):
        return pa.Table.from_batches([pa.record_batch(data)])
    raise ArgumentError(
        f"data must be a dict of ndarrays or have __arrow_c_stream__ (pyarrow, polars, pandas, DuckDB), "
        f"got {type(data).__name__}"
    )


def _array(name: str, value: Any) -> pa.Array:
    array = np.asarray(value)
    if array.ndim == 0:
        raise ArgumentError(f"column '{name}' of data has no rows: {value!r}")
    try:
        if array.ndim == 1:
            return pa.array(array)
        return pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(array))
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise ArgumentError(f"column '{name}' of data cannot be an Arrow column: {error}") from error


def plain(kind: pa.DataType) -> pa.DataType:
    """Return the type that stands for `kind` on the way to the workers: no dictionaries, no views.

    Raises
    ------
    KeyError
        If nothing does.
    """
    if pa.types.is_dictionary(kind):
        return plain(kind.value_type)
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind) or pa.types.is_string(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary(kind):
        return pa.large_binary()
    if pa.types.is_fixed_size_binary(kind):
        return pa.large_binary()
    if _is_list(kind):
        return pa.large_list(kind.value_field.with_type(plain(kind.value_type)))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(plain(kind.value_type)), kind.list_size)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(plain(field.type)) for field in kind.fields])
    if isinstance(kind, pa.FixedShapeTensorType):
        return kind
    if isinstance(kind, pa.BaseExtensionType):
        return plain(kind.storage_type)
    if pa.types.is_date64(kind):
        return pa.timestamp("ms")
    if pa.types.is_decimal(kind) and kind.precision <= 38:
        return pa.decimal128(kind.precision, kind.scale)
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_date32(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_duration(kind)
    ):
        return kind
    raise KeyError(kind)


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def column_of(table: pa.Table, name: str, use: str) -> pa.ChunkedArray:
    """Return a column in a type that the workers show.

    Parameters
    ----------
    table : pyarrow.Table
        The data.
    name : str
        The column.
    use : str
        What it is for, in messages: ``parameter 'x'``.

    Raises
    ------
    ArgumentError
        If there is no such column, or several, or its type has no NumPy form.
    """
    found = table.schema.get_all_field_indices(name)
    if len(found) != 1:
        what = "no column" if not found else f"{len(found)} columns"
        raise ArgumentError(
            f"{use} takes column '{name}', and data has {what} of that name. The columns are "
            f"{', '.join(table.column_names)}. A required parameter takes the column of its name, unless args "
            "names another."
        )
    column = table.column(found[0])
    try:
        wanted = plain(column.type)
    except KeyError:
        raise ArgumentError(f"{use}: column '{name}' is of type {column.type}, which has no NumPy form") from None
    if isinstance(column.type, pa.BaseExtensionType) and not isinstance(column.type, pa.FixedShapeTensorType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    return column if column.type == wanted else column.cast(wanted)


def fields_of(returns: Any) -> tuple[list[pa.Field], bool]:
    """Return the fields that the function returns, and whether there may be many rows.

    Parameters
    ----------
    returns : pyarrow.Schema or pyarrow.DataType
        A schema or struct: one row per group; a list of struct: any number.

    Raises
    ------
    ArgumentError
        If it is neither, has no field, or a type that a function cannot return.
    """
    many = isinstance(returns, pa.DataType) and _is_list(returns)
    inner = returns.value_type if many else returns
    if isinstance(inner, pa.Schema):
        fields = list(inner)
    elif isinstance(inner, pa.DataType) and pa.types.is_struct(inner):
        fields = list(inner.fields)
    else:
        raise ArgumentError(
            "returns must be a pyarrow schema or struct for one row per group, or a list of struct for many, "
            f"got {returns!r}"
        )
    if not fields:
        raise ArgumentError("returns has no field")
    for field in fields:
        try:
            plain(field.type)
        except KeyError:
            raise ArgumentError(f"a function cannot return field '{field.name}' of type {field.type}") from None
    return fields, many
