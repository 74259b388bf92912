"""``numpy_map`` on Spark DataFrames: what the user wrote, checked and handed to the JVM's ``PythonFront``.

Nothing runs here. The JVM resolves the columns, checks types and names, and returns a lazy DataFrame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from pyspark.errors import ParseException
from pyspark.sql import Column, DataFrame, GroupedData, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructType, _parse_datatype_string

from beringia import _consts, _function, _options, _signature
from beringia._job import Argument, Job, NumpyOptions, Program, Shape
from beringia.errors import ArgumentError
from beringia.spark import interpreter, jvm, setup


def numpy_map(
    f: Callable[..., Any],
    data: GroupedData | DataFrame,
    returns: str | DataType,
    *,
    args: Mapping[str, str | Column] | Sequence[str | Column] | None = None,
    consts: Mapping[str, Any] | None = None,
    order_by: str | Column | Sequence[str | Column] | None = None,
    per: str | None = None,
    keep: str | Column | Sequence[str | Column] = (),
    missing: str | Mapping[str, str] = "nan",
    nan_as_null: bool = False,
    on_error: str = "raise",
    writable: bool = False,
    batch_bytes: int | str | None = None,
    timeout: float | None = None,
) -> DataFrame:
    """Run a NumPy function on each group of a DataFrame, or on its rows, batches or partitions.

    Parameters
    ----------
    f : callable
        Called once per group. A required parameter takes the column of its name, as a read-only array of
        shape ``(n,)`` for the group's ``n`` rows (``(n, p)`` for an array column whose lists all have
        length ``p``); a grouping column comes as a scalar, None where null. A parameter with a default
        keeps it unless `args` or `consts` names it.
    data : GroupedData or DataFrame
        ``df.groupBy(...)``; or a DataFrame: then `per` says what a call gets.
    returns : str or pyspark.sql.types.DataType
        The fields of the result, as DDL (``"slope double, n long"``) or a StructType: one row per group,
        from a tuple in field order, a dict, a NamedTuple or dataclass, a list or 1-D array as long as the
        fields; with a single field also its bare value. An array of struct
        (``"array<struct<t: timestamp, y: double>>"``): any number of rows per group, from a dict or tuple
        of equally long arrays, a 2-D or structured array, or a list of the one-row forms.
    args : dict or list, optional
        Columns by parameter, as names or Column expressions: ``{"x": F.log("dose")}``; a list, by
        position, for a function without named parameters.
    consts : dict, optional
        Values that every call gets, by parameter. Arrays are read-only and shared: there is one copy on
        each machine. Anything else travels with the function.
    order_by : str, Column or list of them, optional
        The order of the rows within a group, otherwise unspecified.
    per : {"row", "batch", "partition"}, optional
        For a DataFrame without groups. ``"row"``, the default: a call gets one row, scalar columns as
        NumPy scalars and array columns as arrays. ``"batch"``: any number of rows of one partition,
        columns as ``(n,)``; `returns` is an array of struct. ``"partition"``: all rows of a partition.
    keep : str, Column or list of them, optional
        Columns that are carried through to the output. With groups, batches or partitions the function
        must then return exactly one row for each of the rows that it gets, in their order.
    missing : {"nan", "mask", "error"} or dict, default "nan"
        What a null among the values becomes, for all arguments or by parameter. ``"nan"``: NaN, NaT or
        None; an error for integer and boolean columns, which are never silently made floats. ``"mask"``:
        a masked array (many functions ignore masks). ``"error"``: an error.
    nan_as_null : bool, default False
        Whether NaN in the result becomes null.
    on_error : {"raise", "null", "column"}, default "raise"
        What becomes of a group that fails: an error of the whole job; a row of nulls; the same, and the
        reason in a further string column ``error``. The group's batch runs again without it if the worker
        died, so that the function may see other groups twice.
    writable : bool, default False
        Whether the function may write to its arguments (to copies of what it touches).
    batch_bytes : int or str, optional
        Bytes of a batch, such as ``"16m"``, in place of ``spark.beringia.batchBytes``.
    timeout : float, optional
        Seconds that one call may take. A worker whose call takes longer is killed.

    Returns
    -------
    DataFrame
        Lazy. The grouping columns (all the group's), then those of `keep`, then the fields of `returns`.

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
    constants = _consts.checked(consts)
    arguments = _signature.bind(f, args, missing, _column, constants)
    if isinstance(data, DataFrame):
        _options.check_per(per)
    size = _options.batch_bytes(batch_bytes)
    many = isinstance(schema, ArrayType)
    kept = [_column("keep", item) for item in _items(keep)]
    payload = _consts.pack(f, constants)
    python = interpreter.resolve(session)
    job = Job(
        program=Program(
            name=_function.name_of(f),
            function_bytes=payload.function_bytes,
            interpreter=python,
            paths=interpreter.paths(session.sparkContext, python),
        ),
        shape=Shape(rows="many" if many else "one", mapping=_options.mapping(writable)),
        policy=_options.policy(on_error, timeout),
        block=payload.block,
        options=NumpyOptions(
            arguments=[Argument(name=a.name, keyword=a.keyword, missing=a.missing) for a in arguments],
            arrays=payload.arrays,
            nan_as_null=bool(nan_as_null),
        ),
    )
    frame = front.map(
        data._jgd if isinstance(data, GroupedData) else data._jdf,
        jvm.function_bytes(front, payload.data),
        job.json(),
        jvm.java_list(session._jvm, [argument.column for argument in arguments]),
        jvm.java_list(session._jvm, kept),
        jvm.java_list(session._jvm, [_column("order_by", item) for item in _items(order_by)]),
        schema.json(),
        None if per is None else str(per),
        None if size is None else str(size),
    )
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


def _column(parameter: str, value: Any) -> Any:
    """Return the Java column of what the user wrote."""
    if isinstance(value, str):
        return F.col(value)._jc
    if isinstance(value, Column):
        return value._jc
    raise ArgumentError(
        f"{parameter} must be a column, by name or as an expression, got {type(value).__name__}. "
        "Pass a constant in consts: consts={'name': value}"
    )


def _items(columns: Any) -> Sequence[Any]:
    if columns is None:
        return []
    return columns if isinstance(columns, (list, tuple)) else [columns]
