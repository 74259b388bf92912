"""``groupBy(...).agg`` of pandas UDFs: the series of each group, and a value of each function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from beringia.spark.udf.calls import Caller, Calls
from beringia.spark.udf.series import Series

_DTYPES = {float: "f8", np.float64: "f8", bool: "?", np.bool_: "?", np.int64: "i8"}
"""Of the series that pandas makes of one such value."""


class SeriesCalls(Calls):
    """Calls of all functions with series."""

    def arguments(self, cut: Series, start: int, end: int) -> list[Any]:
        """Cut the series of some rows."""
        return cut.series(start, end)

    def run(self, arguments: list[Any]) -> list[Any]:
        """Return the values of all functions, each as a column."""
        values = [
            function(*[arguments[i] for i in places], **{name: arguments[i] for name, i in named.items()})
            for function, places, named in self.function.functions
        ]
        return [self._column(i, value) for i, value in enumerate(values)]

    def _column(self, field: int, value: Any) -> Any:
        dtype = "i8" if type(value) is int and abs(value) < 1 << 63 else _DTYPES.get(type(value))
        return self.function.column(field, pd.Series([value])) if dtype is None else np.array([value], dtype)


class Aggregate(Caller):
    """Aggregates."""

    kind = "Aggregate"
    calls = SeriesCalls

    def cut(self, series: list[Any]) -> Series:
        """Return what cuts series."""
        return Series(series)
