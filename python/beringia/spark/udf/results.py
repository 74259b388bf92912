"""The frames that functions return, as columns of a batch.

A column of a group is copied and converted with those of other groups, by PySpark's code, where its conversion looks at
one value after the other: at dtypes of NumPy, and at texts and dates. What fails so is converted a group at a time, for
the error to be that of its group. What is converted at once is copied then: it may lie where the function writes.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
from typing import Any

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
        # Of each field: arrays of NumPy that wait to be converted, and columns that are.
        self._parts: list[list[Any]] = [[] for _ in self._names]
        self._called: dict[tuple[int, int], Any] = {}  # of series, by field and group: their names
        self._fitting: Any = None
        self.count = 0
        self.nbytes = 0

    def take(self, result: Any) -> list[Any] | None:
        """Return a frame as columns for :meth:`append`, if it has the fields under their names in their order.

        Then nothing else of it is to be checked.
        """
        if not self._fits(result):
            return None
        try:
            return self._of_blocks(result)
        except Exception as error:
            raised = error
        self._function.columns(result)  # an earlier column may be at fault too, and comes first
        raise raised

    def append(self, result: Any) -> int:
        """Take the result of a group, a frame or a list of its columns; return how many rows there are."""
        taken = result if isinstance(result, list) else self._taken(result)
        for parts, part in zip(self._parts, taken, strict=True):
            parts.append(part if isinstance(part, np.ndarray) else pa.concat_arrays([part]))
            self.nbytes += part.nbytes
        self.count += len(taken[0] if taken else result)
        return self.count

    def part(self, field: int, series: Any) -> Any:
        """Return a series as a column for :meth:`append`."""
        self._called[field, len(self._parts[field])] = series.name
        if self._is_taken(series._values, field):
            return series.to_numpy(copy=True)  # the function may use its series again
        return self._function.column(field, series)

    def columns(self, result: Any) -> list[Any]:
        """Return a result as columns for :meth:`append`."""
        taken = self.take(result)
        return self._function.columns(result) if taken is None else taken

    def table(self) -> pa.Table:
        """Return the rows of all groups."""
        with contextlib.suppress(Exception):  # and what they raise group by group is not within its handling
            return pa.Table.from_arrays([self._column(i) for i in range(len(self._names))], schema=self._schema)
        return self._of_each()

    def _taken(self, result: Any) -> list[Any]:
        try:
            return self.columns(result)
        except Exception as error:
            raised = error
        self.table()  # what an earlier group returned may be at fault too, and comes first
        raise raised

    def _fits(self, result: Any) -> bool:
        if type(result) is not pd.DataFrame or not self._is_plain:
            return False
        names: Any = result.columns
        # Where pandas keeps texts as those of Arrow, which never change, to list them takes long.
        held = getattr(names._values, "_pa_array", None)
        if held is not None and held is self._fitting:
            return True
        if names.tolist() != self._names:
            return False
        self._fitting = held
        return True

    def _of_blocks(self, result: pd.DataFrame) -> list[Any]:
        taken: list[Any] = [None] * len(self._names)
        for block in result._mgr.blocks:
            values = block.values
            places = block.mgr_locs.as_array.tolist()
            if isinstance(values, np.ndarray) and values.dtype.kind in _KINDS and values.dtype.isnative:
                values = values.copy()  # the function may use its frame again
                for j, i in enumerate(places):
                    taken[i] = values[j]
                continue
            for j, i in enumerate(places):
                part = values[j] if values.ndim > 1 else values
                if self._is_taken(part, i):
                    taken[i] = np.array(part)
                else:
                    taken[i] = self._function.column(i, result[self._names[i]])
        return taken

    def _is_taken(self, values: Any, field: int) -> bool:
        """Tell whether values may be taken as they are, to be converted with those of other groups."""
        dtype = values.dtype
        if not isinstance(dtype, np.dtype) or not dtype.isnative:
            return False
        if dtype.kind != "O":
            return dtype.kind in _KINDS
        # What objects take is not seen.
        return self._are_objects[field] and len(values) < _MANY and _UNCHANGING.issuperset(map(type, values))

    def _column(self, field: int) -> pa.ChunkedArray:
        chunks: list[Any] = []
        waiting: list[Any] = []

        def convert() -> None:
            if waiting:
                values = np.concatenate(waiting)
                series = pd.Series(values, name=self._names[field], dtype=values.dtype)
                chunks.append(self._function.column(field, series))
                waiting.clear()

        for part in self._arrays(self._parts[field]):
            is_array = isinstance(part, np.ndarray)
            if waiting and (not is_array or part.dtype != waiting[0].dtype):
                convert()
            (waiting if is_array else chunks).append(part)
        convert()
        return self._of_chunks(field, chunks)

    def _of_chunks(self, field: int, chunks: list[Any]) -> pa.ChunkedArray:
        return as_taken(pa.chunked_array(chunks, self._kinds[field]), self._schema.field(field).type)

    def _arrays(self, parts: list[Any]) -> list[Any]:
        """Return what waits to be converted as arrays of NumPy, and columns as they are."""
        return parts

    def _of_each(self) -> pa.Table:
        """Return the rows of all groups, converted group by group, until one raises."""
        columns: list[list[Any]] = [[] for _ in self._names]
        for group, parts in enumerate(zip(*self._parts, strict=True)):
            for field, given in enumerate(parts):
                [part] = self._arrays([given])
                if isinstance(part, np.ndarray):
                    name = self._called.get((field, group), self._names[field])
                    part = self._function.column(field, pd.Series(part, name=name, dtype=part.dtype))
                columns[field].append(part)
        return pa.Table.from_arrays(
            [self._of_chunks(i, chunks) for i, chunks in enumerate(columns)], schema=self._schema
        )


class SeriesResults(Results):
    """Results that are series; frames, where structs are wanted."""

    def columns(self, result: Any) -> list[Any]:
        """Return a result as columns for :meth:`append`."""
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

    def table(self) -> pa.Table:
        """Return the rows of all groups."""
        if self._values:
            self._parts = [list(parts) for parts in zip(*self._values, strict=True)]
        return super().table()

    def _arrays(self, parts: list[Any]) -> list[Any]:
        arrays: list[Any] = []
        for kind, run in itertools.groupby(parts, type):
            if kind in _DTYPES:
                arrays.append(np.array(list(run), _DTYPES[kind]))
            else:
                arrays.extend(run)
        return arrays


def dtype_of(value: Any) -> str | None:
    """Return the dtype of the series that pandas makes of a number; None of anything else."""
    return None if type(value) is int and abs(value) >= 1 << 63 else _DTYPES.get(type(value))
