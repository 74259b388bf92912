"""Functions that pull their rows and give results when they like: one call for a partition.

``mapInPandas``, ``mapInArrow`` and scalar functions of iterators pull those of the partition; ``applyInPandas`` and
``applyInArrow`` with iterators those of one group after the other, in PySpark's own loop.

Rows come a batch at a time, of one or more portions that the function gets one after the other, and each batch is to be
answered: with what the function gave by then (:mod:`pull`), and how it stands. What it gets and gives is made and taken
as that of functions over groups is, a portion being a group: series and frames are cut from those of the batch, and
results are converted together. Where PySpark would come to something else its own loop converts, as it always does.

A task that needs no more results says nothing: the next task's function finds what was left behind, and ends it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from beringia.spark.udf.batch import Groups
from beringia.spark.udf.calls import Caller
from beringia.spark.udf.command import Command
from beringia.spark.udf.explain import explain
from beringia.spark.udf.frames import Frames
from beringia.spark.udf.pull import Pull, State
from beringia.spark.udf.results import Results, SeriesResults
from beringia.spark.udf.series import Series
from beringia.spark.udf.types import Written, as_taken, is_taken

_ALONE = 4
"""Beside a state: its row is no result."""


class Structs:
    """The groups of a batch as PySpark's worker gets them: each a batch of one struct."""

    def __init__(self, command: Command, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self._rows, self.bounds = command.rows(batch)
        nullable = zip(self._rows.schema, command.nullable(), strict=True)
        self._fields = [field.with_nullable(flag) for field, flag in nullable]

    def __call__(self, group: int) -> pa.RecordBatch:
        """Return a group, in memory of its own: the function may keep it as long as it likes."""
        start, end = self.bounds[group : group + 2]
        own = pa.concat_batches([self._rows.slice(start, end - start)])
        return pa.RecordBatch.from_arrays([pa.StructArray.from_arrays(own.columns, fields=self._fields)], names=["_0"])


class Portion:
    """Rows for a function of pandas, which has yet to pull them.

    Parameters
    ----------
    num_rows : int
        How many.
    made : list, optional
        The frame, or series, that the function is given.
    batch : pyarrow.RecordBatch, optional
        Without these, the rows that they are to be made of.
    """

    def __init__(self, num_rows: int, made: list[Any] | None = None, batch: pa.RecordBatch | None = None) -> None:
        self.num_rows = num_rows
        self._made = made
        self._batch = batch

    def arguments(self, convert: Callable[[pa.RecordBatch], list[Any]]) -> list[Any]:
        """Return what the function is given, by PySpark's own conversion where nothing is made."""
        return convert(self._batch) if self._made is None else self._made


class Batches:
    """Batches of one struct that a function gives, as columns.

    Parameters
    ----------
    schema : pyarrow.Schema
        The columns that they become.
    written : Written
        What PySpark would have written of the task's results.
    """

    def __init__(self, schema: pa.Schema, written: Written) -> None:
        self._schema = schema
        self._written = written
        self._structs: list[pa.StructArray] = []
        self.count = 0
        self.nbytes = 0

    def append(self, batch: pa.RecordBatch) -> None:
        """Take a batch."""
        self._written.append(batch.schema)
        struct = batch.column(0)
        if batch.num_rows or struct.type.num_fields < len(self._schema):  # without rows it may be of any type
            self._structs.append(pa.concat_arrays([struct]))  # the function may write to what it gave
            self.count += batch.num_rows
            self.nbytes += batch.nbytes

    def table(self) -> pa.Table:
        """Return the rows of all."""
        runs = [self._taken(list(run)) for _, run in itertools.groupby(self._structs, attrgetter("type"))]
        columns = [
            pa.chunked_array([chunk for run in runs for chunk in run[i].chunks], field.type)
            for i, field in enumerate(self._schema)
        ]
        return pa.Table.from_arrays(columns, schema=self._schema)

    def _taken(self, run: list[pa.StructArray]) -> list[pa.ChunkedArray]:
        """Return results of one type as columns of ours, by their places."""
        structs = pa.chunked_array(run)
        fields = list(self._schema)
        given = [structs.type.field(i) for i in range(min(structs.type.num_fields, len(fields)))]
        if len(given) < len(fields) or not all(
            is_taken(one.type, field.type) for one, field in zip(given, fields, strict=True)
        ):
            raise TypeError(
                f"results of the schema\n{pa.schema(given).to_string()}\n"
                f"where this was declared:\n{self._schema.to_string()}"
            )
        return [as_taken(column, field.type) for column, field in zip(structs.flatten(), fields, strict=False)]


class PullingCalls:
    """The calls of a batch, of which the last lets the function run.

    Groups of rows are what it gets; one without rows asks for results; two of them, at the end, say that there are no
    more. Where it takes groups one without rows before another says that there a group begins.

    Parameters
    ----------
    pull : Pull
        The function.
    bounds : list of int
        Where each group begins and ends.
    portion : callable
        Returns a group as the function's loop gets it.
    results : Batches or Results
        Where results go.
    schema : pyarrow.Schema
        How the function stands, and the columns of results.
    """

    explain = staticmethod(explain)

    def __init__(
        self, pull: Pull, bounds: list[int], portion: Callable[[int], Any], results: Any, schema: pa.Schema
    ) -> None:
        self._pull = pull
        self._schema = schema
        self._results = results
        self._state = State.WANTS
        self._group = 0
        self._last = len(bounds) - 2
        begins = False
        for group, (start, end) in enumerate(itertools.pairwise(bounds)):
            if start < end:
                if begins:
                    pull.begin_group()
                pull.give(partial(portion, group))
            begins = start == end
        if self._last > 0 and bounds[-2] == bounds[-1]:
            pull.end()

    def prepare(self, group: int) -> None:
        """Note which call is next."""
        self._group = group

    def call(self) -> State:
        """Let the function run until it stands, once it has all that the batch has for it."""
        if self._group < self._last:
            return self._state
        try:
            return self._pull.go_on(self._results)
        except BaseException as error:
            raised = error
        self._results.table()  # what it gave before may be at fault too, and comes first
        raise raised

    def append(self, state: State) -> int:
        """Take how it stands; return how many rows there are."""
        if self._group < self._last:
            return 0
        self._state = state
        return self._results.count or 1

    def finish(self) -> pa.Table:
        """Return the results, each with how the function stands; if there are none, a row that says just that."""
        mark, *fields = self._schema
        columns = self._results.table().columns
        if self._results.count:
            states = np.full(self._results.count, self._state, mark.type.to_pandas_dtype())
        else:
            states = np.array([self._state | _ALONE], mark.type.to_pandas_dtype())
            columns = [pa.nulls(1, field.type) for field in fields]
        return pa.Table.from_arrays([pa.array(states), *columns], schema=self._schema)


class _Pulling(Caller):
    is_grouped: ClassVar[bool] = False
    _pulls: ClassVar[dict[int, list[Pull]]] = {}
    """Of the task that this process is at."""

    def __init__(self, pickled: bytes, options: bytes, schema: Any) -> None:
        given = json.loads(options)
        task = given["task"]["attemptId"]
        for other in set(self._pulls) - {task}:
            for pull in self._pulls.pop(other):
                pull.leave()
        super().__init__(pickled, options, schema)
        self._of_results = pa.schema(list(self._schema)[1:])
        self._written = Written()
        self._checked: dict[bytes, bool] = {}
        self._pull = Pull(self._command.function.pulling, self.is_grouped)
        self._pulls.setdefault(task, []).append(self._pull)

    def calls_of(self, batch: pa.RecordBatch) -> PullingCalls:
        """Make the calls of a batch."""
        structs = Structs(self._command, batch)
        return PullingCalls(self._pull, structs.bounds, self.portion(structs), self.results(), self._schema)

    def portion(self, structs: Structs) -> Callable[[int], Any]:
        """Return what makes a portion of each group of a batch."""
        return structs

    def results(self) -> Any:
        """Return where the results of a batch go."""
        return Batches(self._of_results, self._written)


class _PullingPandas(_Pulling):
    def portion(self, structs: Structs) -> Callable[[int], Portion]:
        """Return what makes a portion of each group of a batch."""
        groups = Groups(self._command, structs.batch, self.cut, self._checked)

        def portion(group: int) -> Portion:
            start, end = groups.bounds(group)
            [part] = groups.parts(group, group + 1)
            if part is None:
                return Portion(end - start, batch=structs(group))
            return Portion(end - start, self.made(*part))

        return portion

    def results(self) -> Results:
        """Return where the results of a batch go."""
        return Results(self._command.function, self._of_results)

    def cut(self, series: list[Any]) -> Any:
        """Return what cuts what the function is given from the columns of a batch."""
        return Series(series)

    def made(self, cut: Any, start: int, end: int) -> list[Any]:
        """Return of some rows what PySpark's loop makes of them for the function."""
        made: list[Any] = cut.series(start, end)
        return made


class MapInPandas(_PullingPandas):
    """A function of frames."""

    kind = "MapInPandas"

    def cut(self, series: list[Any]) -> Frames:
        """Return what cuts frames."""
        return Frames(series, (), range(len(series)))

    def made(self, cut: Frames, start: int, end: int) -> list[Any]:
        """Return the frame of some rows."""
        return [cut.frame(start, end)]


class MapInArrow(_Pulling):
    """A function of batches."""

    kind = "MapInArrow"


class EvalInPandas(_PullingPandas):
    """A scalar function of series."""

    kind = "EvalInPandas"

    def results(self) -> Results:
        """Return where the results of a batch go."""
        return SeriesResults(self._command.function, self._of_results)


class EvalInArrow(_Pulling):
    """A scalar function of arrays."""

    kind = "EvalInArrow"


class GroupsInPandas(_PullingPandas):
    """A function of the frames of each group."""

    kind = "GroupsInPandas"
    is_grouped = True


class GroupsInArrow(_Pulling):
    """A function of the batches of each group."""

    kind = "MapInArrow"
    is_grouped = True
