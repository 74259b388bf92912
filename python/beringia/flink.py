"""Apache Flink on our workers: vectorised scalar functions of PyFlink's Table API, on arrays, in worker processes.

PyFlink hands a batch of rows to its own Python process, as Series; from there arrays go to a worker in shared memory. A
function that ends its worker fails its task with an error that says so, and Flink's own process goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from pyflink.table import udf as flink
from pyflink.table.types import DataType

from beringia._batch_calls import BatchCalls
from beringia.errors import ResultError

__all__ = ["udf"]


def udf(
    f: Callable[..., Any],
    result_type: DataType | str,
    *,
    workers: int | None = None,
    timeout: float | None = None,
    retries: int = 0,
    deterministic: bool = True,
) -> Any:
    """Make a vectorised function of PyFlink's, which calls `f` with arrays in worker processes.

    Parameters
    ----------
    f : callable
        Takes an array for each column, of shape ``(n,)``, and returns one of `n` rows.
    result_type : DataType or str
        The type of a row of the result.
    workers : int, optional
        Worker processes of each of PyFlink's; by default as many as there are cores.
    timeout : float, optional
        Seconds that a call may take.
    retries : int, default 0
        How often a call is made again after a worker died in it.
    deterministic : bool, default True
        Whether equal arguments give equal results.

    Returns
    -------
    UserDefinedScalarFunctionWrapper
        For ``table.select`` and its like.

    Examples
    --------
    >>> root = beringia.flink.udf(np.sqrt, "DOUBLE")  # doctest: +SKIP
    >>> table.select(root(table.x))  # doctest: +SKIP
    """
    calls = BatchCalls(f, workers, timeout, retries)
    return flink.udf(_Batches(calls, deterministic), result_type=result_type, func_type="pandas", name=calls.name)


class _Batches(flink.ScalarFunction):
    def __init__(self, calls: BatchCalls, deterministic: bool) -> None:
        self._calls, self._deterministic = calls, deterministic

    def open(self, function_context: Any) -> None:  # noqa: ARG002 (Flink passes it)
        """Get ready to call."""
        self._calls.open()

    def close(self) -> None:
        """Let the workers go."""
        self._calls.close()

    def is_deterministic(self) -> bool:
        """Tell Flink whether equal arguments give equal results."""
        return self._deterministic

    def eval(self, *columns: Any) -> Any:
        """Return what the function returns for a batch of rows."""
        result = self._calls.call(*(column.to_numpy() for column in columns))
        rows = len(columns[0]) if columns else 1
        if result.shape != (rows,):
            raise ResultError(
                f"'{self._calls.name}' returned an array of shape {result.shape} for a batch of {rows} rows: expected "
                f"({rows},)"
            )
        return pd.Series(result)
