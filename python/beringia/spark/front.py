"""``numpy_map`` on Spark DataFrames: what the user wrote, checked and handed to Spark.

Nothing runs here. Spark resolves the columns, checks types and names, and gives a lazy DataFrame: the driver's JVM over
py4j (:mod:`beringia.spark.classic`), or a server of Spark Connect (:mod:`beringia.spark.connect`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from pyspark.sql.types import DataType

from beringia import _options
from beringia._window import Window
from beringia.spark.call import call_of
from beringia.spark.grouping import groups_of
from beringia.spark.session import column_of, session_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, GroupedData

_DATA = ("dataframe.DataFrame", "group.GroupedData")


def numpy_map(
    f: Callable[..., Any],
    data: GroupedData | DataFrame,
    returns: str | DataType,
    *,
    by: str | Column | Window | Sequence[str | Column | Window] | None = None,
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
        ``df.groupBy(...)``; or a DataFrame: then `by` makes groups, or `per` says what a call gets.
    returns : str or pyspark.sql.types.DataType
        The fields of the result, as DDL (``"slope double, n long"``) or a StructType: one row per group,
        from a tuple in field order, a dict, a NamedTuple or dataclass, a list or 1-D array as long as the
        fields; with a single field also its bare value. An array of struct
        (``"array<struct<t: timestamp, y: double>>"``): any number of rows per group, from a dict or tuple
        of equally long arrays, a 2-D or structured array, or a list of the one-row forms.
    by : str, Column, beringia.window(...) or list of them, optional
        The grouping columns of a DataFrame. :func:`beringia.window` makes a group of the rows in each window, which
        may overlap; its key is a struct ``window`` of ``start`` and ``end`` (of dates: timestamps without zone).
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
        If the session, or the Spark Connect server, runs without the plugin.
    GroupError
        When the DataFrame is computed, if a group fails: with the group's key and the Python traceback.

    Examples
    --------
    >>> def line(x, y):
    ...     return np.polyfit(x, y, 1)
    >>> numpy_map(line, df.groupBy("patient"), "slope double, intercept double")  # doctest: +SKIP
    """
    session = session_of(data, _DATA, "data must be df.groupBy(...) or a Spark DataFrame")
    keep, order_by = _items(keep), _items(order_by)
    windows = None
    if by is not None:
        data, windows = groups_of(session, data, by)
    if windows is not None:
        _options.check_window(windows.window, kept=bool(keep), ordered=bool(order_by), writable=bool(writable))
    if not session.groups(data):
        _options.check_per(per)
    call = call_of(
        f,
        returns,
        session,
        args=args,
        consts=consts,
        missing=missing,
        nan_as_null=nan_as_null,
        on_error=on_error,
        writable=writable,
        batch_bytes=batch_bytes,
        timeout=timeout,
    )
    frame = session.map(
        data,
        call,
        keep=[column_of(session, "keep", item) for item in keep],
        order_by=[column_of(session, "order_by", item) for item in order_by],
        per=None if per is None else str(per),
        windows=windows,
    )
    return cast("DataFrame", frame)


def _items(columns: Any) -> Sequence[Any]:
    if columns is None:
        return []
    return columns if isinstance(columns, (list, tuple)) else [columns]
