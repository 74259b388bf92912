"""How an array is divided, and who works on its parts: threads of this process, or an executor's workers.

Parts are as large as the array's shape says, and not as there are threads: a result is the same on every machine.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from beringia._cores import cores
from beringia.errors import ArgumentError, ResultError

if TYPE_CHECKING:
    from beringia.local import Pool

Array = NDArray[Any]

SMALL = 1 << 17
"""Items below which NumPy alone is faster than threads are there."""
PART = 1 << 20
"""Items that a thread works on at once: some of a millisecond."""
BLOCK = 1 << 16
"""Items that stay in a core's cache from one pass over them to the next."""
_CALLS = 4
"""Parts for each worker, as some may take longer than others."""


def array_of(value: Any, name: str) -> Array:
    """Return the array that a user gave, a memmap as the array that it is.

    Raises
    ------
    ArgumentError
        If it is more than values, such as a mask, which would be lost.
    """
    if isinstance(value, np.ndarray) and not isinstance(value, np.memmap) and type(value) is not np.ndarray:
        raise ArgumentError(f"{name} is an array of values alone, got {type(value).__name__}: give its parts")
    return np.asarray(value)


def is_here(executor: Executor | Pool | None, *, native: bool) -> bool:
    """Tell whether parts are for threads of this process; by default, if NumPy's own loops do the work."""
    return native if executor is None else isinstance(executor, ThreadPoolExecutor)


def slices(length: int, step: int) -> list[slice]:
    """Divide `length` items, `step` to a part; a step below one is one."""
    step = max(step, 1)
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def rows_of(array: Array, items: int) -> list[slice]:
    """Divide the first axis, for about as many items to a part."""
    return slices(len(array), items * len(array) // max(array.size, 1))


def threads(executor: Executor | Pool | None) -> int:
    """Return how many threads there are: the executor's, or as many as cores, or as OMP_NUM_THREADS allows."""
    if isinstance(executor, ThreadPoolExecutor):
        return executor._max_workers
    allowed = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(cores(), int(allowed)) if allowed.isdigit() and int(allowed) else cores()


def run_here(executor: Executor | Pool | None, works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Have works done by threads, under this thread's ``np.errstate``; returns what they returned.

    Raises
    ------
    Exception
        What the first of them raised; others may be done or not.
    """
    settings = {**np.geterr(), "call": np.geterrcall()}

    def under(work: Callable[[], Any]) -> Any:
        with np.errstate(**settings):  # type: ignore[arg-type]
            return work()

    if isinstance(executor, ThreadPoolExecutor):
        return list(_results(executor, under, [(work,) for work in works]))
    count = min(threads(executor), len(works))
    if count <= 1:
        return [under(work) for work in works]
    with ThreadPoolExecutor(count, "beringia-arrays") as own:
        return list(_results(own, under, [(work,) for work in works]))


@contextmanager
def workers(executor: Executor | Pool | None) -> Iterator[tuple[Executor, int]]:
    """Yield who makes calls of Python functions, and how many at once: the workers of all calls, unless said.

    Raises
    ------
    ArgumentError
        If it is neither an executor nor a pool.
    """
    # What workers need is not loaded for threads.
    from beringia.futures import Executor as Own
    from beringia.local import Pool
    from beringia.local import pool as pools

    if isinstance(executor, Executor):
        yield executor, int(getattr(executor, "_max_workers", None) or cores())
        return
    if not isinstance(executor, (Pool, type(None))):
        raise ArgumentError(f"executor is an Executor or a Pool, got {executor!r}")
    with Own(pool=executor or pools.default(None)) as own:
        yield own, own._max_workers


def call_each(executor: Executor | Pool | None, f: Callable[..., Any], arrays: Sequence[Any], length: int) -> Any:
    """Have `f` called with parts of arrays, in order: iterate over the results.

    Parameters
    ----------
    executor : Executor or Pool, optional
        Whose workers make the calls.
    f : callable
        Takes a part of each array.
    arrays : sequence
        Arrays whose first axis is divided, and anything else, which each call gets whole.
    length : int
        Of the first axis.
    """
    with workers(executor) as (calls, count):
        parts = slices(length, -(-length // (_CALLS * count)))
        yield from _results(calls, f, [tuple(_part(array, length, part) for array in arrays) for part in parts])


def checked_rows(value: Any, length: int, f: Any) -> Array:
    """Return what `f` returned for a part of as many rows, as an array.

    Raises
    ------
    ResultError
        If it is none of that length.
    """
    array = np.asarray(value)
    if array.ndim == 0 or len(array) != length:
        raise ResultError(
            f"'{name_of(f)}' got a part of {length} rows, and must return an array of as many; its result has shape "
            f"{array.shape}. A function of single values is np.vectorize(f)"
        )
    return array


def joined(parts: Sequence[Array], f: Any) -> Array:
    """Return parts as one array.

    Raises
    ------
    ResultError
        If they are of several types, of which some would be changed.
    """
    kinds = {part.dtype for part in parts}
    if len(kinds) > 1 and not all(kind.kind in "USV" for kind in kinds):
        listed = ", ".join(sorted(map(str, kinds)))
        raise ResultError(f"'{name_of(f)}' returned arrays of several types, {listed}: let it return one of them")
    # NumPy's own would bring the bytes into this machine's order.
    return np.concatenate(parts, dtype=kinds.pop()) if len(kinds) == 1 else np.concatenate(parts)


def name_of(f: Any) -> str:
    """Return what messages call a function."""
    from beringia import _function

    return _function.name_of(f)


def _part(array: Any, length: int, part: slice) -> Any:
    return array[part] if isinstance(array, np.ndarray) and array.ndim and len(array) == length else array


def _results(executor: Executor, f: Callable[..., Any], items: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
    """Call `f` with each of the items, some ahead of what is taken; returns the results in order."""
    ahead = 2 * int(getattr(executor, "_max_workers", None) or 1)
    under_way: deque[Future[Any]] = deque()
    try:
        for item in items:
            under_way.append(executor.submit(f, *item))
            if len(under_way) > ahead:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()
