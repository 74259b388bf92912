"""``groupBy(...).applyInPandas``: a frame of each group, and the frames of what comes of it as columns."""

from __future__ import annotations

from typing import Any

from pyspark.worker import verify_pandas_result

from beringia.spark.udf.calls import Caller, Calls
from beringia.spark.udf.frames import Frames


class FrameCalls(Calls):
    """Calls with a frame, or with key and frame."""

    def arguments(self, cut: Frames, start: int, end: int) -> tuple[Any, ...]:
        """Cut the frame of some rows."""
        frame = cut.frame(start, end)
        return (cut.key(start), frame) if self.function.takes_key else (frame,)

    def run(self, arguments: tuple[Any, ...]) -> Any:
        """Return the function's frame."""
        function = self.function
        result = function.function(*arguments)
        if not self._results.fits(result):
            verify_pandas_result(result, function.return_type, function.by_name, truncate_return_schema=False)
        return result


class GroupedMap(Caller):
    """A grouped map."""

    kind = "GroupedMap"
    calls = FrameCalls

    def cut(self, series: list[Any]) -> Frames:
        """Return what cuts frames."""
        return Frames(series, *self._command.key_and_values())
