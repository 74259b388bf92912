"""Windows as users write them: which column, how large, how far apart. Each front makes of them what it can."""

from __future__ import annotations

import datetime
import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from beringia.errors import ArgumentError

MOST = 1_000_000
"""Windows that a row may lie in."""


@dataclass(frozen=True)
class Window:
    """Windows over a position; see :func:`window`.

    Attributes
    ----------
    column : object
        The position, as the front takes columns.
    size, step : object
        Numbers or durations, above zero.
    of_rows : bool
        Whether they are numbers of rows.
    """

    column: Any
    size: Any
    step: Any
    of_rows: bool

    @property
    def overlaps(self) -> bool:
        """Whether a row may lie in several."""
        return bool(self.step < self.size)


def window(column: Any, *, size: Any, step: Any = None, unit: str | None = None) -> Window:
    """Describe windows over a column, as `by` of ``numpy_map`` on this machine and on Spark.

    A window has the rows from a multiple of `step` on, to before `size` more; so it does in ``F.window`` of Spark.
    Where `step` is less than `size`, windows overlap and a row lies in several; where it is more, some rows lie in
    none. Only windows that have rows are given to the function, their rows in the order of the column. Rows whose
    position is null, NaN or infinite lie in none.

    The key is a struct ``window`` of ``start`` and ``end``, of the column's type (numbers as int64 or float64, dates as
    timestamps).

    Parameters
    ----------
    column : str
        A column, on Spark also as an expression, of numbers, dates, timestamps or durations.
    size : number or datetime.timedelta
        How much of the column a window has, in the column's unit; of times a duration.
    step : number or datetime.timedelta, optional
        How far apart windows begin; `size` if not given.
    unit : {"rows"}, optional
        ``"rows"``: `size` and `step` are numbers of rows, in the order of the column, of each group of the other keys.
        ``start`` and ``end`` are row numbers then; the last windows end with the rows.

    Raises
    ------
    ArgumentError
        If `size` or `step` is no number above zero, or a row would lie in more than a million windows.

    Examples
    --------
    >>> data = {"t": np.array([0, 4, 6, 13]), "x": np.array([1.0, 2.0, 3.0, 4.0])}
    >>> every_five = window("t", size=10, step=5)
    >>> numpy_map(lambda x: x.sum(), data, pa.schema({"total": pa.float64()}), by=every_five)["total"].to_pylist()
    [3.0, 6.0, 7.0, 4.0]
    """
    if unit not in (None, "rows"):
        raise ArgumentError(f"window: unit is 'rows' or not given, got {unit!r}")
    return checked(column, size, step, of_rows=unit == "rows")


def checked(column: Any, size: Any, step: Any, *, of_rows: bool) -> Window:
    """Return windows, their sizes checked; `step` None is `size`."""
    step = size if step is None else step
    for name, value in (("size", size), ("step", step)):
        if not _is_size(value):
            raise ArgumentError(f"window: {name} is a number, or a duration, above zero, got {value!r}")
        if of_rows and not is_whole(value):
            raise ArgumentError(f"window: {name} is a number of rows, got {value!r}")
    if is_duration(size) != is_duration(step):
        raise ArgumentError(f"window: size and step are both numbers or both durations, got {size!r} and {step!r}")
    if size / step > MOST:
        raise ArgumentError(f"window: a row would lie in {size / step:.0f} windows. Take a larger step")
    return Window(column, size, step, of_rows)


def among(keys: Sequence[Any]) -> Window | None:
    """Return the windows among what is grouped by.

    Raises
    ------
    ArgumentError
        If there are several.
    """
    found = [key for key in keys if isinstance(key, Window)]
    if len(found) > 1:
        raise ArgumentError("by: one window at a time")
    return found[0] if found else None


def is_whole(value: Any) -> bool:
    """Whether a size is a whole number."""
    return not is_duration(value) and value == int(value)


def is_duration(value: Any) -> bool:
    """Whether a size is one of times."""
    return isinstance(value, datetime.timedelta)


def nanoseconds(duration: datetime.timedelta) -> int:
    """Return how many a duration has: those of pandas have some that the standard library's have not."""
    return int(duration // datetime.timedelta(microseconds=1)) * 1000 + int(getattr(duration, "nanoseconds", 0))


def _is_size(value: Any) -> bool:
    if is_duration(value):
        return bool(value > datetime.timedelta())
    if isinstance(value, (bool, np.timedelta64)) or not isinstance(value, numbers.Real):
        return False
    try:
        return math.isfinite(value) and float(value) > 0
    except OverflowError:
        return False
