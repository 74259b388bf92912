"""Strategies of hypothesis for Arrow: any type that a worker shows, and arrays of it, bit by bit."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

UNITS = st.sampled_from(["s", "ms", "us", "ns"])

INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
FLOATS = {pa.float16(): "u2", pa.float32(): "u4", pa.float64(): "u8"}
DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}

plain_types = st.one_of(
    st.sampled_from([pa.bool_(), *INTEGERS, *FLOATS, pa.date32(), pa.string(), pa.large_string(), pa.binary()]),
    st.builds(pa.timestamp, UNITS, st.sampled_from([None, "UTC", "America/New_York"])),
    st.builds(pa.duration, UNITS),
    st.sampled_from([pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]),
    st.integers(1, 38).flatmap(lambda digits: st.builds(pa.decimal128, st.just(digits), st.integers(0, digits))),
)
"""Types whose values are shown as items of one array."""

list_types = st.recursive(
    plain_types,
    lambda item: st.one_of(
        item.map(pa.list_), item.map(pa.large_list), st.builds(pa.list_, item, st.integers(1, 3)).filter(bool)
    ),
    max_leaves=3,
).filter(lambda kind: depth(kind) <= 3)
"""These, and lists of them to depth 3."""


def _structs_of(items):
    return st.dictionaries(st.sampled_from("abc"), items, min_size=1, max_size=3).map(
        lambda fields: pa.struct(list(fields.items()))
    )


any_types = st.one_of(
    list_types,
    st.recursive(
        _structs_of(list_types),
        lambda item: st.one_of(item.map(pa.list_), st.builds(pa.list_, item, st.integers(1, 3)), _structs_of(item)),
        max_leaves=3,
    ),
)
"""These, structs of them, lists of structs, structs of structs."""


spark_types = st.recursive(
    st.sampled_from(
        [
            *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()),
            *(pa.date32(), pa.timestamp("us", "UTC"), pa.timestamp("us"), pa.duration("us")),
            *(pa.string(), pa.binary(), pa.decimal128(20, 4)),
        ]
    ),
    lambda item: item.map(pa.list_) | _structs_of(item),
    max_leaves=2,
).filter(lambda kind: depth(kind) <= 3)
"""What Spark has of them."""


def depth(kind):
    """How many lists are around the values."""
    nested = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return 1 + depth(kind.value_type) if nested else 0


@st.composite
def arrays(draw, kind, size, calendar=False):
    """An array of `size` values of a type, some of them missing; with `calendar` dates and times are Python's too."""
    missing = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=bool)
    if not draw(st.booleans()):
        missing[:] = False
    mask = pa.array(missing)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        equal = st.integers(0, 3).map(lambda length: [length] * size)
        lengths = draw(equal | st.lists(st.integers(0, 3), min_size=size, max_size=size))
        offsets = np.concatenate([[0], np.cumsum(np.array(lengths, dtype=int))])
        child = draw(arrays(kind.value_type, int(offsets[-1]), calendar))
        make = pa.LargeListArray if pa.types.is_large_list(kind) else pa.ListArray
        offset = pa.int64() if pa.types.is_large_list(kind) else pa.int32()
        return make.from_arrays(pa.array(offsets, offset), child, mask=mask)
    if pa.types.is_fixed_size_list(kind):
        child = draw(arrays(kind.value_type, size * kind.list_size, calendar))
        return pa.FixedSizeListArray.from_arrays(child, kind.list_size, mask=mask)
    if pa.types.is_struct(kind):
        children = [draw(arrays(field.type, size, calendar)) for field in kind.fields]
        return pa.StructArray.from_arrays(children, fields=kind.fields, mask=mask)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        values = draw(st.lists(st.text(max_size=5), min_size=size, max_size=size))
        return pa.array(values, kind, mask=missing)
    if pa.types.is_binary(kind):
        values = draw(st.lists(st.binary(max_size=5), min_size=size, max_size=size))
        return pa.array(values, kind, mask=missing)
    if pa.types.is_decimal(kind):
        bound = 10**kind.precision - 1
        numbers = draw(st.lists(st.integers(-bound, bound), min_size=size, max_size=size))
        data = b"".join(number.to_bytes(16, "little", signed=True) for number in numbers)
        valid = pa.array(~missing).buffers()[1] if size else None
        return pa.Array.from_buffers(kind, size, [valid, pa.py_buffer(data)])
    numbers = draw(st.lists(_integers(kind, calendar), min_size=size, max_size=size))
    integers = pa.array(np.array(numbers, dtype=_dtype(kind)), mask=missing)
    return integers.cast(pa.bool_()) if pa.types.is_boolean(kind) else integers.view(kind)


def _dtype(kind):
    if pa.types.is_boolean(kind):
        return np.dtype("u1")
    if kind in FLOATS:
        return np.dtype(FLOATS[kind])
    return np.dtype(f"{'u' if pa.types.is_unsigned_integer(kind) else 'i'}{kind.bit_width // 8}")


def _integers(kind, calendar):
    """The integers that stand for the values of a type; the least of a time is NumPy's NaT."""
    if calendar and pa.types.is_temporal(kind):
        some_centuries = 50_000 if pa.types.is_date(kind) else 5 * 10**15
        return st.integers(-some_centuries, some_centuries)
    if pa.types.is_boolean(kind):
        return st.integers(0, 1)
    if pa.types.is_time(kind):
        return st.integers(0, DAY[kind.unit] - 1)
    limits = np.iinfo(_dtype(kind))
    least = int(limits.min) + (pa.types.is_timestamp(kind) or pa.types.is_duration(kind))
    some = st.integers(least, int(limits.max))
    if kind in FLOATS:
        special = [np.array(number, _float(kind)).view(_dtype(kind)).item() for number in SPECIAL]
        return some | st.sampled_from(special)
    return some


SPECIAL = [0.0, -0.0, 1.5, np.inf, -np.inf, np.nan, -np.nan]


def _float(kind):
    return f"f{kind.bit_width // 8}"


def bits(array):
    """The values of an array as lists of integers and the like: equal only where every bit is."""
    if isinstance(array, pa.ChunkedArray):
        return [value for chunk in array.chunks for value in bits(chunk)]
    if pa.types.is_struct(array.type):
        fields = [bits(pa.compute.struct_field(array, name)) for name in array.type.names]
        return [
            None if null else row
            for null, row in zip(array.is_null().to_pylist(), zip(*fields, strict=True), strict=True)
        ]
    if depth(array.type):
        return [bits(item.values) if item.is_valid else None for item in array]
    if array.type in FLOATS:
        return array.view(pa.from_numpy_dtype(_dtype(array.type))).to_pylist()
    if pa.types.is_temporal(array.type):
        width = pa.int32() if array.type.bit_width == 32 else pa.int64()
        return array.view(width).to_pylist()
    return array.to_pylist()
