"""``numpy_map`` without Spark: the call checked, handed to the native engine, its result a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from beringia import _function, _signature
from beringia.errors import ArgumentError
from beringia.local import logs, tables
from beringia.local import pool as pools
from beringia.local.progress import bar

_ON_ERROR = ("raise", "null", "column")


def numpy_map(
    f: Callable[..., Any],
    data: Any,
    returns: pa.Schema | pa.DataType,
    *,
    by: str | Sequence[str] | None = None,
    args: Mapping[str, str] | Sequence[str] | None = None,
    order_by: str | tuple[str, str] | Sequence[str | tuple[str, str]] | None = None,
    per: str | None = None,
    keep: str | Sequence[str] = (),
    missing: str | Mapping[str, str] = "nan",
    nan_as_null: bool = False,
    on_error: str = "raise",
    writable: bool = False,
    batch_bytes: int | None = None,
    timeout: float | None = None,
    workers: int | None = None,
    progress: bool | None = None,
    pool: pools.Pool | None = None,
) -> pa.Table:
    """Run a NumPy function on each group of a table, in parallel processes.

    Parameters
    ----------
    f : callable
        Called once per group. A required parameter takes the column of its name, as a read-only array of shape
        ``(n,)`` for the group's ``n`` rows (``(n, p)`` for lists of one length ``p``); a column of `by` comes as
        a scalar, None where null. A parameter with a default keeps it unless `args` names it.
    data : object or dict
        Anything with ``__arrow_c_stream__`` (pyarrow, polars, pandas, DuckDB), or ndarrays by name.
    returns : pyarrow.Schema or pyarrow.DataType
        The fields of the result: a schema or struct for one row per group, a list of struct for any number.
    by : str or list of str, optional
        Columns that make the groups; without, all rows are one group (see `per`). Groups come in the order of
        their keys, null first; keys are equal as Arrow's rows are: NaN equals NaN, -0.0 is not 0.0.
    args : dict or list, optional
        Columns by parameter; or by position, for a function without named parameters.
    order_by : str, tuple or list of them, optional
        The order of the rows within a group: names, or ``(name, "ascending" | "descending")``; nulls come
        first when ascending, else last. Otherwise rows stay in their order.
    per : {"row", "batch", "partition"}, optional
        Without `by`: what one call gets. ``"partition"``, the default, is the whole table.
    keep : str or list of str, optional
        Columns carried through to the output; with groups the function must return one row for each row.
    missing : {"nan", "mask", "error"} or dict, default "nan"
        What a null becomes, for all arguments or by parameter.
    nan_as_null : bool, default False
        NaN in a result becomes null.
    on_error : {"raise", "null", "column"}, default "raise"
        What becomes of a group that fails: an error, a row of nulls, or that with a string column ``error``.
    writable : bool, default False
        Arguments may be written to; the data do not change.
    batch_bytes : int, optional
        Bytes handed to a worker at once.
    timeout : float, optional
        Seconds that one call may take.
    workers : int, optional
        Processes; by default as many as there are cores.
    progress : bool, optional
        Whether to show a bar; by default if the work takes long and the output is a terminal.
    pool : Pool, optional
        The workers to use, instead of those that all calls share.

    Returns
    -------
    pyarrow.Table
        The columns of `by`, then those of `keep`, then the fields of `returns`.

    Raises
    ------
    ArgumentError
        If the call does not fit.
    GroupError
        If a group fails: with its key and the Python traceback.

    Examples
    --------
    >>> table = numpy_map(np.ptp, {"g": g, "x": x}, pa.schema({"range": pa.float64()}), by="g", args=["x"])
    ... # doctest: +SKIP
    """
    table = tables.table_of(data)
    fields, many = tables.fields_of(returns)
    keys, kept = _names("by", by), _names("keep", keep)
    arguments = _signature.bind(f, args, missing, _column_name)
    unit = _unit(keys, per, many)
    if on_error not in _ON_ERROR:
        raise ArgumentError(f"on_error must be one of {', '.join(_ON_ERROR)}, got {on_error!r}")
    if kept and unit != "row" and not many:
        raise ArgumentError("keep carries every row of a group through: returns must be a list of struct")
    if on_error == "column":
        fields = [*fields, pa.field("error", pa.string())]
    orders = [_order(item) for item in _items(order_by)]
    if orders and unit != "group":
        raise ArgumentError("order_by is the order within a group: without groups there is none")

    # The input of the engine: each column once, the keys first.
    use = {name: f"by: key '{name}'" for name in keys}
    for argument in arguments:
        use.setdefault(argument.column, f"parameter '{argument.name}'")
    use.update({name: f"keep: '{name}'" for name in kept if name not in use})
    use.update({name: f"order_by: '{name}'" for name, _, _ in orders if name not in use})
    columns = {name: tables.column_of(table, name, what) for name, what in use.items()}
    position = {name: number for number, name in enumerate(columns)}
    shown = list(dict.fromkeys([a.column for a in arguments if a.column not in keys] + kept))
    child = {name: number for number, name in enumerate([*keys, *(name for name in shown if name not in keys)])}
    spec = {
        "name": _function.name_of(f),
        "function": "pickle",
        "arguments": [
            {
                "name": a.name,
                "keyword": a.keyword,
                "missing": a.missing,
                "column": child[a.column],
                "type": str(table.schema.field(a.column).type),
            }
            for a in arguments
        ],
        "keys": len(keys),
        "keep": [child[name] for name in kept],
        "rows": "many" if many else "one",
        "nanAsNull": nan_as_null,
        "onError": on_error,
        "writable": writable,
        "interpreter": sys.executable,
        "pythonVersion": f"{sys.version_info.major}.{sys.version_info.minor}",
        "paths": [path for path in sys.path if path],
        "task": {"id": 0, "cpus": 1},
    }
    if timeout is not None:
        spec["timeout"] = float(timeout)
    final = pa.schema(
        [pa.field(name, columns[name].type) for name in [*keys, *kept]] + [pa.field(f.name, f.type) for f in fields]
    )
    _refuse_twice(final.names)
    engine = pa.schema([field.with_type(tables.plain(field.type)) for field in final])
    workers_of = pool or pools.default(workers)
    with bar(progress) as show:
        stream = workers_of.native.run(
            json.dumps(spec),
            _function.dump(f),
            pa.table(columns) if columns else table.select([]),
            engine,
            keys=[position[name] for name in keys],
            columns=[position[name] for name in shown if name not in keys],
            unit=unit,
            order_by=[(position[name], descending, first) for name, descending, first in orders],
            batch_bytes=batch_bytes,
            progress=show,
            log_level=logs.level(),
        )
    result = pa.RecordBatchReader.from_stream(stream).read_all()
    return result if result.schema == final else result.cast(final)


def _names(option: str, value: str | Sequence[str] | None) -> list[str]:
    names = [] if value is None else [value] if isinstance(value, str) else list(value)
    for name in names:
        if not isinstance(name, str):
            raise ArgumentError(f"{option} must name columns, got {type(name).__name__}")
    _refuse_twice(names)
    return names


def _refuse_twice(names: Sequence[str]) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ArgumentError(
                f"the output has two columns named '{name}': the columns of by come first, then those of keep, then "
                "the fields of returns"
            )


def _column_name(parameter: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ArgumentError(
        f"{parameter} must be a column, by name, got {type(value).__name__}. A constant goes into consts"
    )


def _unit(keys: Sequence[str], per: str | None, many: bool) -> str:
    if keys:
        if per is not None:
            raise ArgumentError("per says what one call gets without groups; by makes groups")
        return "group"
    if per in (None, "partition"):
        return "group"
    if per == "row":
        return "row"
    if per == "batch":
        if not many:
            raise ArgumentError("per='batch' takes any number of rows: returns must be a list of struct")
        return "batch"
    raise ArgumentError(f"per must be row, batch or partition, got {per!r}")


def _items(order_by: Any) -> list[Any]:
    if order_by is None:
        return []
    if isinstance(order_by, str) or (
        isinstance(order_by, tuple) and len(order_by) == 2 and order_by[1] in ("ascending", "descending")
    ):
        return [order_by]
    return list(order_by)


def _order(item: Any) -> tuple[str, bool, bool]:
    """Return name, whether it descends, whether nulls come first."""
    name, direction = (item, "ascending") if isinstance(item, str) else item
    if direction not in ("ascending", "descending"):
        raise ArgumentError(f"order_by takes ascending or descending, got {direction!r}")
    return name, direction == "descending", direction == "ascending"
