"""Functions that pull their rows and give results when they like: one call for a partition.

``mapInPandas`` and ``mapInArrow`` pull those of the partition; ``applyInPandas`` and ``applyInArrow`` with iterators
those of one group after the other, in PySpark's own loop.

Rows come a batch at a time, of one or more groups that the function gets one after the other, and each batch is to be
answered. So the function runs in a thread of its own, in turn with the one that serves batches, and never beside it: it
goes on until it wants rows that are not there, has given many results, or has ended. An answer is what it gave by then,
and how it stands.

A task that needs no more results says nothing: the next task's function finds what was left behind, and ends it.
"""

from __future__ import annotations

import asyncio
import collections
import enum
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pyarrow as pa

from beringia.spark.udf.calls import Caller
from beringia.spark.udf.command import Command
from beringia.spark.udf.explain import explain
from beringia.spark.udf.types import as_taken, is_taken

_MUCH = 8 << 20
"""Bytes of results after which a function stands."""

_LONG = 0.05
"""Seconds after which it stands with any results: who waits for them may want no more."""

_PATIENCE = 5.0
"""Seconds for the cleaning up of a function that was left behind."""


class State(enum.IntEnum):
    """How a function stands, as ``org.beringia.spark.accelerate.PulledBatches`` has it."""

    WANTS = 0
    MORE = 1
    ENDED = 2


class LeftBehind(BaseException):
    """Nobody wants results any more; raised within the function."""


class Pull:
    """A function in a thread of its own, which runs only while :meth:`go_on` waits for it.

    Parameters
    ----------
    function : callable
        Takes an iterator of batches, or of groups, which are such; returns one of batches.
    is_grouped : bool
        Whether it takes groups.
    """

    def __init__(self, function: Callable[[Iterator[Any]], Iterator[pa.RecordBatch]], is_grouped: bool = False) -> None:
        self._function = function
        self._is_grouped = is_grouped
        self._thread = threading.Thread(target=self._run, name="function", daemon=True)
        self._goes = threading.Semaphore(0)
        self._stands = threading.Semaphore(0)
        self._state = State.WANTS
        self._error: BaseException | None = None
        self._is_left = False
        self._given: collections.deque[pa.RecordBatch | None] = collections.deque()  # None: a group begins
        self._gets_more = True
        self._begins = False
        self._results: list[pa.RecordBatch] = []
        self._bytes = 0
        self._since = 0.0

    def give(self, batch: pa.RecordBatch) -> None:
        """Put a batch where the function finds it."""
        self._given.append(batch)

    def begin_group(self) -> None:
        """Say that the next batch is the first one of its group."""
        self._given.append(None)

    def end(self) -> None:
        """Say that there are no more batches."""
        self._gets_more = False

    def go_on(self) -> State:
        """Let the function run until it stands; raises what it raised."""
        if self._state is not State.ENDED:
            if self._thread.ident is None:
                self._thread.start()
            self._since = time.monotonic()
            self._goes.release()
            self._stands.acquire()
        if self._error is not None:
            raise self._error
        return self._state

    def take(self) -> list[pa.RecordBatch]:
        """Return the results since the last time."""
        results, self._results, self._bytes = self._results, [], 0
        return results

    def leave(self) -> None:
        """End the function, wherever it stands."""
        self._is_left = True
        if self._thread.ident is not None:
            self._goes.release()
            self._thread.join(_PATIENCE)

    def _run(self) -> None:
        self._goes.acquire()
        asyncio.set_event_loop(loop := asyncio.new_event_loop())  # get_event_loop() makes one on main threads only
        try:
            results = self._function(self._groups() if self._is_grouped else self._input())
            try:
                for batch in results:
                    self._results.append(batch)
                    self._bytes += batch.nbytes
                    if self._bytes >= _MUCH or time.monotonic() - self._since >= _LONG:
                        self._stand(State.MORE)
            finally:
                results.close()  # type: ignore[attr-defined]
        except BaseException as error:
            self._error = error
        loop.close()
        self._state = State.ENDED
        self._given.clear()
        self._stands.release()

    def _groups(self) -> Iterator[Iterator[pa.RecordBatch]]:
        given = self._input()
        self._begins = next(given, given) is None
        while self._begins:  # PySpark's loop takes all of a group before it asks for the next
            yield self._of_group(given)

    def _of_group(self, given: Iterator[pa.RecordBatch | None]) -> Iterator[pa.RecordBatch]:
        self._begins = False
        for batch in given:
            if batch is None:
                self._begins = True
                return
            yield batch

    def _input(self) -> Iterator[pa.RecordBatch | None]:
        while self._given or self._gets_more:
            if self._given:
                yield self._given.popleft()
            else:
                self._stand(State.WANTS)

    def _stand(self, state: State) -> None:
        self._state = state
        self._stands.release()
        self._goes.acquire()
        if self._is_left:
            raise LeftBehind


