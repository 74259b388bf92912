"""Groups as `by` says: the grouping columns, and windows among them as Spark's side is told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beringia import _window
from beringia._window import Window, is_duration, is_whole, nanoseconds
from beringia.errors import ArgumentError
from beringia.spark.session import Session, column_of


@dataclass(frozen=True)
class Windows:
    """Windows over a column.

    Attributes
    ----------
    column : object
        The position, as the session has columns.
    window : Window
        What they are, as the user says it.
    said : dict
        The same for ``org.beringia.spark.windows.Windows``.
    """

    column: Any
    window: Window
    said: Mapping[str, Any]


def groups_of(session: Session, data: Any, by: Any) -> tuple[Any, Windows | None]:
    """Return the groups of a DataFrame, and the windows that make them.

    Raises
    ------
    ArgumentError
        If `data` are groups already, there are several windows, or something in `by` is no column.
    """
    if session.groups(data):
        raise ArgumentError("by is for a DataFrame: df.groupBy(...) has its grouping columns. Name all of them in by")
    several: Sequence[Any] = by if isinstance(by, (list, tuple)) else [by]
    window = _window.among(several)
    others = [item for item in several if item is not window]
    for item in others:
        column_of(session, "by", item)
    return data.groupBy(*others), None if window is None else _windows(session, window, several.index(window))


def _windows(session: Session, window: Window, place: int) -> Windows:
    unit = "rows" if window.of_rows else "microseconds" if is_duration(window.size) else "numbers"
    said = {"unit": unit, "size": _number("size", window.size), "step": _number("step", window.step), "place": place}
    return Windows(column_of(session, "window", window.column), window, said)


def _number(name: str, size: Any) -> int | float:
    if is_duration(size):
        microseconds, rest = divmod(nanoseconds(size), 1000)
        if rest:
            raise ArgumentError(f"window: {name} is no whole number of microseconds, the unit of Spark's times: {size}")
        return microseconds
    return int(size) if is_whole(size) else float(size)
