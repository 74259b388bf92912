"""``numpy_map`` without Spark: the call checked, handed to the native engine, its result a table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from beringia import _consts, _function, _options, _signature
from beringia._arrow import plain_field
from beringia._job import Argument, Job, NumpyOptions, Program, Shape, TypeNames
from beringia._window import Window
from beringia.errors import ArgumentError
from beringia.local import arrow, logs, windows
from beringia.local import pool as pools
from beringia.local.constants import place
from beringia.local.data import data_of
from beringia.local.progress import bar

_MANY = "returns must be a list of struct, pa.list_(pa.struct(…))"


def numpy_map(
    f: Callable[..., Any],
    data: Any,
    returns: pa.Schema | pa.DataType,
    *,
    by: str | Window | Sequence[str | Window] | None = None,
    args: Mapping[str, str] | Sequence[str] | None = None,
    consts: Mapping[str, Any] | None = None,
    order_by: str | tuple[str, ...] | Sequence[str | tuple[str, ...]] | None = None,
    per: str | None = None,
    keep: str | Sequence[str] = (),
    missing: str | Mapping[str, str] = "nan",
    nan_as_null: bool = False,
    on_error: str = "raise",
    writable: bool = False,
    batch_bytes: int | str | None = None,
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
        a scalar, None where null. A parameter with a default keeps it unless `args` or `consts` names it.
    data : object or dict
        Anything with ``__arrow_c_stream__`` (pyarrow, polars, pandas, DuckDB); or columns by name: ndarrays, masked
        ones too, series of pandas and polars, Arrow arrays, sequences. What is masked is null.
    returns : pyarrow.Schema or pyarrow.DataType
        The fields of the result: a schema or struct for one row per group, a list of struct for any number.
    by : str, beringia.window(...) or list of them, optional
        Columns that make the groups; without, all rows are one group (see `per`). Groups come in the order of
        their keys, null first; keys are equal as Spark has them: NaN equals NaN, -0.0 is 0.0. A
        :func:`beringia.window` makes a group of the rows in each window, which may overlap.
    args : dict or list, optional
        Columns by parameter; or by position, for a function without named parameters.
    consts : dict, optional
        Values that every call gets, by parameter. Arrays are read-only and shared by all workers; anything else
        travels with the function.
    order_by : str, tuple or list of them, optional
        The order of the rows within a group: names, or ``(name, "ascending" | "descending")``; nulls come
        first when ascending, else last, unless ``"nulls first"`` or ``"nulls last"`` follows. Of floats NaN is
        above all others, and -0.0 is 0.0. Otherwise rows stay in their order.
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
    batch_bytes : int or str, optional
        Bytes handed to a worker at once, such as ``"16m"``.
    timeout : float, optional
        Seconds that one call may take.
    workers : int, optional
        Processes; by default as many as there are cores.
    progress : bool, optional
        Whether to show a bar; by default if the work takes long, at a terminal or in a notebook.
    pool : Pool, optional
        The workers to use, instead of those that all calls share; it has its own `workers`.

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
    >>> data = {"g": np.array([1, 2, 1]), "x": np.array([0.0, 5.0, 3.0])}
    >>> numpy_map(np.ptp, data, pa.schema({"range": pa.float64()}), by="g", args={"a": "x"}).to_pydict()
    {'g': [1, 2], 'range': [3.0, 0.0]}
    """
    if not isinstance(pool, (pools.Pool, type(None))):
        raise ArgumentError(f"pool must be a beringia.Pool, got {type(pool).__name__}")
    if pool is not None and workers is not None:
        raise ArgumentError("a pool has its workers: pass workers or pool, not both")
    given = data_of(data)
    table = given.table
    fields, many = arrow.fields_of(returns)
    by, window = windows.split(by)
    keys, kept = _names("by", [name for name in by if name is not window]), _names("keep", keep)
    constants = _consts.checked(consts)
    arguments = _signature.bind(f, args, missing, _column_name, constants)
    policy = _options.policy(on_error, timeout)
    size = _options.batch_bytes(batch_bytes)
    unit = _unit(by, per)
    orders = [_order(item) for item in _items(order_by)]
    _require_sense(unit, many, bool(kept), bool(orders))
    if window is not None:
        unit = "window"
        _options.check_window(window, kept=bool(kept), ordered=bool(orders), writable=bool(writable))
    if on_error == "column":
        fields = [*fields, pa.field("error", pa.string())]

    # The input of the engine: each column once, the keys first. That of a window is made by the engine.
    use = {name: f"by: key '{name}'" for name in keys}
    ahead = keys if window is None else [*keys, windows.KEY]
    for argument in arguments:
        if argument.column in ahead:
            continue
        use.setdefault(argument.column, f"parameter '{argument.name}'")
    use.update({name: f"keep: '{name}'" for name in kept if name not in use})
    use.update({name: f"order_by: '{name}'" for name, _, _ in orders if name not in use})
    for name, what in use.items():
        given.require(name, what)
    columns = {
        name: arrow.key_of(table, name) if name in keys else arrow.column_of(table, name, what)
        for name, what in use.items()
    }
    position = {name: number for number, name in enumerate(columns)}
    types = {name: table.schema.field(name).type for name in columns}
    position_in = None
    if window is not None:
        given.require(window.column, "by: a window")
        made = windows.over(table, window)
        position_in = (len(columns), window.of_rows, made.size, made.step)
        types[windows.KEY] = made.key_type
        columns[windows.POSITION] = made.position
    shown = list(dict.fromkeys([a.column for a in arguments if a.column not in ahead] + kept))
    child = {name: number for number, name in enumerate([*ahead, *(name for name in shown if name not in ahead)])}
    engine_of = (pool if pool is not None else pools.default(workers)).native
    placed = place(f, constants, engine_of)
    payload = placed.payload
    job = Job(
        program=Program(
            name=_function.name_of(f),
            function_bytes=payload.function_bytes,
            interpreter=sys.executable,
            paths=_function.search_path(),
        ),
        shape=Shape(
            rows="many" if many else "one",
            keys=len(ahead),
            keep=[child[name] for name in kept],
            mapping=_options.mapping(writable),
        ),
        policy=policy,
        block=payload.block,
        options=NumpyOptions(
            arguments=[
                Argument(
                    name=a.name,
                    keyword=a.keyword,
                    missing=a.missing,
                    column=child[a.column],
                    type=str(types[a.column]),
                )
                for a in arguments
            ],
            arrays=payload.arrays,
            nan_as_null=bool(nan_as_null),
            type_names=TypeNames(fields=[str(field.type) for field in fields], float64=str(pa.float64())),
        ),
    )
    final = pa.schema(
        [pa.field(name, types[name]) for name in [*ahead, *kept]] + [pa.field(f.name, f.type) for f in fields]
    )
    _refuse_twice(final.names)
    engine = pa.schema([plain_field(field) for field in final])
    with bar(progress) as show:
        stream = engine_of.run(
            job.json(),
            bytes(payload.data),
            pa.table(columns) if columns else table.select([]),
            engine,
            keys=[position[name] for name in keys],
            columns=[position[name] for name in shown if name not in keys],
            unit=unit,
            window=position_in,
            order_by=[(position[name], descending, first) for name, descending, first in orders],
            batch_bytes=size,
            progress=show,
            log_level=logs.level(),
        )
    result = arrow.restored(pa.RecordBatchReader.from_stream(stream).read_all(), final)
    if window is None:
        return result
    names = [windows.KEY if name is window else name for name in by]
    return result.select([*names, *final.names[len(names) :]])


