"""The frames that functions return, as columns of a batch.

A column of a group is copied and converted with those of other groups, by PySpark's code, where its conversion looks at
one value after the other: at dtypes of NumPy, and at texts and dates. What fails so is converted a group at a time, for
the error to be that of its group. What is converted at once is copied then: it may lie where the function writes.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from beringia.spark.udf.types import as_taken

_KINDS = "biufM"  # booleans, numbers, times
_MANY = 1000
"""Rows that are not worth to be converted with others."""
_UNCHANGING = frozenset({str, datetime.date, float, type(None)})
"""Of the objects that texts and dates are made of: such as cannot be changed by the function that returned them."""
_DTYPES = {float: "f8", np.float64: "f8", bool: "?", np.bool_: "?", int: "i8", np.int64: "i8"}
"""Of the series that pandas makes of such values; of int, if they are not too large."""
FLOATS = frozenset(kind for kind, dtype in _DTYPES.items() if dtype == "f8")


_Layout: TypeAlias = list[tuple[type, Any, Any]]
"""Of each block of a frame: what its values are, their dtype, and which of the columns they are."""
_Taken: TypeAlias = tuple[_Layout, list[Any]] | list[Any]
"""What is kept of a frame: its blocks, or its columns."""


class Results:
    """Results of a batch.

    Parameters
    ----------
    function : beringia.spark.udf.command.Function
        What gives them.
    schema : pyarrow.Schema
        The columns that they become.

    Attributes
    ----------
    count, nbytes : int
        Rows that there are, and bytes that they take.
    """

    def __init__(self, function: Any, schema: pa.Schema) -> None:
        self._function = function
        self._kinds = function.types
        self._schema = schema
        self._names = list(schema.names)
        self._is_plain = len(set(self._names)) == len(self._names)
        self._are_objects = [pa.types.is_string(kind) or pa.types.is_date(kind) for kind in self._kinds]
        # Of groups whose frames have the same layout, one after the other: that, and their blocks. Of groups between
        # those: no layout, and of each field an array of NumPy that waits to be converted, or a column that is.
        self._runs: list[tuple[_Layout | None, list[list[Any]]]] = []
        self._layout: _Layout | None = None  # of the last frame whose blocks were taken whole
        self._groups = 0
        self._called: dict[tuple[int, int], Any] = {}  # of series, by field and group: their names
        self._fitting: Any = None
        self.count = 0
        self.nbytes = 0

    def take(self, result: Any) -> _Taken | None:
        """Return of a frame what :meth:`append` takes, if it has the fields under their names in their order.

        Then nothing else of it is to be checked.
        """
        if not self._fits(result):
            return None
        try:
            return self._whole(result) or self._of_blocks(result)
        except Exception as error:
            raised = error
        self._function.columns(result)  # an earlier column may be at fault too, and comes first
        raise raised

    def append(self, result: Any) -> int:
        """Take a result of a group, a frame, columns, or what :meth:`take` gave; return how many rows there are."""
        taken = result if type(result) in (tuple, list) else self._taken(result)
        if type(taken) is tuple:
            layout, parts = taken
            self.count += parts[0].shape[1]
        else:
            layout, parts = None, [part if isinstance(part, np.ndarray) else pa.concat_arrays([part]) for part in taken]
            self.count += len(parts[0] if parts else result)
        if not self._runs or self._runs[-1][0] is not layout:
            self._runs.append((layout, []))
        self._runs[-1][1].append(parts)
        for part in parts:
            self.nbytes += part.nbytes
        self._groups += 1
        return self.count

    def part(self, field: int, series: Any) -> Any:
        """Return a series as a column for :meth:`append`."""
        self._called[field, self._groups] = series.name
        if self._is_taken(series._values, field):
            return series.to_numpy(copy=True)  # the function may use its series again
        return self._function.column(field, series)

    def columns(self, result: Any) -> _Taken:
        """Return a result as :meth:`append` takes it."""
        taken = self.take(result)
        return self._function.columns(result) if taken is None else taken

    def table(self) -> pa.Table:
        """Return the rows of all groups."""
        with contextlib.suppress(Exception):  # and what they raise group by group is not within its handling
            columns = [self._column(i, parts) for i, parts in enumerate(self._parts())]
            return pa.Table.from_arrays(columns, schema=self._schema)
        return self._of_each()

    def _taken(self, result: Any) -> _Taken:
        try:
            return self.columns(result)
        except Exception as error:
            raised = error
        self.table()  # what an earlier group returned may be at fault too, and comes first
        raise raised

    def _fits(self, result: Any) -> bool:
        if type(result) is not pd.DataFrame or not self._is_plain:
            return False
        names = result._mgr.axes[0]._values
        if type(names) is np.ndarray:
            return names.tolist() == self._names
        # Where pandas keeps texts as those of Arrow, which never change, to list them takes long.
        held = getattr(names, "_pa_array", None)
        if held is not None and held is self._fitting:
            return True
        if names.tolist() != self._names:
            return False
        self._fitting = held
        return True

    def _whole(self, result: Any) -> _Taken | None:
        """Return the blocks of a frame, if they are arrays of NumPy that may be taken as they are."""
        layout: _Layout = []
        parts = []
        for block in result._mgr.blocks:
            values, at = block.values, block.mgr_locs.indexer
            layout.append((type(values), values.dtype, at if type(at) is slice else tuple(at.tolist())))
            parts.append(values)
        if layout != self._layout:
            if not layout or not all(kind is np.ndarray and _is_number(dtype) for kind, dtype, _ in layout):
                return None
            self._layout = layout
        return self._layout, [values.copy() for values in parts]  # the function may use its frame again

    def _of_blocks(self, result: pd.DataFrame) -> list[Any]:
        taken: list[Any] = [None] * len(self._names)
        for block in result._mgr.blocks:
            values = block.values
            for j, i in enumerate(block.mgr_locs.as_array.tolist()):
                part = values[j] if values.ndim > 1 else values
                if self._is_taken(part, i):
                    taken[i] = np.array(part)
                else:
                    taken[i] = self._function.column(i, result[self._names[i]])
        return taken

    def _is_taken(self, values: Any, field: int) -> bool:
        """Tell whether values may be taken as they are, to be converted with those of other groups."""
        dtype = values.dtype
        if not isinstance(dtype, np.dtype) or dtype.kind != "O":
            return _is_number(dtype)
        # What objects take is not seen.
        return self._are_objects[field] and len(values) < _MANY and _UNCHANGING.issuperset(map(type, values))

    def _parts(self) -> list[list[Any]]:
        """Return of each field the arrays of NumPy that wait to be converted, and the columns that are."""
        fields: list[list[Any]] = [[] for _ in self._names]
        for layout, groups in self._runs:
            for i, parts in enumerate(zip(*groups, strict=True)):
                if layout is None:
                    fields[i].extend(parts)
                else:
                    for field, values in zip(self._fields(layout[i]), _joined(parts), strict=True):
                        fields[field].append(values)
        return fields

    def _parts_of_each(self) -> Iterator[list[Any]]:
        """Return of each group the part of each field."""
        for layout, groups in self._runs:
            for parts in groups:
                if layout is None:
                    yield parts
                else:
                    places = itertools.chain.from_iterable(map(self._fields, layout))
                    rows = itertools.chain.from_iterable(parts)
                    yield [row for _, row in sorted(zip(places, rows, strict=True), key=operator.itemgetter(0))]

    def _fields(self, block: tuple[type, Any, Any]) -> Sequence[int]:
        """Return which fields the rows of a block are."""
        at = block[-1]
        return range(len(self._names))[at] if type(at) is slice else at

    def _column(self, field: int, parts: list[Any]) -> pa.ChunkedArray:
        chunks: list[Any] = []
        for (is_array, _), run in itertools.groupby(parts, _waits):
            same = list(run)
            chunks.extend([self._converted(field, _joined(same), self._names[field])] if is_array else same)
        return self._of_chunks(field, chunks)

    def _converted(self, field: int, values: Any, name: Any) -> Any:
        return self._function.column(field, pd.Series(values, name=name, dtype=values.dtype))

    def _of_chunks(self, field: int, chunks: list[Any]) -> pa.ChunkedArray:
        return as_taken(pa.chunked_array(chunks, self._kinds[field]), self._schema.field(field).type)

    def _of_each(self) -> pa.Table:
        """Return the rows of all groups, converted group by group, until one raises."""
        columns: list[list[Any]] = [[] for _ in self._names]
        for group, parts in enumerate(self._parts_of_each()):
            for field, part in enumerate(parts):
                if isinstance(part, np.ndarray):
                    part = self._converted(field, part, self._called.get((field, group), self._names[field]))
                columns[field].append(part)
        return pa.Table.from_arrays(
            [self._of_chunks(i, chunks) for i, chunks in enumerate(columns)], schema=self._schema
        )


class SeriesResults(Results):
    """Results that are series; frames, where structs are wanted."""

    def columns(self, result: Any) -> _Taken:
        """Return a result as :meth:`append` takes it."""
        if type(result) is pd.Series and not pa.types.is_nested(self._kinds[0]):
            return [self.part(0, result)]
        columns: list[Any] = self._function.columns(result)
        return columns


class ValueResults(Results):
    """Results that are one value of each field: of NumPy's numbers and Python's, arrays are made when all are there."""

    def __init__(self, function: Any, schema: pa.Schema) -> None:
        super().__init__(function, schema)
        self._values: list[list[Any]] = []

    def append(self, result: list[Any]) -> int:
        """Take the values of a group, all of which :func:`dtype_of` knows, or columns of one value."""
        self._values.append(result)
        self.count += 1
        return self.count

    def _parts(self) -> list[list[Any]]:
        return list(map(_arrays, zip(*self._values, strict=True))) if self._values else super()._parts()

    def _parts_of_each(self) -> Iterator[list[Any]]:
        for values in self._values:
            yield [array for value in values for array in _arrays([value])]


def _arrays(values: Iterable[Any]) -> list[Any]:
    """Return values one after the other as arrays, and columns as they are."""
    arrays: list[Any] = []
    for kind, run in itertools.groupby(values, type):
        if kind in _DTYPES:
            arrays.append(np.array(list(run), _DTYPES[kind]))
        else:
            arrays.extend(run)
    return arrays


def _waits(part: Any) -> tuple[bool, Any]:
    """Tell of a part whether it waits to be converted, and with which others."""
    return (True, part.dtype) if isinstance(part, np.ndarray) else (False, None)


def _joined(arrays: Sequence[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=-1)


def _is_number(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in _KINDS and dtype.isnative


def dtype_of(value: Any) -> str | None:
    """Return the dtype of the series that pandas makes of a number; None of anything else."""
    return None if type(value) is int and abs(value) >= 1 << 63 else _DTYPES.get(type(value))
