"""Frames of groups, cut from the blocks of the frame of a whole batch.

A frame of pandas holds its columns in blocks, one for each dtype. To cut those costs a hundredth of what making a frame
of series does. Blocks and their managers are not public in pandas: the classes are those of a frame that pandas made,
and :func:`is_same` compares what comes of them with another that it made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


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
        # As PySpark makes the frame of a group.
        frame = pd.concat([series[i] for i in values], axis=1)
        self._values = values
        self._keys = [series[i]._values for i in keys]
        self._columns = frame.columns
        self._manager: Any = type(frame._mgr)
        self._blocks = [(type(block), block.values, block.mgr_locs) for block in frame._mgr.blocks]

    def frame(self, start: int, end: int) -> pd.DataFrame:
        """Return the frame of some rows, which has memory of its own: functions may write to it, and keep it."""
        rows = slice(start, end)
        blocks = [
            kind((values[:, rows] if values.ndim == 2 else values[rows]).copy(), placement=places, ndim=2)
            for kind, values, places in self._blocks
        ]
        axes = [self._columns._view(), pd.RangeIndex.from_range(range(end - start))]
        manager = self._manager(tuple(blocks), axes, verify_integrity=False)
        return pd.DataFrame._from_mgr(manager, axes)  # type: ignore[attr-defined, no-any-return, unused-ignore]

    def matches(self, own: Sequence[Any], start: int, end: int) -> bool:
        """Tell whether the frame of some rows is the one that pandas makes of their series, `own`."""
        return is_same(self.frame(start, end), pd.concat([own[i] for i in self._values], axis=1))

    def key(self, row: int) -> tuple[Any, ...]:
        """Return the key of a group by its first row."""
        return tuple(values[row] for values in self._keys)


def is_same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Tell whether two frames are the same to the last of their blocks."""
    index, columns = one.index, one.columns
    return (
        type(one) is type(other)
        and type(one._mgr) is type(other._mgr)
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
