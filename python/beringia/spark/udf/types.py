"""Arrow types as PySpark's batches have them, and as ours: text and lists have wider offsets here, times are in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from pyspark.sql.types import ArrayType, DataType, StructType


def as_given(column: pa.Array, of_spark: DataType, time_zone: str, has_large_types: bool) -> pa.Array:
    """Return a column of ours as the JVM would have sent it to PySpark's worker."""
    if isinstance(of_spark, ArrayType):
        elements = as_given(column.values, of_spark.elementType, time_zone, has_large_types)
        kind = pa.list_(pa.field("element", elements.type, of_spark.containsNull))
        if not len(column):
            return pa.array([], kind)
        mask = column.is_null() if column.null_count else None
        return pa.ListArray.from_arrays(column.offsets.cast(pa.int32()), elements, type=kind, mask=mask)
    if isinstance(of_spark, StructType):
        parts = [
            as_given(column.field(i), field.dataType, time_zone, has_large_types) for i, field in enumerate(of_spark)
        ]
        fields = [pa.field(field.name, part.type, field.nullable) for field, part in zip(of_spark, parts, strict=True)]
        mask = column.is_null() if column.null_count else None
        return pa.StructArray.from_arrays(parts, fields=fields, mask=mask)
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
    if pa.types.is_large_list(ours):
        return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind)) and is_taken(
            kind.value_type, ours.value_type
        )
    if pa.types.is_struct(ours) and pa.types.is_struct(kind):
        return [field.name for field in kind] == [field.name for field in ours] and all(
            is_taken(one.type, other.type) for one, other in zip(kind, ours, strict=True)
        )
    return bool(kind == ours)


def require(table: pa.Table, fields: Iterable[Any]) -> pa.Table:
    """Refuse a null in a field that cannot be null: Spark would read something else there, or fail at it in the JVM."""
    for column, field in zip(table.columns, fields, strict=True):
        if not field.nullable and column.null_count:
            raise ValueError(f"a result has a null in {field.name!r}, and the schema says that it has none")
    return table


class Written:
    """The stream to which PySpark's worker writes the results of a task: all are of the first one's schema."""

    def __init__(self) -> None:
        self._schema: pa.Schema | None = None

    def append(self, schema: pa.Schema) -> None:
        """Write what is of a schema."""
        if self._schema is None:
            self._schema = schema
        elif not schema.equals(self._schema):
            raise pa.ArrowInvalid("Tried to write record batch with different schema")
