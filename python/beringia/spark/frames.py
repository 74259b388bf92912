"""``numpy_map`` on Spark DataFrames: what the user wrote, checked and handed to the JVM's ``PythonFront``.

Nothing runs here. The JVM resolves the columns, checks types and names, and returns a lazy DataFrame.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame, GroupedData, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructType, _parse_datatype_string

from beringia import _function, _signature
from beringia.errors import ArgumentError
from beringia.spark import interpreter, setup


def numpy_map(
    f: Callable[..., Any],
    data: GroupedData | DataFrame,
    returns: str | DataType,
    *,
    args: Mapping[str, str | Column] | Sequence[str | Column] | None = None,
    order_by: str | Column | Sequence[str | Column] | None = None,
    missing: str | Mapping[str, str] = "nan",
) -> DataFrame:
    """Run a NumPy function on each group of a DataFrame, or on each row of one with array columns.

    Parameters
    ----------
    f : callable
        Called once per group. A required parameter takes the column of its name, as a read-only array of
        shape ``(n,)`` for the group's ``n`` rows (``(n, p)`` for an array column whose lists all have
        length ``p``); a grouping column comes as a scalar, None where null. A parameter with a default
        keeps it unless `args` names it.
    data : GroupedData or DataFrame
        ``df.groupBy(...)``; or a DataFrame: then a call gets one row, scalar columns as NumPy scalars and
        array columns as arrays.
    returns : str or pyspark.sql.types.DataType
        The fields of the result, as DDL (``"slope double, n long"``) or a StructType: one row per group,
        from a tuple in field order, a dict, a NamedTuple or dataclass, a list or 1-D array as long as the
        fields; with a single field also its bare value. An array of struct
        (``"array<struct<t: timestamp, y: double>>"``): any number of rows per group, from a dict or tuple
        of equally long arrays, a 2-D or structured array, or a list of the one-row forms.
    args : dict or list, optional
        Columns by parameter, as names or Column expressions: ``{"x": F.log("dose")}``; a list, by
        position, for a function without named parameters.
    order_by : str, Column or list of them, optional
        The order of the rows within a group, otherwise unspecified.
    missing : {"nan", "mask", "error"} or dict, default "nan"
        What a null among the values becomes, for all arguments or by parameter. ``"nan"``: NaN, NaT or
        None; an error for integer and boolean columns, which are never silently made floats. ``"mask"``:
        a masked array (many functions ignore masks). ``"error"``: an error.

    Returns
    -------
    DataFrame
        Lazy. The grouping columns (all the group's), then the fields of `returns`.

    Raises
    ------
    ArgumentError
        If the call does not fit: a parameter that names no column, a type that has no NumPy form, two
        output columns of one name.
    ConfigError
        If the session runs without the plugin.
    GroupError
        When the DataFrame is computed, if a group fails: with the group's key and the Python traceback.

    Examples
    --------
    >>> def line(x, y):
    ...     return np.polyfit(x, y, 1)
    >>> numpy_map(line, df.groupBy("patient"), "slope double, intercept double")  # doctest: +SKIP
    """
    session = _session(data)
    front = setup.front(session)
    schema = _schema(returns)
    arguments = _signature.bind(f, args, missing, _column)
    function = _function.dump(f)
    spec = _spec(f, arguments, schema, session)
    columns = _java_list(session, [argument.column for argument in arguments])
    ordering = _java_list(session, [_column("order_by", item) for item in _items(order_by)])
    try:
        if isinstance(data, GroupedData):
            frame = front.grouped(data._jgd, bytearray(function), spec, columns, ordering, schema.json())
        elif order_by is None:
            frame = front.rows(data._jdf, bytearray(function), spec, columns, schema.json())
        else:
            raise ArgumentError("order_by is the order within a group: without groupBy a call gets a single row")
    except AnalysisException as error:
        raise _unresolved(f, data, error) from error
    return DataFrame(frame, session)


def _session(data: Any) -> SparkSession:
    if isinstance(data, GroupedData):
        return data.session
    if isinstance(data, DataFrame):
        return data.sparkSession
    if type(data).__module__.startswith("pyspark.sql.connect"):
        raise ArgumentError("Spark Connect has no JVM in reach: numpy_map needs a classic Spark session")
    raise ArgumentError(f"data must be df.groupBy(...) or a Spark DataFrame, got {type(data).__name__}")


def _schema(returns: Any) -> StructType | ArrayType:
    schema = returns
    if isinstance(returns, str):
        try:
            schema = _parse_datatype_string(returns)
        except ParseException as error:
            raise ArgumentError(f"returns is no schema that Spark can read: {returns!r}") from error
    fields = schema.elementType if isinstance(schema, ArrayType) else schema
    if not isinstance(fields, StructType):
        shown = returns if isinstance(returns, str) else getattr(returns, "simpleString", lambda: repr(returns))()
        raise ArgumentError(
            f"returns must name its fields: 'name type, …' for one row per group, "
            f"'array<struct<name: type, …>>' for many; got {shown}"
        )
    if not fields.fields:
        raise ArgumentError("returns has no field")
    return cast("StructType | ArrayType", schema)


def _unresolved(f: Callable[..., Any], data: GroupedData | DataFrame, error: AnalysisException) -> ArgumentError:
    """Say what Spark could not resolve, and what there is."""
    frame = data._df if isinstance(data, GroupedData) else data
    reason = str(getattr(error, "desc", None) or error).partition(";\n")[0]
    name = _function.name_of(f)
    return ArgumentError(
        f"a column that {name} is to get cannot be found or computed: {reason}\n"
        f"The columns are {', '.join(frame.columns)}. A required parameter takes the column of its name, "
        "unless args names another.",
        function=name,
    )


def _spec(
    f: Callable[..., Any],
    arguments: Sequence[_signature.Argument[Any]],
    schema: StructType | ArrayType,
    session: SparkSession,
) -> str:
    """Write the front's part of the job's spec, as JSON (see docs/jvm-boundary.md)."""
    python = interpreter.resolve(session)
    return json.dumps(
        {
            "name": _function.name_of(f),
            "function": "pickle",
            "arguments": [
                {"name": argument.name, "keyword": argument.keyword, "missing": argument.missing}
                for argument in arguments
            ],
            "rows": "many" if isinstance(schema, ArrayType) else "one",
            "interpreter": python,
            "pythonVersion": interpreter.version(),
            "paths": interpreter.paths(session.sparkContext, python),
        }
    )


def _column(parameter: str, value: Any) -> Any:
    """Return the Java column of what the user wrote."""
    if isinstance(value, str):
        return F.col(value)._jc
    if isinstance(value, Column):
        return value._jc
    raise ArgumentError(
        f"{parameter} must be a column, by name or as an expression, got {type(value).__name__}. "
        "A constant travels with the function: functools.partial(f, name=value)"
    )


def _items(order_by: Any) -> Sequence[Any]:
    if order_by is None:
        return []
    return order_by if isinstance(order_by, (list, tuple)) else [order_by]


def _java_list(session: SparkSession, items: Sequence[Any]) -> Any:
    result = session._jvm.java.util.ArrayList()  # type: ignore[union-attr]
    for item in items:
        result.append(item)
    return result
