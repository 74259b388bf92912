"""Scalar pandas UDFs: series of as many rows as Spark gives at a time, and of each function one of the same length.

Each portion of rows is a group. Results are taken as those of grouped functions are. Whatever is no plain series of the
right length, structs, which are frames, and whatever cannot be converted, PySpark's own loop gets to see, with what the
functions returned.
"""

from __future__ import annotations

import contextlib
from typing import Any

import pandas as pd
import pyarrow as pa

from beringia.spark.udf.aggregates import SeriesCalls
from beringia.spark.udf.calls import CuttingCaller
from beringia.spark.udf.series import Series


class ScalarCalls(SeriesCalls):
    """Calls of all functions with series, which return series."""

    def run(self, arguments: list[Any]) -> list[Any]:
        """Return the values of all functions, each as a column."""
        results: list[Any] = []
        rows = len(arguments[0])
        for (function, places, named), kind in zip(self.function.functions, self.function.types, strict=True):
            result = function(
                *[arguments[place] for place in places], **{name: arguments[place] for name, place in named.items()}
            )
            results.append(result)
            if type(result) is not pd.Series or len(result) != rows or pa.types.is_struct(kind):
                break
        else:
            with contextlib.suppress(Exception):  # the replay raises it
                return [self._results.part(field, result) for field, result in enumerate(results)]
        columns: list[Any] = self.function.replay(rows, arguments, results)
        return columns


class Scalars(CuttingCaller):
    """Scalar functions."""

    kind = "Scalars"
    calls = ScalarCalls

    def cut(self, series: list[Any]) -> Series:
        """Return what cuts series."""
        return Series(series)
