"""``groupBy(...).agg`` of pandas UDFs: the series of each group, and a value of each function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from beringia.spark.udf.calls import Calls, CuttingCaller
from beringia.spark.udf.results import FLOATS, ValueResults, dtype_of
from beringia.spark.udf.series import Series


class SeriesCalls(Calls):
    """Calls of functions with series."""

    def arguments(self, *sides: tuple[Series, int, int]) -> list[Any]:
        """Cut the series of some rows."""
        [(cut, start, end)] = sides
        return cut.series(start, end)

    def columns(self, found: list[list[Any]]) -> list[Any]:
        """Return the values of each function as a column: of NumPy where pandas would make one of such a dtype."""
        try:
            return [self._column(i, values) for i, values in enumerate(found)]
        except Exception as error:
            raised = error
        for i, values in enumerate(found):  # an earlier one may be at fault too, and comes first
            self.function.column(i, pd.Series(values))
        raise raised

    def _column(self, field: int, values: list[Any]) -> Any:
        dtypes = set(map(dtype_of, values))
        if len(dtypes) != 1 or None in dtypes:
            return self.function.column(field, pd.Series(values))
        return np.array(values, dtypes.pop())


class AggregateCalls(SeriesCalls):
    """Calls of all functions with the series of a group."""

    def run(self, arguments: list[Any]) -> list[Any]:
        """Return the values of all functions; as columns, if they are not all plain numbers."""
        of, values = arguments.__getitem__, []
        for function, places, named in self.function.functions:
            by_name = {name: of(i) for name, i in named.items()} if named else named
            values.append(function(*map(of, places), **by_name))
        if not FLOATS.issuperset(map(type, values)) and None in map(dtype_of, values):
            return self.columns([[value] for value in values])
        return values


class Aggregate(CuttingCaller):
    """Aggregates."""

    kind = "Aggregate"
    calls = AggregateCalls
    results = ValueResults

    def cut(self, series: list[Any]) -> Series:
        """Return what cuts series."""
        return Series(series)
