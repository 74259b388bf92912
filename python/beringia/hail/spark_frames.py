"""Tables as Spark's DataFrames and back: ``to_spark`` and ``from_spark``, which give what Hail's give."""

from __future__ import annotations

from collections.abc import Sequence

from hail.utils.java import Env
from pyspark.sql import DataFrame
from pyspark.sql import types as T

import hail as hl
from beringia.errors import ArgumentError
from beringia.hail import nodes, partitions, versions

_PLAIN = (T.BooleanType, T.IntegerType, T.LongType, T.FloatType, T.DoubleType, T.StringType)


def to_spark(table: hl.Table, flatten: bool = True) -> DataFrame:
    """Return a table as a DataFrame: as :meth:`.Table.to_spark` does, faster.

    Examples
    --------
    >>> beringia.hail.to_spark(hl.utils.range_table(2).annotate(x=hl.struct(y=0.5))).columns
    ['idx', 'x.y']

    Parameters
    ----------
    table : :class:`.Table`
        Types that Spark has not become structs and arrays, see :meth:`.Table.expand_types`.
    flatten : :class:`bool`
        Whether the fields of structs become columns.

    Returns
    -------
    pyspark.sql.DataFrame
        Lazy: each action on it computes the table. It keeps the table; a DataFrame that is made of it does not, and
        needs it where its data came in from Python (:func:`from_arrow` and its kin).
    """
    rows = partitions.rows_of(table, "to_spark").expand_types()
    if flatten:
        rows = rows.flatten()
    backend = hl.current_backend()
    frame = partitions.direct_front(there_and_back).toSpark(backend._jbackend, backend._render_ir(rows._tir))
    made = DataFrame(frame, Env.spark_session())
    made._hail_table = table  # type: ignore[attr-defined]  # data that came in are gone with it
    return made


def from_spark(frame: DataFrame, key: str | Sequence[str] | None = None) -> hl.Table:
    """Make a table of a DataFrame: as :meth:`.Table.from_spark` does, faster.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        Of the session that Hail runs in. Its columns are of types that :meth:`.Table.from_spark` lists.
    key : :class:`str` or list of :class:`str`, optional
        Fields of the key.

    Returns
    -------
    :class:`.Table`
        Lazy: each query on it computes the DataFrame.

    Raises
    ------
    ArgumentError
        If Hail has no type for a column: with what to cast it to.
    """
    if not isinstance(frame, DataFrame):
        raise ArgumentError(f"from_spark takes a DataFrame of Spark, and got {type(frame).__name__}")
    keys = [key] if isinstance(key, str) else list(key or [])
    for name in keys:
        if name not in frame.columns:
            raise ArgumentError(f"from_spark: key has {name!r}. The columns are {', '.join(frame.columns)}")
    for column in frame.schema:
        _check(column.name, column.dataType)
    return hl.Table(nodes.SparkRows.of(partitions.direct_front(there_and_back), frame, keys))


def are_ours() -> bool:
    """Tell whether `to_spark` and `from_spark` can be had with the Hail that runs."""
    return versions.obstacle(hl.version(), there_and_back) is None


def there_and_back() -> str | None:
    """Make a small table a DataFrame, and that a table."""
    ht = hl.utils.range_table(6, 2)
    ht = ht.annotate(x=hl.range(ht.idx).map(hl.float64), s=hl.or_missing(ht.idx != 2, hl.str(ht.idx)))
    found = from_spark(to_spark(ht), key="idx").collect()
    return None if found == ht.collect() else f"a small job gave {found}"


def _check(name: str, dtype: T.DataType) -> None:
    """Refuse a type that Hail does not have."""
    if isinstance(dtype, T.ArrayType):
        _check(f"{name}[]", dtype.elementType)
    elif isinstance(dtype, T.StructType):
        for part in dtype:
            _check(f"{name}.{part.name}", part.dataType)
    elif not isinstance(dtype, _PLAIN):
        if isinstance(dtype, (T.ByteType, T.ShortType)):
            advice = "cast it to int"
        elif isinstance(dtype, T.DecimalType):
            advice = "cast it to double, or to string"
        else:
            advice = "take map_entries of it" if isinstance(dtype, T.MapType) else "cast it to string"
        raise ArgumentError(f"from_spark: {name} has type {dtype.simpleString()}, and Hail has no such type: {advice}")
