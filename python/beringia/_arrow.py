"""Types of Arrow that stand for others: those that workers show and results are written in, and casts between them.

Needs pyarrow: a worker imports it where a function returned values of Arrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


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
    if is_list(kind):
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


def is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or _is_view(kind))


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind))


def cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Cast, also from and to the types that pyarrow's own cast leaves out."""
    if column.type == kind:
        return column
    if pa.types.is_null(kind):
        return pa.chunked_array([pa.nulls(len(column))])
    if pa.types.is_run_end_encoded(column.type):
        return cast(pc.run_end_decode(column), kind)
    if pa.types.is_run_end_encoded(kind):
        return pc.run_end_encode(cast(column, kind.value_type), run_end_type=kind.run_end_type)
    if pa.types.is_dictionary(column.type) and not pa.types.is_dictionary(kind):
        # Decoded by hand: pyarrow's own cast takes no views from a dictionary.
        values = [cast(pa.chunked_array([chunk.dictionary]), kind).combine_chunks() for chunk in column.chunks]
        parts = [known.take(chunk.indices) for known, chunk in zip(values, column.chunks, strict=True)]
        return pa.chunked_array(parts, kind)
    if pa.types.is_dictionary(kind):
        encoded = pc.dictionary_encode(cast(column, kind.value_type))
        parts = [
            pa.DictionaryArray.from_arrays(chunk.indices.cast(kind.index_type), chunk.dictionary, ordered=kind.ordered)
            for chunk in encoded.chunks
        ]
        return pa.chunked_array(parts, kind)
    if _is_view(column.type) and not _is_view(kind):
        lists = [_list_of_view(chunk) for chunk in column.chunks]
        return cast(pa.chunked_array(lists, pa.large_list(column.type.value_field)), kind)
    if _is_view(kind):
        lists = cast(column, pa.large_list(kind.value_field))
        return pa.chunked_array([_view_of_list(chunk, kind) for chunk in lists.chunks], kind)
    if isinstance(column.type, pa.BaseExtensionType):
        storage = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
        return cast(storage, kind)
    if isinstance(kind, pa.BaseExtensionType):
        storage = cast(column, kind.storage_type)
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


def arrays_of(array: pa.Array) -> Any:
    """Return values of a type that :func:`plain` gives, as the arrays that results are made of.

    Returns
    -------
    ndarray, MaskedArray or dict
        What is missing is masked, or None among objects: texts, decimals, lists of any length. Structs are a dict of
        arrays. Instants have a dtype that says so, ``dtype.metadata["zoned"]``, where NumPy's values do not.
    """
    kind = array.type
    missing = array.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_struct(kind):
        return {name: arrays_of(part) for name, part in zip(kind.names, array.flatten(), strict=True)}
    if isinstance(kind, pa.FixedShapeTensorType):
        if not missing.any():
            return array.to_numpy_ndarray()
        return _objects([arrays_of(array[i : i + 1])[0] if there else None for i, there in enumerate(~missing)])
    if is_list(kind) or pa.types.is_fixed_size_list(kind):
        lists = array.cast(pa.large_list(kind.value_field))
        items, bounds = arrays_of(lists.values), lists.offsets.to_numpy()
        return _objects(
            [
                None if null else _part(items, start, end)
                for start, end, null in zip(bounds[:-1], bounds[1:], missing, strict=True)
            ]
        )
    dtype = _dtype(kind)
    if dtype is None:
        return _objects(array.to_pylist())
    if pa.types.is_boolean(kind):
        values = array.fill_null(False).to_numpy(zero_copy_only=False)
    elif dtype.kind in "Mm":
        integers = array.view(pa.int32() if kind.bit_width == 32 else pa.int64())
        values = integers.fill_null(0).to_numpy().astype(np.int64).view(dtype)
    else:
        values = array.fill_null(0).to_numpy()
    return np.ma.array(values, mask=missing) if missing.any() else values


def _dtype(kind: pa.DataType) -> np.dtype[Any] | None:
    """Return NumPy's type for the values of a type; None where they are objects."""
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        dtype: np.dtype[Any] = np.dtype(kind.to_pandas_dtype())
        return dtype
    if pa.types.is_date32(kind):
        return np.dtype("M8[D]")
    if pa.types.is_timestamp(kind):
        name = f"M8[{kind.unit}]"
        return np.dtype(name) if kind.tz is None else np.dtype(name, metadata={"zoned": True})
    if pa.types.is_duration(kind) or pa.types.is_time(kind):
        return np.dtype(f"m8[{kind.unit}]")
    return None


def _part(items: Any, start: int, end: int) -> Any:
    if isinstance(items, dict):
        return {name: _part(part, start, end) for name, part in items.items()}
    return items[start:end]


def _objects(items: Sequence[Any]) -> np.ndarray[Any, Any]:
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array
