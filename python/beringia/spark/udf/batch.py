"""The groups of a batch as pandas has them: as PySpark makes them, by its code.

A column is converted for all groups at once where its values do not depend on which rows are converted together. Those
of integers and booleans do: a group with a null in them has floats and objects; and floats and times are read-only
where there is none. So a batch is converted for each pattern of such nulls, and a group's series or frame is cut from
the batch of its pattern.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import logging
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from beringia.spark.udf.command import Command

_PATTERNS = 8
"""Of nulls, in one batch: each takes as much memory as the batch."""

_DEPENDING = (
    pa.types.is_integer,
    pa.types.is_boolean,
    pa.types.is_floating,
    pa.types.is_timestamp,
    pa.types.is_duration,
)

_Checked = dict[bytes, bool]

_log = logging.getLogger(__name__)


class Cut(Protocol):
    """What cuts a group's arguments from the columns of a batch."""

    def matches(self, own: list[Any], start: int, end: int) -> bool:
        """Tell whether what is cut for some rows is what pandas makes of their own columns."""


class Groups:
    """The groups of a batch.

    Parameters
    ----------
    command : Command
        What converts columns.
    batch : pyarrow.RecordBatch
        A row per group: its key, and a list for each column of its rows.
    cut : callable
        Makes what cuts arguments from the columns of the batch.
    checked : dict
        For each pattern of nulls whether what is cut is what pandas makes.
    """

    def __init__(
        self, command: Command, batch: pa.RecordBatch, cut: Callable[[list[Any]], Cut], checked: _Checked
    ) -> None:
        self._command = command
        self._cut = cut
        self._checked = checked
        rows, self._bounds = command.rows(batch)
        self._rows = pa.table(rows)
        self._is_nested = any(map(pa.types.is_nested, rows.schema.types))
        self._made: dict[bytes, Cut | None] = {}
        self._series: dict[tuple[int, bool], Any] = {}

    @staticmethod
    def _depends(kind: pa.DataType) -> bool:
        """Tell whether nulls change more of a column than their own values: its type, or whether it is read-only."""
        return any(is_such(kind) for is_such in _DEPENDING)

    def bounds(self, group: int) -> tuple[int, int]:
        """Return the first row of a group, and the first behind it."""
        return self._bounds[group], self._bounds[group + 1]

    def rows(self, group: int) -> pa.Table:
        """Return the rows of a group."""
        start, end = self.bounds(group)
        return self._rows.slice(start, end - start)

    def series(self, group: int) -> list[Any]:
        """Return the columns of a group as PySpark gives them."""
        return self._series_of(self.rows(group))

    def until(self, first: int, rows: int) -> int:
        """Return the first group behind those that, from `first` on, have so many rows together; one at least."""
        return max(first + 1, bisect.bisect_right(self._bounds, self._bounds[first] + rows) - 1)

    def parts(self, first: int, end: int) -> list[tuple[Any, int, int] | None]:
        """Return what makes the arguments of groups, of which rows; None where one is to be converted on its own."""
        if self._is_nested:  # what a null in a struct does to others in its column differs between versions
            return [None] * (end - first)
        patterns = self._patterns[first:end]
        cuts = {pattern: self._cut_of(pattern, first + patterns.index(pattern)) for pattern in dict.fromkeys(patterns)}
        bounds = itertools.pairwise(self._bounds[first : end + 1])
        return [
            None if (cut := cuts[pattern]) is None else (cut, *rows)
            for pattern, rows in zip(patterns, bounds, strict=True)
        ]

    def _cut_of(self, pattern: bytes, group: int) -> Cut | None:
        if pattern not in self._made:
            self._made[pattern] = self._make(pattern, group) if len(self._made) < _PATTERNS else None
        return self._made[pattern]

    @functools.cached_property
    def _patterns(self) -> list[bytes]:
        """For each group, which of the columns whose type depends on nulls have one; and whether it has no rows."""
        bounds = np.array(self._bounds)
        flags = np.zeros((len(bounds) - 1, self._rows.num_columns + 1), bool)
        for i, column in enumerate(self._rows.columns):
            if column.null_count and self._depends(column.type):
                nulls = np.concatenate([[0], np.cumsum(column.is_null().to_numpy())])
                flags[:, i] = np.diff(nulls[bounds]) > 0
        flags[:, -1] = np.diff(bounds) == 0  # of cogroups one side
        marks, width = flags.tobytes(), flags.shape[1]
        return [marks[at : at + width] for at in range(0, len(marks), width)]

    def _make(self, pattern: bytes, group: int) -> Cut | None:
        try:
            series = [self._all(i, bool(has_null)) for i, has_null in enumerate(pattern[:-1])]
        except Exception:  # some group's: it is the one to raise it
            return None
        cut = self._cut(series)
        if pattern not in self._checked:
            self._checked[pattern] = self._is_exact(cut, group)
            if not self._checked[pattern]:
                _log.warning("pandas %s makes frames in another way: groups are converted on their own", pd.__version__)
        return cut if self._checked[pattern] else None

    def _is_exact(self, cut: Cut, group: int) -> bool:
        own = self.series(group)
        try:
            return cut.matches(own, *self.bounds(group))
        except Exception:  # where a pandas has no such blocks
            return False

    def _all(self, index: int, has_null: bool) -> Any:
        """Return a column of all groups, as that of groups with a null in it or as that of groups without."""
        if (index, has_null) not in self._series:
            [self._series[index, has_null]] = self._series_of(self._filled(index, has_null))
        return self._series[index, has_null]

    def _series_of(self, columns: pa.Table) -> list[Any]:
        series: list[Any] = self._command.function.series(columns, self._rows.schema)
        return series

    def _filled(self, index: int, has_null: bool) -> pa.Table:
        column = self._rows.column(index)
        kind = column.type
        if column.null_count and not has_null and self._depends(kind):
            filled = column.fill_null(pa.scalar(0).cast(kind))  # in groups that this is not for
            return pa.table([filled], names=[self._rows.column_names[index]])
        return self._rows.select([index])