def _names(option: str, value: str | Sequence[str] | None) -> list[str]:
    if value is not None and not isinstance(value, (str, Sequence)):
        raise ArgumentError(f"{option} must name columns, got {type(value).__name__}")
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


def _unit(keys: Sequence[Any], per: str | None) -> str:
    """Return what one call gets, as the engine calls it."""
    if keys and per is not None:
        raise ArgumentError(f"per={per!r} is for data without by: with groups a call gets a group")
    _options.check_per(per)
    return "group" if per in (None, "partition") else per


def _require_sense(unit: str, many: bool, kept: bool, ordered: bool) -> None:
    """Refuse what does not go together, whatever the columns."""
    if unit == "batch" and not many:
        raise ArgumentError(
            "per='batch' gives a call any rows, and how many such batches there are means nothing: " + _MANY
        )
    if ordered and unit != "group":
        raise ArgumentError(f"order_by is the order within a group: it says nothing of a {unit}")
    if kept and unit != "row" and not many:
        raise ArgumentError(
            f"keep carries every row of a {unit} through, and the function returns one for each: {_MANY}"
        )
    if kept and unit == "row" and many:
        raise ArgumentError("keep goes with one result row for each row: returns must be a schema or a struct")


_DIRECTIONS = ("ascending", "descending")
_NULLS = ("nulls first", "nulls last")


def _items(order_by: Any) -> list[Any]:
    if order_by is None:
        return []
    if isinstance(order_by, str) or (isinstance(order_by, tuple) and len(order_by) > 1 and order_by[1] in _DIRECTIONS):
        return [order_by]
    return list(order_by) if isinstance(order_by, Sequence) else [order_by]


def _order(item: Any) -> tuple[str, bool, bool]:
    """Return name, whether it descends, whether nulls come first."""
    if not isinstance(item, (str, tuple, list)):
        raise ArgumentError(f"order_by must name columns, got {type(item).__name__}")
    name, direction, nulls = (*((item,) if isinstance(item, str) else tuple(item)), None, None)[:3]
    direction = direction or "ascending"
    nulls = nulls or ("nulls first" if direction == "ascending" else "nulls last")
    if not isinstance(name, str) or direction not in _DIRECTIONS or nulls not in _NULLS:
        raise ArgumentError(
            f"order_by takes names, or tuples of a name, one of {_listed(_DIRECTIONS)}, and one of {_listed(_NULLS)}, "
            f"got {item!r}"
        )
    return name, direction == "descending", nulls == "nulls first"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
