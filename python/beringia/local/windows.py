"""What the engine needs of windows over a column: its values as 64 bits, and sizes in their unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from beringia._arrow import cast
from beringia._window import Window, among, is_duration, is_whole, nanoseconds
from beringia.errors import ArgumentError
from beringia.local import arrow

KEY = "window"
"""The name of the key."""
POSITION = "\0position"

_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True)
class Over:
    """Windows over a column.

    Attributes
    ----------
    position : pyarrow.ChunkedArray
        Its values: int64, float64, timestamps or durations.
    size, step : int or float
        In their unit, or in rows.
    key_type : pyarrow.DataType
        A struct of where a window begins, and ends.
    """

    position: pa.ChunkedArray
    size: Any
    step: Any
    key_type: pa.DataType


def split(by: Any) -> tuple[list[Any], Window | None]:
    """Return what is grouped by as a list, and the window in it.

    Raises
    ------
    ArgumentError
        If there are several, or `by` is no list.
    """
    several = [] if by is None else [by] if isinstance(by, (str, Window)) else by
    if not isinstance(several, Sequence):
        raise ArgumentError(f"by must name columns, got {type(by).__name__}")
    return list(several), among(several)


def over(table: pa.Table, window: Window) -> Over:
    """Return what the engine needs.

    Raises
    ------
    ArgumentError
        If there is no such column, no windows over its type, or their sizes are none of that.
    """
    if not isinstance(window.column, str):
        raise ArgumentError(f"window: a column by its name, got {type(window.column).__name__}")
    column = arrow.column_of(table, window.column, "by: a window")
    kind = _position_type(column.type)
    if kind is None:
        given = table.schema.field(window.column).type
        raise ArgumentError(
            f"by: a window goes over numbers, dates, timestamps or durations, and column '{window.column}' is {given}"
        )
    try:
        position = cast(column, kind)
    except pa.ArrowInvalid as error:
        raise ArgumentError(f"by: column '{window.column}' has a value that is no {kind}: {error}") from None
    if window.of_rows:
        return Over(position, int(window.size), int(window.step), _bounds(pa.int64()))
    size, step = (_in_unit(window.column, kind, name, getattr(window, name)) for name in ("size", "step"))
    return Over(position, size, step, _bounds(kind))


def _bounds(kind: pa.DataType) -> pa.DataType:
    return pa.struct({"start": kind, "end": kind})


def _position_type(kind: pa.DataType) -> pa.DataType | None:
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float64()
    if pa.types.is_date(kind):
        return pa.timestamp("s")
    return kind if pa.types.is_timestamp(kind) or pa.types.is_duration(kind) else None


def _in_unit(column: str, kind: pa.DataType, name: str, size: Any) -> int | float:
    """Return a size as a number of the position's unit."""
    of_times = kind not in (pa.int64(), pa.float64())
    if is_duration(size) != of_times:
        wanted = "a duration, datetime.timedelta(…)" if of_times else "a number"
        raise ArgumentError(f"window: column '{column}' is {kind}, so {name} is {wanted}; got {size!r}")
    if kind == pa.float64():
        return float(size)
    if of_times:
        ticks, rest = divmod(nanoseconds(size) * _A_SECOND[kind.unit], 10**9)
        if rest:
            raise ArgumentError(f"window: {name} is no whole number of {kind.unit}, the unit of column '{column}'")
        return int(ticks)
    if not is_whole(size):
        raise ArgumentError(f"window: column '{column}' is of integers, and {name} is {size}. Cast it to float64")
    return int(size)
