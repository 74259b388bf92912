"""joblib on our workers: importing this module makes ``joblib.parallel_config("beringia")`` known.

Calls of :class:`joblib.Parallel` go through a :class:`beringia.Executor` on the workers that all calls of this process
share, so that they are warm. Large arrays in what is called lie in shared memory, and are read-only, as with joblib's
own backends, or each call's own, as `mmap_mode` says; an ``np.memmap`` is the file itself. A worker that dies is an
error of its call, after which joblib gives up the others, and the next call works.
``"beringia-spark"`` is known, too: the same on the executors of the active session of Spark.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
from joblib import register_parallel_backend
from joblib._parallel_backends import AutoBatchingMixin, FallbackToBackend, ParallelBackendBase, SequentialBackend
from numpy.typing import NDArray

from beringia import _call_pickle, _memmaps
from beringia.errors import ConfigError
from beringia.futures import Executor
from beringia.futures.nested import Nested, in_worker
from beringia.local import pool as pools

__all__ = ["BeringiaBackend", "SparkBackend"]


class BeringiaBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc] # joblib has no types
    """What joblib calls for ``parallel_config("beringia")``; nobody else needs it.

    A library in a worker has one thread, if `inner_max_num_threads` says nothing else: with more threads than cores,
    calls take many times as long. Within a call, ``Parallel`` uses threads, then nothing, as joblib's own backends do;
    where it asks for this backend, its calls go to the same workers.
    """

    supports_retrieve_callback = True
    supports_inner_max_num_threads = True
    default_n_jobs = -1

    _executor: Executor | Nested | None = None
    _on_this_machine = True

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return how many workers `n_jobs` asks for.

        Raises
        ------
        ValueError
            If it is 0.
        """
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None:
            return 1
        return n_jobs if n_jobs > 0 else max(self._cores() + 1 + n_jobs, 1)

    def configure(
        self,
        n_jobs: int = 1,
        parallel: Any = None,
        *,
        max_nbytes: float | None = 1e6,
        mmap_mode: str | None = "r",
        **_: Any,
    ) -> int:
        """Get ready for the calls of `parallel`, and return how many workers there will be.

        Arrays of more than `max_nbytes` bytes are read-only in calls where `mmap_mode` is "r".
        """
        workers = self.effective_n_jobs(n_jobs)
        if workers == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        self._executor = Nested() if in_worker() else self._start(workers)
        if self._on_this_machine:
            reduce = functools.partial(_reduce, read_only_above=max_nbytes if mmap_mode == "r" else None)
            self._executor._reduce = reduce
        return workers

    def submit(self, func: Callable[[], Any], callback: Callable[[Future[Any]], object] | None = None) -> Future[Any]:
        """Have a batch of calls made."""
        assert self._executor is not None, "joblib configures a backend before it submits"
        future = self._executor.submit(_make, func)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """Return what the batch returned."""
        return out.result()

    def terminate(self) -> None:
        """Let the workers go, to whoever comes next."""
        if self._executor is not None:
            self._executor.shutdown(wait=False)
            self._executor = None
        self.reset_batch_stats()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """End the calls that are under way, with their workers."""
        if self._executor is not None:
            self._executor.kill_workers()
            self._executor = None
        if ensure_ready:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel)

    def _cores(self) -> int:
        return pools.cores()

    def _start(self, workers: int) -> Executor:
        return Executor(workers, pool=pools.default(workers), threads=self.inner_max_num_threads or 1)


class SparkBackend(BeringiaBackend):
    """The same for ``parallel_config("beringia-spark")``: calls go to the executors of the active Spark session."""

    supports_inner_max_num_threads = False
    _on_this_machine = False

    def _cores(self) -> int:
        return max(int(self._session().sparkContext.defaultParallelism), 1)

    def _start(self, workers: int) -> Executor:
        import beringia.spark

        return beringia.spark.Executor(self._session(), workers)

    def _session(self) -> Any:
        from pyspark.sql import SparkSession

        session = SparkSession.getActiveSession()
        if session is None:
            raise ConfigError("there is no Spark session: make one, with beringia.spark.conf(), before beringia-spark")
        return session


def _reduce(value: NDArray[Any], read_only_above: float | None) -> tuple[Any, ...] | None:
    """Have calls get a mapped file itself, to which they may write, and a large array as what they may only read."""
    reduced = _memmaps.reduce(value)
    if reduced is not None or read_only_above is None or type(value) is not np.ndarray:
        return reduced
    if value.nbytes <= read_only_above or value.dtype.hasobject:
        return None
    view = value.view()
    view.flags.writeable = False
    of_view: tuple[Any, ...] = _call_pickle.reduce_array(view)
    return of_view


def _make(batch: Callable[[], Any]) -> Any:
    """Make a batch of calls, in a worker: which knows this backend, as it has imported this module."""
    return batch()


register_parallel_backend("beringia", BeringiaBackend)
register_parallel_backend("beringia-spark", SparkBackend)
