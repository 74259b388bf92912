"""The calls of :mod:`benchmarks.calls` by the executors of others, each in a process of its own.

``build/apart/peers/bin/python -m benchmarks.peers --one loky`` prints the seconds of a call of each kind, in JSON. The
executors are in an environment of their own (requirements-peers.txt).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

from benchmarks.calls import CASES, LARGE, WORKERS, fastest

RUNS = 2
LIMIT = 3_000
"""The most calls of a run: some take a millisecond for each."""


def loky() -> AbstractContextManager[Any]:
    """Return the executor behind joblib."""
    import loky

    return loky.ProcessPoolExecutor(WORKERS)  # type: ignore[no-any-return]  # it has no types


def mpi4py() -> AbstractContextManager[Any]:
    """Return that of MPI's processes, which are spawned."""
    from mpi4py.futures import MPIPoolExecutor

    return MPIPoolExecutor(WORKERS)  # type: ignore[no-any-return]  # it has no types


@contextmanager
def dask() -> Iterator[Any]:
    """Return that of Dask's workers."""
    from distributed import Client, LocalCluster

    class Batched:
        """Its executor, but for `map`, which has the calls in batches at the client."""

        def __init__(self, client: Client) -> None:
            self._client, self._executor = client, client.get_executor()
            self.submit = self._executor.submit

        def map(self, function: Callable[[Any], Any], items: Iterable[Any], chunksize: int) -> Any:
            return self._client.gather(self._client.map(function, list(items), batch_size=chunksize, pure=False))

    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield Batched(client)


@contextmanager
def ray() -> Iterator[Any]:
    """Return that of Ray's workers."""
    import ray
    from ray.util.multiprocessing import Pool

    remote = cache(ray.remote)

    class Remote:
        """What an executor would be: Ray has none."""

        def submit(self, function: Callable[..., Any], *args: Any) -> Any:
            return remote(function).remote(*args).future()

        def map(self, function: Callable[[Any], Any], items: Iterable[Any], chunksize: int) -> Any:
            return pool.map(function, items, chunksize=chunksize)

    ray.init(num_cpus=2 * WORKERS, include_dashboard=False, object_store_memory=8 * LARGE, log_to_driver=False)
    pool = Pool(WORKERS)
    yield Remote()
    ray.shutdown()


PEERS = {"loky": loky, "Dask": dask, "Ray": ray, "mpi4py.futures": mpi4py}


def measure(name: str) -> dict[str, float]:
    """Return the seconds of a call of each kind."""
    with PEERS[name]() as executor:
        return {case.name: fastest(executor, case, RUNS, min(case.calls, LIMIT)) for case in CASES}


if __name__ == "__main__":
    from benchmarks import peers

    # By its name: then functions are pickled by theirs.
    print(json.dumps(peers.measure(sys.argv[2])))
