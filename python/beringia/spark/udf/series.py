"""Series of groups, cut from those of a whole batch, as :mod:`beringia.spark.udf.frames` cuts frames.

PySpark's are read-only where they are views on Arrow's memory; so are these, which are views on a copy of some rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from beringia.spark.udf.objects import Maker, has_state_of, index_of

_AHEAD = 500
"""Rows that are copied together, of columns that functions cannot write to."""


class Series:
    """What makes series of the rows of a batch.

    Parameters
    ----------
    series : list of pandas.Series
        The columns of the batch.
    """

    def __init__(self, series: Sequence[Any]) -> None:
        blocks = [one._mgr.blocks[0] for one in series]
        self._parts = [
            (type(one._mgr), type(block), block.values, one.name) for one, block in zip(series, blocks, strict=True)
        ]
        self._make: Any = Maker(series[0]).make if series else None
        self._is_written = [_is_writeable(block.values) for block in blocks]
        self._copied = (0, 0)  # rows of those that are not
        self._copies: list[Any] = [None] * len(blocks)
        self._copy(0, 0)
        self._placement: Any = type(blocks[0].mgr_locs) if blocks else None
        self._placed: tuple[int, Any] = (-1, None)  # the place of so many rows, which never changes

    def series(self, start: int, end: int) -> list[Any]:
        """Return the columns of some rows."""
        rows = range(end - start)
        if self._placed[0] != rows.stop:
            self._placed = (rows.stop, self._placement(slice(0, rows.stop)))
        if not self._copied[0] <= start <= end <= self._copied[1]:
            self._copy(start, max(end, start + _AHEAD))
        make, places, first = self._make, self._placed[1], self._copied[0]
        made = []
        for (manager, kind, values, name), copied in zip(self._parts, self._copies, strict=True):
            part = values[start:end].copy() if copied is None else copied[start - first : end - first]
            one = make(manager(kind(part, placement=places, ndim=1), index_of(rows)))
            object.__setattr__(one, "_name", name)  # pandas' own looks for a column first
            made.append(one)
        if rows.stop > _AHEAD:
            self._copy(0, 0)  # what is large is the function's alone
        return made

    def _copy(self, start: int, end: int) -> None:
        """Copy rows of what functions cannot write to, of which series may be views on the same memory."""
        self._copied = (start, end)
        for i, (_, _, values, _) in enumerate(self._parts):
            if not self._is_written[i]:
                self._copies[i] = values[start:end].copy()
                _array(self._copies[i]).setflags(write=False)

    def matches(self, own: Sequence[Any], start: int, end: int) -> bool:
        """Tell whether the series of some rows are those that PySpark made, `own`."""
        made = self.series(start, end)
        return all(map(_is_same, made, own)) and all(_is_same(part(one, 0, 1), one.iloc[0:1]) for one in made)


def part(series: Any, begin: int, end: int) -> Any:
    """Return ``series.iloc[begin:end]``, which looks at what it is asked for four times as long as it takes."""
    manager = series._mgr.get_slice(slice(begin, end))
    one = pd.Series._from_mgr(manager, manager.axes)  # type: ignore[attr-defined, unused-ignore]
    object.__setattr__(one, "_name", series._name)
    return one


def _is_same(one: Any, other: Any) -> bool:
    block, another = one._mgr.blocks[0], other._mgr.blocks[0]
    return bool(
        has_state_of(one, other)
        and type(block) is type(another)
        and type(block.values) is type(another.values)
        and block.values.dtype == another.values.dtype
        and _is_writeable(block.values) == _is_writeable(another.values)
        and one.index.identical(other.index)
        and one.name == other.name
        and one.equals(other)
    )


def _array(values: Any) -> Any:
    return getattr(values, "_ndarray", values)


def _is_writeable(values: Any) -> bool:
    array = _array(values)
    return not isinstance(array, np.ndarray) or array.flags.writeable
