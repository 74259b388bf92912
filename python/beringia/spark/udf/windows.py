"""Aggregates by pandas UDFs over windows: a value for each row.

A group is a partition of the windows, its rows in their order. A function of unbounded windows is called once, with all
rows; one of bounded windows for each row, with those from where its window begins to where that ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from beringia.spark.udf.aggregates import SeriesCalls
from beringia.spark.udf.calls import CuttingCaller
from beringia.spark.udf.series import Series, part


class WindowCalls(SeriesCalls):
    """Calls of all functions with series of the windows."""

    def run(self, arguments: list[Any]) -> list[Any]:
        """Return the values of all functions, each as a column."""
        calls = list(zip(self.function.functions, self.function.bounded, strict=True))
        found = [
            self._of_each(function, places, named, arguments)
            if is_bounded
            else [function(*[arguments[i] for i in places], **{name: arguments[i] for name, i in named.items()})]
            for (function, places, named), is_bounded in calls
        ]
        rows = len(arguments[0])
        return [
            column if is_bounded else _repeated(column, rows)
            for column, (_, is_bounded) in zip(self.columns(found), calls, strict=True)
        ]

    @staticmethod
    def _of_each(
        function: Callable[..., Any], places: list[int], named: dict[str, int], arguments: list[Any]
    ) -> list[Any]:
        begins, ends, *series = [arguments[i] for i in places]
        called = {name: arguments[i] for name, i in named.items()}
        return [
            function(
                *[part(one, begin, end) for one in series],
                **{name: part(one, begin, end) for name, one in called.items()},
            )
            for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        ]


def _repeated(column: Any, rows: int) -> Any:
    if isinstance(column, np.ndarray):
        return column.repeat(rows)
    return column.take(pa.array(np.zeros(rows, "i8")))


class Window(CuttingCaller):
    """Aggregates over windows."""

    kind = "Window"
    calls = WindowCalls

    def cut(self, series: list[Any]) -> Series:
        """Return what cuts series."""
        return Series(series)
