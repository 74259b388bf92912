"""``groupBy(...).applyInArrow``: a table of each group, and the tables that come of it as columns.

The table of a group has memory of its own, as PySpark's has: functions may keep it, and look at its buffers.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from beringia.spark.udf.calls import Caller
from beringia.spark.udf.command import Command
from beringia.spark.udf.explain import explain
from beringia.spark.udf.types import as_taken


class TableCalls:
    """Calls of one batch with a table, or with key and table; a group at a time, in order."""

    explain = staticmethod(explain)

    def __init__(self, command: Command, batch: pa.RecordBatch, schema: pa.Schema) -> None:
        self._function = command.function
        self._batch_rows = command.batch_rows
        self._rows, self._bounds = command.rows(batch)
        self._schema = schema
        self._batches: list[pa.RecordBatch] = []
        self._results: list[pa.Table] = []
        self._count = 0

    def prepare(self, group: int) -> None:
        """Copy the rows of a group."""
        start, end = self._bounds[group], self._bounds[group + 1]
        step = self._batch_rows
        self._batches = [
            pa.concat_batches([self._rows.slice(at, min(step, end - at))]) for at in range(start, end, step)
        ]

    def call(self) -> pa.Table:
        """Call the function, and check its result as PySpark does."""
        batches, self._batches = self._batches, []
        return self._function.run(batches)

    def append(self, result: pa.Table) -> int:
        """Take what :meth:`call` gave; return how many rows there are."""
        schema = self._function.schema
        if result.num_columns:
            same = result.schema.equals(schema, check_metadata=True)
            self._results.append(result if same else pa.Table.from_arrays(result.columns, schema=schema))
            self._count += result.num_rows
        elif result.num_rows:
            raise ValueError(f"a table of {result.num_rows} rows without columns")
        return self._count

    def finish(self) -> pa.Table:
        """Return the rows of all groups."""
        Command.check()
        table = pa.concat_tables([self._function.schema.empty_table(), *self._results]).combine_chunks()
        columns = [as_taken(column, field.type) for column, field in zip(table.columns, self._schema, strict=True)]
        return pa.Table.from_arrays(columns, schema=self._schema)


class GroupedMap(Caller):
    """A grouped map."""

    kind = "GroupedArrow"

    def calls_of(self, batch: pa.RecordBatch) -> Any:
        """Make the calls of a batch."""
        return TableCalls(self._command, batch, self._schema)
