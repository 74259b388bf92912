"""``groupBy(...).applyInPandas``: a frame of each group, and the frames of what comes of it as columns."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyspark.worker import verify_pandas_result

from beringia.spark.udf.batch import Groups
from beringia.spark.udf.command import Command
from beringia.spark.udf.explain import explain
from beringia.spark.udf.results import Results


class GroupedMap:
    """A grouped map.

    Parameters
    ----------
    payload, options : bytes
        See :class:`beringia.spark.udf.command.Command`.
    schema : object with ``__arrow_c_stream__``
        A stream without batches, of the columns of results.
    """

    explain = staticmethod(explain)

    def __init__(self, payload: bytes, options: bytes, schema: Any) -> None:
        self._command = Command(payload, options)
        self._schema: pa.Schema = pa.RecordBatchReader.from_stream(schema).schema
        self._checked: dict[bytes, bool] = {}

    def begin(self, batch: Any) -> Calls:
        """Start a batch: columns of the keys, for messages, and a list column of each column of the rows."""
        [given] = pa.RecordBatchReader.from_stream(batch)
        return Calls(self._command, Groups(self._command, given, self._checked), Results(self._command, self._schema))


class Calls:
    """Calls of one batch; a group at a time, in order."""

    explain = staticmethod(explain)

    def __init__(self, command: Command, groups: Groups, results: Results) -> None:
        self._command = command
        self._function = command.function
        self._takes_key = len(command.arguments) == 2
        self._groups = groups
        self._results = results
        self._arguments: tuple[Any, ...] = ()
        self._series: list[Any] = []

    def prepare(self, group: int) -> None:
        """Make what a group's call gets."""
        frames = self._groups.frames(group)
        if frames is None:
            self._series = self._groups.series(group)
            return
        start, end = self._groups.bounds(group)
        frame = frames.frame(start, end)
        self._arguments = (frames.key(start), frame) if self._takes_key else (frame,)

    def call(self) -> Any:
        """Call the function, and check its result as PySpark does."""
        try:
            return self._called()
        except BaseException as error:
            raised = error  # and nothing is raised within its handling: PySpark's tracebacks would show that
        self._results.table()  # what an earlier group returned may be at fault too, and comes first
        raise raised

    def append(self, result: Any) -> int:
        """Take what :meth:`call` gave; return how many rows there are."""
        return self._results.append(result)

    def finish(self) -> pa.Table:
        """Return the rows of all groups."""
        self._command.check()
        return self._results.table()

    def _called(self) -> Any:
        if self._series:
            series, self._series = self._series, []
            [(result, _)] = self._command(series)
            return result
        arguments, self._arguments = self._arguments, ()
        result = self._function(*arguments)
        if not self._results.fits(result):
            command = self._command
            verify_pandas_result(result, command.return_type, command.by_name, truncate_return_schema=False)
        return result