class PullingCalls:
    """The calls of a batch, of which the last lets the function run.

    Groups of rows are what it gets; one without rows asks for results; two of them, at the end, say that there are no
    more. Where it takes groups one without rows before another says that there a group begins.
    """

    explain = staticmethod(explain)

    def __init__(self, pull: Pull, command: Command, batch: pa.RecordBatch, schema: pa.Schema):
        self._pull = pull
        self._schema = schema
        self._results: list[pa.RecordBatch] = []
        self._state = State.WANTS
        self._group = 0
        self._last = batch.num_rows - 1
        rows, bounds = command.rows(batch)
        fields = [field.with_nullable(flag) for field, flag in zip(rows.schema, command.nullable(), strict=True)]
        begins = False
        for start, end in itertools.pairwise(bounds):
            if start < end:
                if begins:
                    pull.begin_group()
                # Memory of its own: the function may keep it as long as it likes.
                own = pa.concat_batches([rows.slice(start, end - start)])
                struct = pa.StructArray.from_arrays(own.columns, fields=fields)
                pull.give(pa.RecordBatch.from_arrays([struct], names=["_0"]))
            begins = start == end
        if self._last > 0 and bounds[-2] == bounds[-1]:
            pull.end()

    def prepare(self, group: int) -> None:
        """Note which call is next."""
        self._group = group

    def call(self) -> State:
        """Let the function run until it stands, once it has all that the batch has for it."""
        return self._pull.go_on() if self._group == self._last else self._state

    def append(self, state: State) -> int:
        """Take what it gave; return how many rows there are, with the one that says how it stands."""
        if self._group < self._last:
            return 0
        self._state = state
        self._results += [batch for batch in self._pull.take() if batch.num_rows]  # others may be of any type
        return sum(batch.num_rows for batch in self._results) + 1

    def finish(self) -> pa.Table:
        """Return the results, and the row that says how the function stands."""
        Command.check()
        rows = sum(batch.num_rows for batch in self._results)
        mark, *fields = self._schema
        states = pa.chunked_array([pa.nulls(rows, mark.type), pa.array([self._state], mark.type)])
        taken = [self._taken(batch.column(0), fields) for batch in self._results]
        columns = [
            pa.chunked_array([*(columns[i] for columns in taken), pa.nulls(1, field.type)], field.type)
            for i, field in enumerate(fields)
        ]
        return pa.Table.from_arrays([states, *columns], schema=self._schema).combine_chunks()

    @staticmethod
    def _taken(structs: pa.StructArray, fields: list[pa.Field]) -> list[pa.Array]:
        """Return results as columns of ours, by their places."""
        given = list(structs.type)[: len(fields)]
        if len(given) < len(fields) or not all(
            is_taken(one.type, field.type) for one, field in zip(given, fields, strict=True)
        ):
            declared = pa.schema(fields).to_string()
            raise TypeError(
                f"results of the schema\n{pa.schema(given).to_string()}\nwhere this was declared:\n{declared}"
            )
        return [as_taken(column, field.type) for column, field in zip(structs.flatten(), fields, strict=False)]


class _Map(Caller):
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
        self._pull = Pull(self._command.function.pulling, self.is_grouped)
        self._pulls.setdefault(task, []).append(self._pull)

    def calls_of(self, batch: pa.RecordBatch) -> Any:
        """Make the calls of a batch."""
        return PullingCalls(self._pull, self._command, batch, self._schema)


class MapInPandas(_Map):
    """A function of frames."""

    kind = "MapInPandas"


class MapInArrow(_Map):
    """A function of batches."""

    kind = "MapInArrow"


class EvalInPandas(_Map):
    """A scalar function of series."""

    kind = "EvalInPandas"


class EvalInArrow(_Map):
    """A scalar function of arrays."""

    kind = "EvalInArrow"


class GroupsInPandas(_Map):
    """A function of the frames of each group."""

    kind = "GroupsInPandas"
    is_grouped = True


class GroupsInArrow(_Map):
    """A function of the batches of each group."""

    kind = "MapInArrow"
    is_grouped = True
