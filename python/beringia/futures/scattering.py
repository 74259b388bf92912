"""One function's work, spread over the workers that have nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from beringia import _call_pickle, _function
from beringia.errors import ArgumentError
from beringia.futures.executor import Executor
from beringia.futures.nested import Nested, in_worker
from beringia.futures.options import unsendable
from beringia.local import pool as pools

T = TypeVar("T")

_CHUNKS = 64
"""The most calls that items travel in."""


def scatter(f: Callable[[Any], T], items: Iterable[Any], *, chunksize: int | None = None) -> list[T]:
    """Call `f` with each item, and return the results in their order.

    In a call of an executor, or a function of ``numpy_map``, the items go to workers that have nothing to do; it
    makes the rest itself, and waits for none. Elsewhere the workers are those that all calls of this
    process share.

    Parameters
    ----------
    f : callable
        Takes one argument, which is its own, as with :class:`beringia.Executor`. Arrays that it refers to are placed in
        shared memory once for all calls, which only read them.
    items : iterable
        The arguments.
    chunksize : int, optional
        Items that a worker gets at once; by default a 64th of them.

    Returns
    -------
    list
        What `f` returned.

    Raises
    ------
    ArgumentError
        If `chunksize` is below 1.
    Exception
        What `f` raised for the first item that it failed for.

    Examples
    --------
    >>> scatter(lambda x: x * x, range(5))
    [0, 1, 4, 9, 16]
    """
    if chunksize is not None and chunksize < 1:
        raise ArgumentError(f"chunksize is a number of items above zero, got {chunksize!r}")
    each = [(item,) for item in items]
    size = chunksize or -(-len(each) // _CHUNKS) or 1
    chunks = [each[start : start + size] for start in range(0, len(each), size)]
    name = _function.name_of(f)
    try:
        function = _call_pickle.dump_function(f)
    except Exception as error:
        raise unsendable(error, name, ()) from None
    executor: Nested | Executor = Nested() if in_worker() else Executor(pool=pools.default(None))
    try:
        calls = [executor.submit_scattered(name, function, chunk) for chunk in chunks]
        if isinstance(executor, Nested):
            executor.help(calls)
        return [result for call in calls for result in call.result()]
    except KeyboardInterrupt:
        executor.kill_workers()  # whoever stops what goes on does not want to wait for it
        raise
    finally:
        executor.shutdown(cancel_futures=True)
