"""``groupBy(...).applyInArrow`` and aggregates by Arrow UDFs: a table of each group, and what comes of it as columns.

A group has one table, or one of each side of ``groupBy(...).cogroup(...)``. It has memory of its own, as PySpark's has:
functions may keep it, and look at its buffers.
"""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa

from beringia.spark.udf.calls import Caller
from beringia.spark.udf.command import Command
from beringia.spark.udf.explain import explain
from beringia.spark.udf.types import Written, as_taken, require


class TableCalls:
    """Calls of one batch with tables, or with key and tables; a group at a time, in order.

    Parameters
    ----------
    command : Command
        What is called.
    sides : list of pyarrow.RecordBatch
        Keys and lists, of each side.
    schema : pyarrow.Schema
        Of the results.
    step : int
        Rows of a batch of a group's table.
    written : Written
        What PySpark would have written of the task's results.
    """

    explain = staticmethod(explain)

    def __init__(
        self, command: Command, sides: list[pa.RecordBatch], schema: pa.Schema, step: int, written: Written
    ) -> None:
        self._function = command.function
        self._step = step
        self._sides = [command.rows(side) for side in sides]
        self._schema = schema
        self._batches: list[list[pa.RecordBatch]] = []
        self._written = written
        self._results: list[pa.RecordBatch] = []
        self._count = 0

    def prepare(self, group: int) -> None:
        """Copy the rows of a group."""
        self._batches = [self._copied(rows, bounds[group], bounds[group + 1]) for rows, bounds in self._sides]

    def call(self) -> pa.Table:
        """Call the function, and check its result as PySpark does."""
        batches, self._batches = self._batches, []
        return self._function.run(*batches)

    def append(self, result: pa.Table) -> int:
        """Take what :meth:`call` gave; return how many rows there are."""
        schema = self._function.schema
        if result.num_columns and result.num_rows:
            self._written.append(result.schema)
            own = pa.concat_batches(result.to_batches())  # the function may write to what it returned
            same = own.schema.equals(schema, check_metadata=True)
            self._results.append(own if same else pa.RecordBatch.from_arrays(own.columns, schema=schema))
            self._count += result.num_rows
        elif result.num_rows:
            raise ValueError(f"a table of {result.num_rows} rows without columns")
        return self._count

    def finish(self) -> pa.Table:
        """Return the rows of all groups."""
        table = pa.Table.from_batches(self._results, self._function.schema).combine_chunks()
        columns = [as_taken(column, field.type) for column, field in zip(table.columns, self._schema, strict=True)]
        return require(pa.Table.from_arrays(columns, schema=self._schema), self._function.schema)

    def _copied(self, rows: pa.RecordBatch, start: int, end: int) -> list[pa.RecordBatch]:
        starts = range(start, end, self._step) or [start]  # a side without rows has a batch, too
        return [pa.concat_batches([rows.slice(at, min(self._step, end - at))]) for at in starts]


class _TableCaller(Caller):
    def __init__(self, pickled: bytes, options: bytes, schema: Any) -> None:
        super().__init__(pickled, options, schema)
        self._written = Written()


class GroupedMap(_TableCaller):
    """A grouped map."""

    kind = "GroupedArrow"

    def calls_of(self, batch: pa.RecordBatch) -> Any:
        """Make the calls of a batch."""
        return TableCalls(self._command, [batch], self._schema, self._command.batch_rows, self._written)


class CogroupedMap(_TableCaller):
    """A map of cogroups."""

    kind = "GroupedArrow"

    def calls_of(self, batch: pa.RecordBatch) -> Any:
        """Make the calls of a batch."""
        command = self._command
        return TableCalls(command, command.of_sides(batch), self._schema, command.batch_rows, self._written)


class Aggregate(_TableCaller):
    """Aggregates by Arrow UDFs, which get arrays, of groups or of windows."""

    kind = "ArrowAggregate"

    def calls_of(self, batch: pa.RecordBatch) -> Any:
        """Make the calls of a batch."""
        return TableCalls(self._command, [batch], self._schema, sys.maxsize, self._written)


class Portions(_TableCaller):
    """Aggregates by UDFs of iterators of series or arrays: a group comes as PySpark's own loop would get it."""

    kind = "Portions"

    def calls_of(self, batch: pa.RecordBatch) -> Any:
        """Make the calls of a batch."""
        return TableCalls(self._command, [batch], self._schema, self._command.batch_rows, self._written)


class Scalars(Aggregate):
    """Scalar functions."""

    kind = "ArrowScalars"
