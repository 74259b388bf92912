"""Columns of a table as the workers show them, and results in the types that were asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from beringia._arrow import cast, is_list, plain
from beringia.errors import ArgumentError, ResultError


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
        If there is no such column, or several; or its type, or one of its values, has no NumPy form.
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
    try:
        return cast(column, wanted)
    except pa.ArrowException as error:
        raise ArgumentError(
            f"{use}: a value of column '{name}', of type {column.type}, is no {wanted}: {error}. Cast the column"
        ) from error


def key_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return a grouping column in a type that the workers show, with equal floats as one value.

    Raises
    ------
    ArgumentError
        As in :func:`column_of`; or if its values are neither scalars nor structs of scalars.
    """
    column = column_of(table, name, f"by: key '{name}'")
    if not _is_key(column.type):
        kind = table.schema.field(name).type
        raise ArgumentError(f"grouping column '{name}' has type {kind}: a key is a scalar, or a struct of scalars")
    return pa.chunked_array([_normalized(chunk) for chunk in column.chunks], column.type)


def _is_key(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_is_key(field.type) for field in kind.fields)
    return not (pa.types.is_nested(kind) or isinstance(kind, pa.FixedShapeTensorType))


def _normalized(values: pa.Array) -> pa.Array:
    """Return keys with floats that are equal where their bits are, in structs too: -0.0 as 0.0, and one NaN."""
    if pa.types.is_struct(values.type):
        fields = [_normalized(values.field(i)) for i in range(values.type.num_fields)]
        return pa.StructArray.from_arrays(fields, fields=list(values.type), mask=values.is_null())
    if not pa.types.is_floating(values.type):
        return values
    floats = values.to_numpy(zero_copy_only=False) + 0.0
    floats[np.isnan(floats)] = np.nan
    return pa.array(floats, values.type, mask=values.is_null().to_numpy(zero_copy_only=False))


def restored(result: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a result with the types that were asked for, where others stood for them on the way.

    Raises
    ------
    ResultError
        If a value does not fit the type, such as bytes of another length in fixed-size binary.
    """
    if result.schema == schema:
        return result
    columns = []
    for field, column in zip(schema, result.columns, strict=True):
        try:
            columns.append(cast(column, field.type))
        except pa.ArrowException as error:
            raise ResultError(f"the values of field '{field.name}' together are no {field.type}: {error}") from error
    return pa.Table.from_arrays(columns, schema=schema)


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
    many = isinstance(returns, pa.DataType) and is_list(returns)
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
            raise ArgumentError(
                f"field '{field.name}' of returns has type {field.type}, which has no NumPy form"
            ) from None
    return fields, many
