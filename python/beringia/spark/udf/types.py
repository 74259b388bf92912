"""Arrow types as PySpark's batches have them, and as ours: text has wider offsets here, times are in UTC."""

from __future__ import annotations

import pyarrow as pa


def as_given(column: pa.Array, time_zone: str) -> pa.Array:
    """Return a column of ours as the JVM would have sent it to PySpark's worker."""
    kind = column.type
    if pa.types.is_large_string(kind):
        return column.cast(pa.string())
    if pa.types.is_large_binary(kind):
        return column.cast(pa.binary())
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return column.cast(pa.timestamp(kind.unit, time_zone))
    return column


def as_taken(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Return a column that PySpark's serializer made as one of ours."""
    return column if column.type == kind else column.cast(kind)
