"""Types of Arrow that stand for others: those that workers show and results are written in, and casts between them.

Needs pyarrow: a worker imports it where a function returned values of Arrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beringia._structs import Structs, row


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
        return pa.large_list(plain_field(kind.value_field))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain_field(kind.value_field), kind.list_size)
    if pa.types.is_struct(kind):
        return pa.struct([plain_field(field) for field in kind.fields])
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


def plain_field(field: pa.Field) -> pa.Field:
    """Return a field of the type that stands for its own, with what that does not say of the values a result may have.

    A worker reads it, so that a misfit is the group's: ``beringia.width`` is that of fixed-size binary, and 0 for the
    type null, which has no values.
    """
    kind = field.type
    plain_one = pa.field(field.name, plain(kind), field.nullable)
    while not (pa.types.is_fixed_size_binary(kind) or pa.types.is_null(kind)):
        if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
            kind = kind.value_type
        elif isinstance(kind, pa.BaseExtensionType) and not isinstance(kind, pa.FixedShapeTensorType):
            kind = kind.storage_type
        else:
            return plain_one
    width = 0 if pa.types.is_null(kind) else kind.byte_width
    return plain_one.with_metadata({"beringia.width": str(width)})


def is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or _is_view(kind))


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind))


def cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Cast, also from and to the types that pyarrow's own cast leaves out, or makes wrong arrays of: at any depth."""
    given = column.type
    if given == kind:
        return column
    if pa.types.is_null(kind):
        if column.null_count < len(column):
            raise pa.ArrowInvalid("a value that is there is none of type null")
        return pa.chunked_array([pa.nulls(len(column))])
    if pa.types.is_run_end_encoded(given):
        decoded = [_cast(chunk.values, plain(given)).take(runs(chunk)) for chunk in column.chunks]
        return cast(pa.chunked_array(decoded, plain(given)), kind)
    if pa.types.is_run_end_encoded(kind):
        encoded = pc.run_end_encode(cast(column, plain(kind)), run_end_type=kind.run_end_type)
        parts = [
            pa.RunEndEncodedArray.from_arrays(chunk.run_ends, _cast(chunk.values, kind.value_type), kind)
            for chunk in encoded.chunks
        ]
        return pa.chunked_array(parts, kind)
    if pa.types.is_dictionary(given) and not pa.types.is_dictionary(kind):
        # Decoded by hand: pyarrow's own cast takes no views from a dictionary.
        parts = [_cast(chunk.dictionary, kind).take(chunk.indices) for chunk in column.chunks]
        return pa.chunked_array(parts, kind)
    if pa.types.is_dictionary(kind):
        parts = [
            pa.DictionaryArray.from_arrays(
                chunk.indices.cast(kind.index_type), _cast(chunk.dictionary, kind.value_type), ordered=kind.ordered
            )
            for chunk in _encoded(cast(column, plain(kind))).chunks
        ]
        return pa.chunked_array(parts, kind)
    if isinstance(given, pa.BaseExtensionType):
        storage = pa.chunked_array([chunk.storage for chunk in column.chunks], given.storage_type)
        return cast(storage, kind)
    if isinstance(kind, pa.BaseExtensionType):
        storage = cast(column, kind.storage_type)
        chunks = [pa.ExtensionArray.from_storage(kind, chunk) for chunk in storage.chunks]
        return pa.chunked_array(chunks, kind)
    if is_list(given) and is_list(kind):
        return pa.chunked_array([lists(chunk, kind) for chunk in column.chunks], kind)
    if pa.types.is_fixed_size_list(given) and pa.types.is_fixed_size_list(kind) and given.list_size == kind.list_size:
        return pa.chunked_array([_fixed_lists(chunk, kind) for chunk in column.chunks], kind)
    if pa.types.is_struct(given) and pa.types.is_struct(kind) and given.names == kind.names:
        return pa.chunked_array([_structs(chunk, kind) for chunk in column.chunks], kind)
    return column.cast(kind)


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    found = cast(pa.chunked_array([array]), kind)
    return found.chunk(0) if found.num_chunks == 1 else found.combine_chunks()


def runs(encoded: pa.Array) -> np.ndarray[Any, Any]:
    """Return the index of the run that each value is in: pyarrow's own way to decode leaves some types out."""
    ends = np.clip(encoded.run_ends.to_numpy().astype(np.int64) - encoded.offset, 0, len(encoded))
    return np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))


def _encoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values of a type that :func:`plain` gives as those of a dictionary, with numbers of 32 bits."""
    if not (pa.types.is_nested(column.type) or isinstance(column.type, pa.BaseExtensionType)):
        return pc.dictionary_encode(column)
    # Of these, pyarrow makes no dictionary: each is a value of its own.
    parts = [
        pa.DictionaryArray.from_arrays(pa.array(np.arange(len(chunk), dtype=np.int32)), chunk)
        for chunk in column.chunks
    ]
    return pa.chunked_array(parts, pa.dictionary(pa.int32(), column.type))


def lists(given: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return lists, or views of them, as those of another type: pyarrow's own cast makes invalid arrays of views."""
    lengths = pc.fill_null(pc.list_value_length(given), 0).to_numpy(zero_copy_only=False)
    bounds = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    offset = pa.int32() if pa.types.is_list(kind) or pa.types.is_list_view(kind) else pa.int64()
    ends = pa.array(bounds).cast(offset)
    items = _cast(given.flatten(), kind.value_type)
    if _is_view(kind):
        make = pa.ListViewArray if pa.types.is_list_view(kind) else pa.LargeListViewArray
        return make.from_arrays(ends[:-1], pa.array(lengths, offset), items, type=kind, mask=given.is_null())
    return pa.Array.from_buffers(kind, len(given), [_validity(given), ends.buffers()[1]], children=[items])


def _fixed_lists(given: pa.Array, kind: pa.DataType) -> pa.Array:
    size = kind.list_size
    items = _cast(given.values.slice(given.offset * size, len(given) * size), kind.value_type)
    return pa.Array.from_buffers(kind, len(given), [_validity(given)], children=[items])


def _structs(given: pa.Array, kind: pa.DataType) -> pa.Array:
    parts = [_cast(part, field.type) for part, field in zip(given.flatten(), kind.fields, strict=True)]
    return pa.Array.from_buffers(kind, len(given), [_validity(given)], children=parts)


def _validity(array: pa.Array) -> pa.Buffer | None:
    return pc.is_valid(array).buffers()[1] if array.null_count else None


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
        structs = Structs((name, arrays_of(part)) for name, part in zip(kind.names, array.flatten(), strict=True))
        structs.mask = missing if missing.any() else None
        return structs
    if isinstance(kind, pa.FixedShapeTensorType):
        if not missing.any():
            return array.to_numpy_ndarray()
        return _objects([arrays_of(array[i : i + 1])[0] if there else None for i, there in enumerate(~missing)])
    if is_list(kind) or pa.types.is_fixed_size_list(kind):
        lists = array.cast(pa.large_list(kind.value_field))
        items, bounds = arrays_of(lists.values), lists.offsets.to_numpy()
        return _objects(
            [
                None if null else row(items, slice(start, end))
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


def _objects(items: Sequence[Any]) -> np.ndarray[Any, Any]:
    array = np.empty(len(items), dtype=object)
    for index, item in enumerate(items):
        array[index] = item
    return array
