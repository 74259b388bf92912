"""Frames of groups, cut from the blocks of the frame of a whole batch.

A frame of pandas holds its columns in blocks, one for each dtype. To cut those costs a hundredth of what making a frame
of series does. Blocks and their managers are not public in pandas: the classes are those of a frame that pandas made,
and :func:`is_same` compares what comes of them with another that it made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from beringia.spark.udf.objects import Maker, has_state_of, index_of

_LARGE = 1000
"""Rows of a group that are put together on their own: with all of the batch they would be copied twice."""

_Block: TypeAlias = tuple[Any, Callable[[Any, slice], Any], Any, Any]
"""Of a batch: its class, what copies rows of its values, the values, and the places of its columns."""


class Frames:
    """What makes frames of the rows of a batch.

    Parameters
    ----------
    series : list of pandas.Series
        The columns of the batch.
    keys, values : sequence of int
        Which of them are a group's key, and which are the columns of its frame.
    """

    def __init__(self, series: Sequence[Any], keys: Sequence[int], values: Sequence[int]) -> None:
        self._series = [series[i] for i in values]
        self._values = values
        self._keys = [series[i]._values for i in keys]
        empty = _frame(one.iloc[:0] for one in self._series)
        self._columns = empty.columns
        names = self._columns._values
        # `frame.columns.values[0] = "b"` renames a column, of one frame; pandas 3 has names that cannot be written.
        self._names = names if isinstance(names, np.ndarray) and names.flags.writeable else None
        self._new_columns: Any = type(self._columns)._simple_new
        self._manager: Any = type(empty._mgr)
        self._make = Maker(empty).make
        self._layout: list[Any] = list(empty._mgr.blocks)

    def frame(self, start: int, end: int) -> Any:
        """Return the frame of some rows, which has memory of its own: functions may write to it, and keep it."""
        return self._cut(self._apart if end - start >= _LARGE else self._together, start, end)

    def matches(self, own: Sequence[Any], start: int, end: int) -> bool:
        """Tell whether the frame of some rows is the one that pandas makes of their series, `own`."""
        frame = _frame(own[i] for i in self._values)
        return all(is_same(self._cut(blocks, start, end), frame) for blocks in (self._apart, self._together))

    def key(self, row: int) -> tuple[Any, ...]:
        """Return the key of a group by its first row."""
        return tuple(values[row] for values in self._keys)

    def _cut(self, of_batch: list[_Block], start: int, end: int) -> Any:
        rows = slice(start, end)
        # What they are given is in the order of their parameters: names would cost a fifth more.
        blocks = tuple([kind(copied(values, rows), places, 2) for kind, copied, values, places in of_batch])
        names = self._names
        columns = self._columns._view() if names is None else self._new_columns(names.copy())
        return self._make(self._manager(blocks, [columns, index_of(range(end - start))], False))

    @functools.cached_property
    def _together(self) -> list[_Block]:
        """The blocks of the frame of the batch."""
        return [_block(block, block.values) for block in _frame(self._series)._mgr.blocks]

    @functools.cached_property
    def _apart(self) -> list[_Block]:
        """The same, but that where the values are an array of NumPy there is a list of those of each column."""
        blocks: list[_Block] = []
        for block in self._layout:
            columns = [self._series[i] for i in block.mgr_locs]
            if isinstance(block.values, np.ndarray):
                values: Any = [one._values for one in columns]
            else:
                [values] = [one.values for one in _frame(columns)._mgr.blocks]
            blocks.append(_block(block, values))
        return blocks


def _frame(series: Iterable[Any]) -> Any:
    """Return a frame as PySpark makes that of a group."""
    return pd.concat(list(series), axis=1)


def _block(like: Any, values: Any) -> _Block:
    copied = _of_each if type(values) is list else _of_columns if values.ndim == 2 else _of_column
    return type(like), copied, values, like.mgr_locs


def _of_column(values: Any, rows: slice) -> Any:
    return values[rows].copy()


def _of_columns(values: Any, rows: slice) -> Any:
    return values[:, rows].copy()


def _of_each(columns: list[Any], rows: slice) -> Any:
    made = np.empty((len(columns), rows.stop - rows.start), columns[0].dtype)
    for one, column in zip(made, columns, strict=True):
        one[:] = column[rows]
    return made


def is_same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Tell whether two frames are the same to the last of their blocks."""
    index, columns = one.index, one.columns
    return (
        has_state_of(one, other)
        and type(index) is type(other.index)
        and index.identical(other.index)
        and type(columns) is type(other.columns)
        and columns.identical(other.columns)
        and len(one._mgr.blocks) == len(other._mgr.blocks)
        and all(map(_is_same_block, one._mgr.blocks, other._mgr.blocks))
        and one.equals(other)
    )


def _is_same_block(one: Any, other: Any) -> bool:
    return (
        type(one) is type(other)
        and type(one.values) is type(other.values)
        and one.values.dtype == other.values.dtype
        and one.values.shape == other.values.shape
        and np.array_equal(one.mgr_locs.as_array, other.mgr_locs.as_array)
    )
