"""The contract on PySpark."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from beringia.spark import numpy_map
from contract.case import Case, fields

_PLAIN = {
    pa.bool_(): T.BooleanType(),
    pa.int8(): T.ByteType(),
    pa.int16(): T.ShortType(),
    pa.int32(): T.IntegerType(),
    pa.int64(): T.LongType(),
    pa.float32(): T.FloatType(),
    pa.float64(): T.DoubleType(),
    pa.string(): T.StringType(),
    pa.binary(): T.BinaryType(),
    pa.date32(): T.DateType(),
    pa.timestamp("us", "UTC"): T.TimestampType(),
    pa.timestamp("us"): T.TimestampNTZType(),
    pa.duration("us"): T.DayTimeIntervalType(),
}


class PySpark:
    """``beringia.spark.numpy_map`` on DataFrames of a session."""

    name = "pyspark"
    settings = {"spark.sql.adaptive.enabled": "false", "spark.sql.shuffle.partitions": "1"}  # noqa: RUF012 (small data)

    def __init__(self, session: SparkSession) -> None:
        self.session = session
        self._frames: dict[int, tuple[pa.Table, DataFrame]] = {}

    def lacks(self, case: Case) -> str | None:
        """Return why the front cannot run a case; None if it can."""
        for kind in case.types():
            try:
                spark_type(kind)
            except KeyError as error:
                return f"Spark has no type for {error}"
        return None

    def type_name(self, kind: pa.DataType) -> str:
        """Return what messages call a type."""
        return spark_type(kind).simpleString()

    def run(self, case: Case) -> list[tuple[Any, ...]]:
        """Return the rows that a case gives, or raise what it raises."""
        frame = self.frame(case.data)
        options = dict(case.options)
        if case.has_windows:
            data, options["by"] = frame, list(case.by)
        else:
            data = frame.coalesce(1) if case.by is None else frame.groupBy(*case.by)
        if "order_by" in options:
            options["order_by"] = [order(item) for item in options["order_by"]]
        return self.rows(numpy_map(case.f, data, returns(case), **options))

    def rows(self, result: DataFrame) -> list[tuple[Any, ...]]:
        """Return the rows of a result as a case has them."""
        types = [field.dataType for field in result.schema]
        return [tuple(map(_plain, row, types)) for row in result.collect()]

    def frame(self, table: pa.Table) -> DataFrame:
        """Return the DataFrame of a table."""
        # The table is kept with its frame: its id stays its own.
        if id(table) not in self._frames:
            schema = _struct(table.schema)
            rows = list(zip(*(column.to_pylist(maps_as_pydicts="strict") for column in table.columns), strict=True))
            self._frames[id(table)] = table, self.session.createDataFrame(rows, schema, verifySchema=False)
        return self._frames[id(table)][1]


def spark_type(kind: pa.DataType) -> T.DataType:
    """Return Spark's type for Arrow's.

    Raises
    ------
    KeyError
        If there is none.
    """
    if pa.types.is_list(kind):
        return T.ArrayType(spark_type(kind.value_type))
    if pa.types.is_struct(kind):
        return _struct(kind.fields)
    if pa.types.is_decimal128(kind):
        return T.DecimalType(kind.precision, kind.scale)
    if pa.types.is_map(kind):
        return T.MapType(spark_type(kind.key_type), spark_type(kind.item_type))
    return _PLAIN[kind]


def _struct(members: Any) -> T.StructType:
    return T.StructType([T.StructField(each.name, spark_type(each.type)) for each in members])


def returns(case: Case) -> T.DataType:
    """Return what a case returns, as a type."""
    members, many = fields(case.returns)
    return T.ArrayType(_struct(members)) if many else _struct(members)


def order(item: Any) -> Any:
    """Return the column of an item of ``order_by``."""
    name, direction, *nulls = (item, "ascending") if isinstance(item, str) else item
    first = (nulls[0] if nulls else None) == "nulls first" if nulls else direction == "ascending"
    column = F.col(name)
    if direction == "ascending":
        return column.asc_nulls_first() if first else column.asc_nulls_last()
    return column.desc_nulls_first() if first else column.desc_nulls_last()


def _plain(value: Any, kind: T.DataType) -> Any:
    """A value of a Row as a case has it."""
    if value is None:
        return None
    if isinstance(kind, T.ArrayType):
        return [_plain(item, kind.elementType) for item in value]
    if isinstance(kind, T.StructType):
        members: Mapping[str, Any] = value.asDict()
        return {each.name: _plain(members[each.name], each.dataType) for each in kind}
    if isinstance(kind, T.TimestampType):
        return value.astimezone(datetime.timezone.utc)
    return bytes(value) if isinstance(value, bytearray) else value
