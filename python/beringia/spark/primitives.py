"""``reduce`` and ``accumulate`` over all rows of a DataFrame: NumPy's, distributed, in passes over its partitions.

A window without a partition, Spark's own way to running sums, sends all rows to one task. Here rows are sorted once,
into ranges; a first pass finds what each partition amounts to, a second puts that of those before it before its rows.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from pyspark.sql import functions as F

from beringia.arrays import operation
from beringia.errors import ArgumentError, ConfigError, ResultError
from beringia.spark.front import numpy_map

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_NONE: Any = object()
_VALUES = "the values to accumulate"
_KINDS = {
    "boolean": "?",
    "tinyint": "i1",
    "smallint": "i2",
    "int": "i4",
    "bigint": "i8",
    "float": "f4",
    "double": "f8",
    "date": "M8[D]",
    "timestamp": "M8[us]",
    "timestamp_ntz": "M8[us]",
    "interval day to second": "m8[us]",
}
"""What functions see of a column, by its type."""


def reduce(
    df: DataFrame,
    f: Callable[..., Any],
    column: str | Column,
    *,
    dtype: Any = None,
    combine: Callable[[Any, Any], Any] | None = None,
    identity: Any = _NONE,
    missing: str = "nan",
) -> Any:
    """Return ``f.reduce`` of all values of a column.

    Parameters
    ----------
    df : DataFrame
        The data.
    f : ufunc or callable
        An associative ufunc; or a function that makes a value of some rows' values, for ``combine``.
    column : str or Column
        What it reduces: values of shape ``(n,)``, or ``(n, p)`` for equally long arrays.
    dtype : dtype, optional
        As with :meth:`numpy.ufunc.reduce`.
    combine : callable, optional
        For a plain function: makes one of two of its values. Called here.
    identity : object, optional
        For a plain function: what is returned for no rows.
    missing : {"nan", "mask", "error"}, default "nan"
        What becomes of nulls, as with :func:`beringia.spark.numpy_map`: among floats NaN, which NumPy's sums pass on,
        and ``np.fmax`` does not; an error among integers and booleans. A plain function may get a mask.

    Returns
    -------
    scalar or ndarray
        Of NumPy's type. Sums of floats may differ in rounding, from one run to the next too.

    Raises
    ------
    ArgumentError
        If the ufunc is not associative, or is to get a mask, which ufuncs do not look at; or a plain function has no
        ``combine``.
    ResultError
        If a sum or product of some rows is beyond the range of its type, though no row is.
    ValueError
        For no rows, where there is no identity.
    MissingValueError
        For a null that is none of the above.

    Examples
    --------
    >>> beringia.spark.reduce(spark.range(10), np.add, "id")  # doctest: +SKIP
    45
    """
    ufunc = _checked(f, combine, "reduce", dtype, missing)
    part: Callable[..., Any] = partial(f.reduce, axis=0, dtype=dtype) if isinstance(f, np.ufunc) else f
    work = partial(_value, f, part)
    rows = numpy_map(
        work, df, "array<struct<value: binary>>", args={"values": column}, per="batch", missing={"values": missing}
    ).collect()
    told = [pickle.loads(row.value) for row in rows]
    if not told:
        if ufunc:
            return part(np.empty(0, _KINDS.get(_type_of(df, column), "O")))
        if identity is _NONE:
            raise ValueError("there are no rows to reduce, and no identity: give identity=")
        return identity
    found = _within(f, told)
    return _put_together(f if combine is None else combine, found)


def accumulate(
    df: DataFrame,
    f: Callable[..., Any],
    column: str | Column,
    order_by: str | Column | Sequence[str | Column],
    *,
    name: str = "accumulated",
    dtype: Any = None,
    combine: Callable[[Any, Any], Any] | None = None,
    returns: str | None = None,
    missing: str = "nan",
) -> DataFrame:
    """Return a DataFrame with ``f.accumulate`` of a column, in an order of its rows.

    Parameters
    ----------
    df : DataFrame
        The data.
    f : ufunc or callable
        An associative ufunc; or a function that returns the running values of some rows, as many as there are, for
        ``combine``.
    column : str or Column
        What it goes over.
    order_by : str, Column or list of them
        The order of the rows, nulls where Spark has them: first, unless ``F.col("t").asc_nulls_last()`` or its like
        says otherwise. Rows that are equal in it come in any order: add columns until it is unique for one result.
    name : str, default "accumulated"
        The new column.
    dtype : dtype, optional
        As with :meth:`numpy.ufunc.accumulate`.
    combine : callable, optional
        For a plain function: ``combine(before, values)`` puts the last value before some rows, of shape ``(1,)``,
        before each of their running values.
    returns : str, optional
        The type of the new column, as DDL; by default the one that NumPy's result has. A plain function needs it.
    missing : {"nan", "mask", "error"}, default "nan"
        What becomes of nulls in `column`, as with :func:`reduce`.

    Returns
    -------
    DataFrame
        The columns of `df`, and the new one; in order. Lazy, but the data are sorted, and gone through once, when it is
        made. Spark keeps them as it keeps what it shuffles, until nobody has the DataFrame.

    Raises
    ------
    ArgumentError
        If the ufunc is not associative, a plain function has no ``combine`` or ``returns``, there is a column of that
        name, or the result's type is none of Spark's.
    ConfigError
        If the session is one of Spark Connect.
    MissingValueError
        For a null that is none of the above.
    GroupTooLargeError
        When it is computed, if the values of one partition are larger than a segment may be.

    Examples
    --------
    >>> beringia.spark.accumulate(df, np.add, "amount", "day").show()  # doctest: +SKIP
    """
    _checked(f, combine, "accumulate", dtype, missing)
    if not hasattr(df, "_jdf"):
        raise ConfigError("accumulate needs a classic session: Spark Connect cannot keep how rows were divided")
    if name in df.columns:
        raise ArgumentError(f"there is a column '{name}' already: say by name= what the new one is called")
    kind = returns or _result(f, _type_of(df, column), dtype)
    part: Callable[..., Any] = partial(f.accumulate, axis=0, dtype=dtype) if isinstance(f, np.ufunc) else f
    put_before: Callable[[Any, Any], Any] = f if combine is None else combine
    order = order_by if isinstance(order_by, (list, tuple)) else [order_by]
    if not isinstance(column, str):  # it may be one of `df`, which the rows that are divided are not
        df = df.withColumn(_VALUES, column)
        column = _VALUES
    ordered = _divided(df.orderBy(*order))
    args = {"values": column, "number": F.spark_partition_id()}
    options: dict[str, Any] = {"args": args, "per": "partition", "missing": {"values": missing}}
    rows = numpy_map(partial(_last, f, part), ordered, "number int, value binary", **options).collect()
    lasts = dict(zip([row.number for row in rows], _within(f, [pickle.loads(row.value) for row in rows]), strict=True))
    before, so_far = {}, None
    for number in sorted(lasts):
        if so_far is not None:
            before[number] = so_far
        so_far = lasts[number] if so_far is None else put_before(so_far, lasts[number])
    kept = [_quoted(each) for each in df.columns if each != _VALUES]
    work = partial(_behind, part, put_before, before)
    return numpy_map(work, ordered, f"array<struct<{_quoted(name)}: {kind}>>", keep=kept, **options)


def _checked(f: Any, combine: Callable[[Any, Any], Any] | None, use: str, dtype: Any, missing: str) -> bool:
    """Tell whether `f` is a ufunc; refuse what would give wrong values."""
    is_ufunc = operation.check(f, combine, use, dtype=dtype)
    if is_ufunc and missing == "mask":
        raise ArgumentError(
            f"{use}: np.{f.__name__} does not look at masks. Leave out rows with nulls, df.where(column.isNotNull()), "
            "or give a plain function and combine="
        )
    return is_ufunc


def _value(f: Callable[..., Any], part: Callable[..., Any], values: Any) -> list[bytes]:
    found = part(values)
    return [pickle.dumps((found, _is_beyond(f, found, values)))]


def _last(f: Callable[..., Any], part: Callable[..., Any], values: Any, number: Any) -> tuple[int, bytes]:
    found = np.asarray(part(values))[-1:]
    return int(number[0]), pickle.dumps((found, _is_beyond(f, found, values)))


def _is_beyond(f: Callable[..., Any], found: Any, values: Any) -> bool:
    """Tell whether a sum or product of floats left the range of its type: then it says nothing of that of more rows."""
    if f not in (np.add, np.multiply) or np.asarray(found).dtype.kind not in "fc":
        return False
    infinite = np.isinf(values).any(axis=0)
    beyond = np.isinf(found) & ~infinite
    # Of infinities beyond the type; those that are values themselves make NaN as well.
    beyond |= np.isnan(found) & ~np.isnan(values).any(axis=0) & ~infinite
    if f is np.multiply:
        beyond |= (found == 0) & ~(values == 0).any(axis=0)
    return bool(np.any(beyond))


def _behind(
    part: Callable[..., Any], put_before: Callable[[Any, Any], Any], before: Any, values: Any, number: Any
) -> Any:
    running = part(values)
    so_far = before.get(int(number[0]))
    return running if so_far is None else put_before(so_far, running)


def _within(f: Callable[..., Any], told: list[tuple[Any, bool]]) -> list[Any]:
    """Return what was found of parts; refuse those of which one is beyond its type, where the whole may not be."""
    if len(told) > 1 and any(beyond for _, beyond in told):
        what, how = ("product", "sum the logarithms, np.add of F.log(column), or ") if f is np.multiply else ("sum", "")
        raise ResultError(
            f"a {what} of some of the rows is beyond its type, which says nothing of that of all: {how}give a larger "
            "dtype=, or scale the column"
        )
    return [found for found, _ in told]


def _put_together(f: Callable[..., Any], values: Iterable[Any]) -> Any:
    found = list(values)
    if isinstance(f, np.ufunc) and all(isinstance(each, (np.generic, np.ndarray)) for each in found):
        whole = np.stack(found)
        return f.reduce(whole, axis=0, dtype=operation.loop_of(whole.dtype))
    return functools.reduce(f, found)


def _type_of(df: DataFrame, column: str | Column) -> str:
    return str(df.select(column).schema.fields[0].dataType.simpleString())


def _result(f: Callable[..., Any], kind: str, dtype: Any) -> str:
    """Return the type of Spark's that the result of a ufunc has, on values of the type `kind`."""
    if not isinstance(f, np.ufunc):
        raise ArgumentError("a plain function needs returns=, the type of the new column, such as 'double'")
    if kind not in _KINDS:
        raise ArgumentError(f"column is of type {kind}: say by returns= what type the new column has")
    result = f.accumulate(np.empty(0, _KINDS[kind]), dtype=dtype).dtype
    if result == np.dtype(_KINDS[kind]):
        return kind
    for name, dtypes in _KINDS.items():
        if result == np.dtype(dtypes):
            return name
    raise ArgumentError(f"the result is of type {result}, which Spark has not: say another dtype=")


def _divided(df: DataFrame) -> DataFrame:
    """Return a DataFrame whose rows are divided in the same way whenever it is computed."""
    session = df.sparkSession
    jdf: Any = df._jdf
    # Planned anew, Spark would sample the bounds of its ranges anew. What is planned once is shuffled once, too.
    rows = jdf.queryExecution().toRdd()
    return type(df)(session._jsparkSession.internalCreateDataFrame(rows, jdf.schema(), False), session)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
