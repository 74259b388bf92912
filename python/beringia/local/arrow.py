"""Types of Arrow that the workers show, and those that stand for others on the way in and out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beringia.errors import ArgumentError, ResultError


def plain(kind: pa.DataType) -> pa.DataType:
    """Return the type that stands for `kind` on the way to the workers: no dictionaries, no runs, no views.

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
        if _is_view(kind.value_type):
            raise KeyError(kind)  # pyarrow does not cast these right
        return pa.large_list(kind.value_field.with_type(plain(kind.value_type)))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(plain(kind.value_type)), kind.list_size)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(plain(field.type)) for field in kind.fields])
    if isinstance(kind, pa.FixedShapeTensorType):
        return kind
    if isinstance(kind, pa.BaseExtensionType):
        return plain(kind.storage_type)
    if pa.types.is_run_end_encoded(kind):
        return plain(kind.value_type)
    if pa.types.is_null(kind):
        return pa.large_string()
    if pa.types.is_date64(kind):
        return pa.date32()
    if pa.types.is_decimal(kind):
        make = pa.decimal128 if kind.precision <= 38 else pa.decimal256
        return make(kind.precision, kind.scale)
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_date32(kind)
        or pa.types.is_time(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_duration(kind)
    ):
        return kind
    raise KeyError(kind)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or _is_view(kind))


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind))


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
    return _cast(column, wanted)


def key_of(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return a grouping column in a type that the workers show.

    Raises
    ------
    ArgumentError
        As in :func:`column_of`; or if its values are neither scalars nor structs of scalars.
    """
    column = column_of(table, name, f"by: key '{name}'")
    if not _is_key(column.type):
        kind = table.schema.field(name).type
        raise ArgumentError(f"grouping column '{name}' has type {kind}: a key is a scalar, or a struct of scalars")
    return column


def _is_key(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_is_key(field.type) for field in kind.fields)
    return not (pa.types.is_nested(kind) or isinstance(kind, pa.FixedShapeTensorType))


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
            columns.append(_cast(column, field.type))
        except pa.ArrowInvalid as error:
            raise ResultError(f"a value of field '{field.name}' is no {field.type}: {error}") from error
    return pa.Table.from_arrays(columns, schema=schema)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Cast, also from and to the types that pyarrow's own cast leaves out."""
    if column.type == kind:
        return column
    if pa.types.is_null(kind):
        return pa.chunked_array([pa.nulls(len(column))])
    if pa.types.is_run_end_encoded(column.type):
        return _cast(pc.run_end_decode(column), kind)
    if pa.types.is_run_end_encoded(kind):
        return pc.run_end_encode(_cast(column, kind.value_type), run_end_type=kind.run_end_type)
    if pa.types.is_dictionary(column.type) and not pa.types.is_dictionary(kind):
        # Decoded by hand: pyarrow's own cast takes no views from a dictionary.
        values = [_cast(pa.chunked_array([chunk.dictionary]), kind).combine_chunks() for chunk in column.chunks]
        parts = [known.take(chunk.indices) for known, chunk in zip(values, column.chunks, strict=True)]
        return pa.chunked_array(parts, kind)
    if pa.types.is_dictionary(kind):
        encoded = pc.dictionary_encode(_cast(column, kind.value_type))
        parts = [
            pa.DictionaryArray.from_arrays(chunk.indices.cast(kind.index_type), chunk.dictionary, ordered=kind.ordered)
            for chunk in encoded.chunks
        ]
        return pa.chunked_array(parts, kind)
    if _is_view(column.type) and not _is_view(kind):
        lists = [_list_of_view(chunk) for chunk in column.chunks]
        return _cast(pa.chunked_array(lists, pa.large_list(column.type.value_field)), kind)
    if _is_view(kind):
        lists = _cast(column, pa.large_list(kind.value_field))
        return pa.chunked_array([_view_of_list(chunk, kind) for chunk in lists.chunks], kind)
    if isinstance(column.type, pa.BaseExtensionType):
        storage = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
        return _cast(storage, kind)
    if isinstance(kind, pa.BaseExtensionType):
        storage = _cast(column, kind.storage_type)
        chunks = [pa.ExtensionArray.from_storage(kind, chunk) for chunk in storage.chunks]
        return pa.chunked_array(chunks, kind)
    return column.cast(kind)


def _list_of_view(views: pa.Array) -> pa.Array:
    """Pyarrow's own cast makes invalid arrays where lists are missing."""
    lengths = pc.fill_null(pc.list_value_length(views), 0)
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False), dtype=np.int64)])
    return pa.LargeListArray.from_arrays(offsets, views.flatten(), mask=views.is_null())


def _view_of_list(lists: pa.Array, kind: pa.DataType) -> pa.Array:
    make, offset = (
        (pa.ListViewArray, pa.int32()) if pa.types.is_list_view(kind) else (pa.LargeListViewArray, pa.int64())
    )
    bounds = lists.offsets.to_numpy()
    starts, sizes = (pa.array(numbers).cast(offset) for numbers in (bounds[:-1], np.diff(bounds)))
    return make.from_arrays(starts, sizes, lists.values, type=kind, mask=lists.is_null())


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
            raise ArgumentError(
                f"field '{field.name}' of returns has type {field.type}, which has no NumPy form"
            ) from None
    return fields, many
