"""Dask on our workers: ``dask.config.set(scheduler=beringia.dask.get)``.

Dask's own scheduler of processes pickles arrays into its messages, twice; here they are arguments and results of calls,
in shared memory. The workers are those that all calls of this process share, so that they are warm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dask
from dask.local import get_async
from dask.optimization import cull, fuse
from dask.utils import ensure_dict

from beringia import _calls
from beringia.futures import Executor, lanes
from beringia.futures.nested import Nested, in_worker
from beringia.local import pool as pools

__all__ = ["get"]


def get(
    dsk: Mapping[Any, Any],
    keys: Any,
    *,
    num_workers: int | None = None,
    pool: pools.Pool | Executor | None = None,
    optimize_graph: bool = True,
    **kwargs: Any,
) -> Any:
    """Compute a graph, as Dask's schedulers do.

    Parameters
    ----------
    dsk : dict
        The graph.
    keys : object or list
        What is wanted of it.
    num_workers : int, optional
        The most processes at once; by default what Dask's configuration says, or the cores of this process.
    pool : Pool or Executor, optional
        Whose workers to use, in place of those that all calls share.
    optimize_graph : bool, default True
        Whether chains of tasks become one.
    **kwargs
        As :func:`dask.local.get_async` takes them, such as `callbacks`, or `rerun_exceptions_locally`: a task
        that fails is made again in this process, for a debugger to see it.

    Returns
    -------
    object
        The results, as nested as `keys` are.

    Raises
    ------
    WorkerDiedError
        If a worker dies in a task.
    Exception
        What a task raises, with the worker's traceback as cause.

    Examples
    --------
    >>> x = dask.array.ones((100, 100), chunks=50)
    >>> x.sum().compute(scheduler=beringia.dask.get)
    10000.0
    """
    graph = ensure_dict(dsk.__dask_graph__() if hasattr(dsk, "__dask_graph__") else dsk)
    graph, dependencies = cull(graph, keys)
    if optimize_graph:
        graph, _ = fuse(graph, keys, dependencies)
    if isinstance(pool, Executor):
        return _run(pool, graph, keys, kwargs)
    if in_worker():
        return _run(Nested(), graph, keys, kwargs)
    workers = num_workers or dask.config.get("num_workers", None)
    executor = Executor(workers, pool=pool or pools.default(workers))
    try:
        result = _run(executor, graph, keys, kwargs)
    except BaseException:
        # There may be tasks that nobody wants; an interrupt does not wait for them.
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown()  # the workers are free for the next graph
    return result


def _run(executor: Executor | Nested, graph: Mapping[Any, Any], keys: Any, options: dict[str, Any]) -> Any:
    rerun = options.get("rerun_exceptions_locally")
    if dask.config.get("rerun_exceptions_locally", False) if rerun is None else rerun:
        # Otherwise the exception is the future's, of which Dask makes no task again.
        options = options | {"pack_exception": _pack, "loads": _look}
    return get_async(executor.submit, executor._max_workers, graph, keys, **options)


class _Failed:
    """What came of a task that failed, and whether Dask knows."""

    def __init__(self, error: BaseException) -> None:
        self.told = _calls.told(error)
        self.seen = False


def _pack(error: BaseException, dumps: Any) -> tuple[_Failed, None]:  # noqa: ARG001 # Dask passes it
    """Return what Dask gets of a task that failed, in a worker."""
    return _Failed(error), None


def _look(came: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return what came of a task; raise what it raised once it was made again and did not fail here."""
    if isinstance(came[0], _Failed):
        if came[0].seen:
            raise lanes.raised("task", *came[0].told)
        came[0].seen = True
    return came
