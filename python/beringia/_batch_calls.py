"""A function that gets the batches of an engine as arrays, in worker processes: for Beam's front, and Flink's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beringia import _function
from beringia.errors import ResultError
from beringia.futures import Executor
from beringia.futures.options import check_options
from beringia.local import pool as pools


class BatchCalls:
    """Calls of a function, by the workers that all calls of this process share; can be pickled until it is open.

    Parameters
    ----------
    f : callable
        The function.
    workers : int, optional
        The most calls at once; by default as many as there are cores.
    timeout : float, optional
        Seconds that a call may take.
    retries : int
        How often a call is made again after a worker died in it.

    Raises
    ------
    ArgumentError
        If a number is none.
    """

    def __init__(self, f: Callable[..., Any], workers: int | None, timeout: float | None, retries: int) -> None:
        check_options(timeout, retries)
        pools.check_workers(workers)
        self.name = _function.name_of(f)
        self._f, self._workers, self._timeout, self._retries = f, workers, timeout, retries
        self._executor: Executor | None = None

    def open(self) -> None:
        """Get ready to call."""
        pool = pools.default(self._workers)
        self._executor = Executor(pool=pool, timeout=self._timeout, retries=self._retries)

    def close(self) -> None:
        """Let the workers go."""
        if self._executor is not None:
            self._executor.shutdown()

    def call(self, *batch: Any) -> NDArray[Any]:
        """Return what the function returns for a batch.

        Raises
        ------
        ResultError
            If some of it is masked: the engines' arrays have no masks.
        """
        assert self._executor is not None, "an engine opens a function before it calls it"
        returned = self._executor.submit(self._f, *batch).result()
        if np.ma.is_masked(returned):
            raise ResultError(f"'{self.name}' returned masked values, which cannot be passed on: fill them first")
        return np.asarray(returned)
