"""Arrow types as PySpark's batches have them, and as ours: text has wider offsets here, times are in UTC."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def as_given(column: pa.Array, time_zone: str, has_large_types: bool) -> pa.Array:
    """Return a column of ours as the JVM would have sent it to PySpark's worker."""
    kind = column.type
    if pa.types.is_large_string(kind) and not has_large_types:
        return column.cast(pa.string())
    if pa.types.is_large_binary(kind) and not has_large_types:
        return column.cast(pa.binary())
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return column.cast(pa.timestamp(kind.unit, time_zone))
    return column


def as_taken(column: Any, kind: pa.DataType) -> Any:
    """Return a column, or a part of one, that PySpark's serializer made as one of ours."""
    return column if column.type == kind else column.cast(kind)


def is_taken(kind: pa.DataType, ours: pa.DataType) -> bool:
    """Tell whether Spark reads a column of one type as it reads one of ours."""
    if pa.types.is_large_string(ours):
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
    if pa.types.is_large_binary(ours):
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
    if pa.types.is_timestamp(ours) and pa.types.is_timestamp(kind):
        return bool(kind.unit == ours.unit)
    return bool(kind == ours)
