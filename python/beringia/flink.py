"""Apache Flink on our workers: vectorised scalar functions of PyFlink's Table API, on arrays, in worker processes.

PyFlink hands a batch of rows to its own Python process, as Series; from there arrays go to a worker in shared memory. A
function that ends its worker fails its task with an error that says so, and Flink's own process goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pyflink.table import udf as flink
from pyflink.table.types import DataType

from beringia import _function
from beringia.errors import ResultError
from beringia.futures import Executor
from beringia.futures.options import check_options
from beringia.local import pool as pools

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
    check_options(timeout, retries)
    pools.check_workers(workers)
    calls = _Calls(f, workers, timeout, retries, deterministic)
    return flink.udf(calls, result_type=result_type, func_type="pandas", name=_function.name_of(f))


class _Calls(flink.ScalarFunction):
    def __init__(
        self,
        f: Callable[..., Any],
        workers: int | None,
        timeout: float | None,
        retries: int,
        deterministic: bool,
    ) -> None:
        self._f, self._deterministic = f, deterministic
        self._workers, self._timeout, self._retries = workers, timeout, retries
        self._executor: Executor | None = None

    def open(self, function_context: Any) -> None:  # noqa: ARG002 (Flink passes it)
        """Get ready to call."""
        pool = pools.default(self._workers)
        self._executor = Executor(pool=pool, timeout=self._timeout, retries=self._retries)

    def close(self) -> None:
        """Let the workers go."""
        if self._executor is not None:
            self._executor.shutdown()

    def is_deterministic(self) -> bool:
        """Tell Flink whether equal arguments give equal results."""
        return self._deterministic

    def eval(self, *columns: Any) -> Any:
        """Return what the function returns for a batch of rows."""
        assert self._executor is not None, "Flink opens a function before it calls it"
        result = np.asarray(self._executor.submit(self._f, *(column.to_numpy() for column in columns)).result())
        rows = len(columns[0]) if columns else 1
        if result.shape != (rows,):
            raise ResultError(
                f"'{_function.name_of(self._f)}' returned an array of shape {result.shape} for a batch of {rows} rows: "
                f"expected ({rows},)"
            )
        return pd.Series(result)
