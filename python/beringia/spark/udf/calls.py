"""How the native side drives functions over groups (its convention ``arrow``): a batch, then a group at a time.

What a kind of function gets for a group, and what becomes of its result, is the kind's:
:mod:`groups`, :mod:`aggregates`, :mod:`tables`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Any, ClassVar

import pyarrow as pa

from beringia.spark.udf.batch import Groups
from beringia.spark.udf.command import Command
from beringia.spark.udf.explain import explain
from beringia.spark.udf.results import Results

_AHEAD = 500
"""Rows that are copied for groups whose turn is yet to come."""


class Calls(ABC):
    """Calls of one batch, with arguments of pandas; a group at a time, in order.

    Parameters
    ----------
    function : beringia.spark.udf.command.Function
        What is called.
    sides : list of Groups
        What its arguments are made of: of cogroups those of each side, else one.
    results : Results
        Where results go.
    """

    explain = staticmethod(explain)

    def __init__(self, function: Any, sides: list[Groups], results: Results) -> None:
        self.function = function
        self._sides = sides
        self._results = results
        self._ahead: deque[Any] = deque()  # of the next groups, what their calls get; None of which pandas makes it
        self._arguments: Any = None
        self._rows: list[pa.Table] = []

    def prepare(self, group: int) -> None:
        """Make what a group's call gets."""
        if not self._ahead:
            self._ahead.extend(self._made(group))
        self._arguments = self._ahead.popleft()
        if self._arguments is None:
            self._rows = [side.rows(group) for side in self._sides]

    def call(self) -> Any:
        """Call the function, and check its result as PySpark does."""
        arguments, self._arguments = self._arguments, None
        try:
            if arguments is not None:
                return self.run(arguments)
            rows, self._rows = self._rows, []
            return self.function.run(*rows)
        except BaseException as error:
            raised = error  # and nothing is raised within its handling: PySpark's tracebacks would show that
        self._results.table()  # what an earlier group returned may be at fault too, and comes first
        raise raised

    def append(self, result: Any) -> int:
        """Take what :meth:`call` gave; return how many rows there are."""
        return self._results.append(result)

    def finish(self) -> pa.Table:
        """Return the rows of all groups."""
        return self._results.table()

    @abstractmethod
    def arguments(self, *sides: tuple[Any, int, int]) -> Any:
        """Make the arguments of a call, of what cuts them from each side and for which rows."""

    @abstractmethod
    def run(self, arguments: Any) -> Any:
        """Call the function; return a frame, or a list of its columns."""

    def _made(self, first: int) -> list[Any]:
        """Make what some groups' calls get at once: one after the other, between calls, takes twice as long."""
        end = min(side.until(first, _AHEAD) for side in self._sides)
        sides = [side.parts(first, end) for side in self._sides]
        return [None if None in parts else self.arguments(*parts) for parts in zip(*sides, strict=True)]


class Caller(ABC):
    """What makes the calls of a task.

    Parameters
    ----------
    pickled, options : bytes
        See :class:`beringia.spark.udf.command.Command`.
    schema : object with ``__arrow_c_stream__``
        A stream without batches, of the columns of results.
    """

    explain = staticmethod(explain)
    kind: ClassVar[str]

    def __init__(self, pickled: bytes, options: bytes, schema: Any) -> None:
        self._command = Command(pickled, options, self.kind)
        self._schema: pa.Schema = pa.RecordBatchReader.from_stream(schema).schema

    def begin(self, batch: Any) -> Any:
        """Start a batch: columns of the keys, for messages, and a list column of each column of the rows."""
        [given] = pa.RecordBatchReader.from_stream(batch)
        self._command.accumulators.enter()
        return self.calls_of(self._command.given(given))

    def aside(self) -> bytes:
        """Return what the driver is to know of the calls beside their results, once a batch is finished."""
        return self._command.accumulators.added()

    @abstractmethod
    def calls_of(self, batch: pa.RecordBatch) -> Any:
        """Make the calls of a batch."""


class CuttingCaller(Caller):
    """What makes calls with series and frames that are cut from those of a batch."""

    calls: ClassVar[type[Calls]]
    results: ClassVar[type[Results]] = Results

    def __init__(self, pickled: bytes, options: bytes, schema: Any) -> None:
        super().__init__(pickled, options, schema)
        self._checked: dict[bytes, bool] = {}

    def calls_of(self, batch: pa.RecordBatch) -> Calls:
        """Make the calls of a batch."""
        command = self._command
        groups = Groups(command, batch, self.cut, self._checked)
        return self.calls(command.function, [groups], self.results(command.function, self._schema))

    @abstractmethod
    def cut(self, series: list[Any]) -> Any:
        """Make what cuts the arguments of a group from the columns of a batch."""
