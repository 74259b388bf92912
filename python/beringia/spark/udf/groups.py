"""``groupBy(...).applyInPandas``: a frame of each group, and the frames of what comes of it as columns.

A group has one frame, or one of each side of ``groupBy(...).cogroup(...)``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.worker import verify_pandas_result

from beringia.spark.udf.batch import Groups
from beringia.spark.udf.calls import Caller, Calls, CuttingCaller
from beringia.spark.udf.frames import Frames
from beringia.spark.udf.results import Results
from beringia.spark.udf.types import require


class FrameCalls(Calls):
    """Calls with a frame, or with key and frame."""

    def arguments(self, *sides: tuple[Frames, int, int]) -> list[Any]:
        """Cut the frame of some rows."""
        [(cut, start, end)] = sides
        frame = cut.frame(start, end)
        return [cut.key(start), frame] if self.function.takes_key else [frame]

    def run(self, arguments: list[Any]) -> Any:
        """Return the function's frame; its columns, if it has just those that it should have."""
        function = self.function
        result = function.function(*arguments)
        taken = self._results.take(result)
        if taken is None:
            verify_pandas_result(result, function.return_type, function.by_name, truncate_return_schema=False)
            return result
        return taken

    def finish(self) -> pa.Table:
        """Return the rows of all groups."""
        return require(super().finish(), self.function.return_type)


class CogroupCalls(FrameCalls):
    """Calls with two frames, or with key and frames."""

    def arguments(self, *sides: tuple[Frames, int, int]) -> list[Any]:
        """Cut the frame of some rows of each side."""
        frames: list[Any] = [cut.frame(start, end) for cut, start, end in sides]
        if self.function.takes_key:
            # The first one's that has rows, as in PySpark.
            cut, start, _ = next(
                (side for side, frame in zip(sides, frames, strict=True) if not frame.empty), sides[-1]
            )
            frames.insert(0, cut.key(start))
        return frames


class GroupedMap(CuttingCaller):
    """A grouped map."""

    kind = "GroupedMap"
    calls = FrameCalls

    def cut(self, series: list[Any]) -> Frames:
        """Return what cuts frames."""
        [columns] = self._command.sides()
        return Frames(series, *columns)


class CogroupedMap(Caller):
    """A map of cogroups."""

    kind = "CogroupedMap"

    def __init__(self, pickled: bytes, options: bytes, schema: Any) -> None:
        super().__init__(pickled, options, schema)
        cuts = [partial(Frames, keys=keys, values=values) for keys, values in self._command.sides()]
        self._sides: list[tuple[Any, dict[bytes, bool]]] = [(cut, {}) for cut in cuts]

    def calls_of(self, batch: pa.RecordBatch) -> CogroupCalls:
        """Make the calls of a batch."""
        command = self._command
        sides = [
            Groups(command, part, cut, checked)
            for part, (cut, checked) in zip(command.of_sides(batch), self._sides, strict=True)
        ]
        return CogroupCalls(command.function, sides, Results(command.function, self._schema))
