"""Runs one function as several ranks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from beringia import _call_pickle, _function, _native
from beringia.collectives.comm import Comm
from beringia.collectives.errors import CollectiveError
from beringia.errors import ArgumentError
from beringia.futures import lanes
from beringia.futures.options import arguments, check_options, unsendable
from beringia.local import pool as pools


def spmd(
    f: Callable[..., Any],
    size: int | None = None,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    pool: pools.Pool | None = None,
    timeout: float | None = None,
    threads: int = 1,
) -> list[Any]:
    """Call ``f(comm, *args, **kwargs)`` in several workers at once, which talk to each other through `comm`.

    Parameters
    ----------
    f : callable
        Called once for each rank; its first argument is a :class:`~beringia.collectives.Comm`.
    size : int, optional
        How many ranks; by default as many as the pool may have workers, or as there are cores.
    args, kwargs : optional
        Further arguments, the same for all ranks. Arrays among them are each rank's own, as with
        :class:`beringia.Executor`.
    pool : Pool, optional
        Whose workers to use; by default those that calls with as many workers share.
    timeout : float, optional
        Seconds that the whole may take. The workers are ended then.
    threads : int, default 1
        As with :class:`beringia.Executor`.

    Returns
    -------
    list
        What each rank returned.

    Raises
    ------
    ArgumentError
        If an argument makes no sense, or the pool has fewer workers than ranks.
    ResourceError
        If there are not as many workers at once.
    CollectiveError
        If ranks wait for one that has returned, come for different purposes, or all wait.
    WorkerDiedError
        If a rank's process ended.
    GroupTimeoutError
        After `timeout`.
    Exception
        What the first rank that failed raised, with its traceback as cause.

    Examples
    --------
    >>> def total(comm, x):
    ...     share = np.array_split(x, comm.size)[comm.rank]
    ...     return comm.allreduce(share.sum())
    >>> spmd(total, 3, (np.arange(10.0),))
    [45.0, 45.0, 45.0]
    """
    pools.check_workers(size)
    if pool is not None and size is not None and size > pool.native.workers:
        raise ArgumentError(
            f"{size} ranks need as many workers at once, and the pool may have {pool.native.workers}: "
            f"make it with beringia.Pool({size}), or ask for fewer"
        )
    native = (pool or pools.default(size)).native
    timeout, _ = check_options(timeout, 0)
    name = _function.name_of(f)
    body, buffers = dump_rank(_asks, f, args, kwargs)
    outcomes, failed = _native.run_gang(
        native,
        body,
        buffers,
        size=size or native.workers,
        paths=_function.search_path(),
        interpreter=sys.executable,
        python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
        threads=threads,
        timeout=timeout,
    )
    futures: list[Future[Any]] = []
    for _, answer, lost, _ in outcomes:
        future: Future[Any] = Future()
        lanes.complete(future, name, answer, lost)
        futures.append(future)
    if failed is not None:
        rank, why = failed
        raise first_error(futures[rank].exception(), rank, len(futures), why, name)
    return [future.result() for future in futures]


def first_error(error: BaseException | None, rank: int, size: int, why: str, name: str) -> BaseException:
    """Return the error of a run: what its first rank that failed raised, or why ranks do not meet."""
    first = error or CollectiveError(why, function=name)
    if hasattr(first, "add_note"):
        first.add_note(f"rank {rank} of {size} failed first")
    return first


def dump_rank(
    asks_of: Callable[[], Any], f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any] | None
) -> tuple[bytes, _call_pickle.Buffers]:
    """Pickle the call of :func:`as_rank` for every rank, which asks through what `asks_of` returns there."""
    given = tuple(args), dict(kwargs or {})
    try:
        return _call_pickle.dump_call(as_rank, (asks_of, f, *given), {})
    except Exception as error:
        raise unsendable(error, _function.name_of(f), arguments(*given)) from None


def as_rank(asks_of: Callable[[], Any], f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Be a rank, in a worker; it asks through what `asks_of` returns."""
    asks = asks_of()
    rank, size = asks.rank()
    try:
        return f(Comm(asks, rank, tuple(range(size)), "world"), *args, **kwargs)
    except CollectiveError:
        raise
    except BaseException as error:
        asks.fail(f"raised {type(error).__name__}: {error}")
        raise


def _asks() -> _native.Asks:
    asks = _native.asks()
    assert asks is not None, "a rank runs in a worker"
    return asks
