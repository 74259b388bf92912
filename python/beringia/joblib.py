"""joblib on our workers: importing this module makes ``joblib.parallel_config("beringia")`` known.

Calls of :class:`joblib.Parallel` go through a :class:`beringia.Executor` on the workers that all calls of this process
share, so that they are warm. Large arrays in what is called lie in shared memory, each as a view that its call may
write to; an ``np.memmap`` is the file itself, as with joblib's own backends. A worker that dies is an error of its
call, after which joblib gives up the others, and the next call works.
``"beringia-spark"`` is known, too: the same on the executors of the active session of Spark.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from joblib import register_parallel_backend
from joblib._parallel_backends import AutoBatchingMixin, FallbackToBackend, ParallelBackendBase, SequentialBackend

from beringia import _memmaps
from beringia.errors import ConfigError
from beringia.futures import Executor
from beringia.futures.nested import Nested, in_worker
from beringia.local import pool as pools

__all__ = ["BeringiaBackend", "SparkBackend"]


class BeringiaBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc] # joblib has no types
    """What joblib calls for ``parallel_config("beringia")``; nobody else needs it.

    Within a call, ``Parallel`` uses threads, then nothing, as joblib's own backends do; where it asks for this backend,
    its calls go to the same workers.
    """

    supports_retrieve_callback = True
    supports_inner_max_num_threads = True
    default_n_jobs = -1

    _executor: Executor | Nested | None = None

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

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        """Get ready for the calls of `parallel`, and return how many workers there will be."""
        workers = self.effective_n_jobs(n_jobs)
        if workers == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        self._executor = _with_files(Nested()) if in_worker() else self._start(workers)
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
        threads = self.inner_max_num_threads or max(pools.cores() // workers, 1)
        executor: Executor = _with_files(Executor(workers, pool=pools.default(workers), threads=threads))
        return executor


class SparkBackend(BeringiaBackend):
    """The same for ``parallel_config("beringia-spark")``: calls go to the executors of the active Spark session."""

    supports_inner_max_num_threads = False

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


def _with_files(executor: Any) -> Any:
    """Have calls get a mapped file itself, to which they may write, and not what is in it."""
    executor._reduce = _memmaps.reduce
    return executor


def _make(batch: Callable[[], Any]) -> Any:
    """Make a batch of calls, in a worker: which knows this backend, as it has imported this module."""
    return batch()


register_parallel_backend("beringia", BeringiaBackend)
register_parallel_backend("beringia-spark", SparkBackend)
