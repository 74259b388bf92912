"""``accumulate``: the scan, by threads in one pass over the array, by workers in two.

Threads take block after block. A block's running values are made without those before it; when the last value of the
block before is known, it is put before all of them, while they are still in the cache.

Workers share no memory that they could write to, so they go over the parts twice: first for the last value of each part
(but the first part is done at once, and of the last part nobody asks), then with what came before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from beringia.arrays import operation, parts
from beringia.errors import ArgumentError

if TYPE_CHECKING:
    from beringia.local import Pool


def accumulate(
    f: Callable[..., Any],
    x: Any,
    axis: int | None = 0,
    *,
    dtype: Any = None,
    out: Any = None,
    combine: Callable[[Any, Any], Any] | None = None,
    executor: Executor | Pool | None = None,
) -> Any:
    """Return ``f.accumulate(x, axis)``, of which parts are worked on at once.

    Parameters
    ----------
    f : ufunc or callable
        An associative ufunc; or a function that returns the running values of the rows of a part of `x`, as many as
        there are, for ``combine``.
    x : array_like
        The array.
    axis : int, default 0
        Along which a ufunc goes; None is that of a vector.
    dtype : dtype, optional
        As with :meth:`numpy.ufunc.accumulate`.
    out : ndarray, optional
        Where the result goes, which may be `x`: memory that was used before is faster than new.
    combine : callable, optional
        For a plain function: ``combine(before, values)`` puts the last value before a part, of shape ``(1, ...)``,
        before each of its running values, of shape ``(n, ...)``. Called by workers.
    executor : ThreadPoolExecutor, beringia.Executor, beringia.Pool or another executor, optional
        Who does it; by default threads of this process for a ufunc, and the workers that all calls share for a plain
        function.

    Returns
    -------
    ndarray
        A ufunc's result has the type and shape that NumPy's has. Running sums of floats may differ from it in rounding,
        as they are made of those of blocks; they do not depend on the number of threads, and those of values that are
        not negative never fall. Running products of floats along one axis are made by NumPy alone, as those of a block
        may be beyond the type.

    Raises
    ------
    ArgumentError
        If the ufunc is not associative, or a plain function has no ``combine``.
    ResultError
        If a plain function returns another number of rows.

    Examples
    --------
    >>> beringia.arrays.accumulate(np.add, np.arange(5))
    array([ 0,  1,  3,  6, 10])
    """
    array = parts.array_of(x, "x")
    if not operation.check(f, combine, "accumulate", axis=axis or None, dtype=dtype, out=out):
        return _of_function(f, array, combine, executor)
    assert isinstance(f, np.ufunc)
    if isinstance(out, tuple) and len(out) == 1:
        [out] = out
    if axis is None and array.ndim == 1:
        axis = 0
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        return f.accumulate(array, axis, dtype, out)  # type: ignore[arg-type] # for NumPy's error
    if array.size < parts.SMALL or array.dtype.hasobject or not _fits(array, out):
        return f.accumulate(array, axis, dtype, out)
    rows = np.moveaxis(array, axis, 0)
    kind = f.accumulate(rows[:0], 0, dtype).dtype
    if kind.hasobject or (out is not None and out.dtype != kind):
        return f.accumulate(array, axis, dtype, out)
    if not operation.divides_exactly(f, kind):
        return f.accumulate(array, axis, dtype, out)
    if not parts.is_here(executor, native=True):
        scan = partial(f.accumulate, axis=0, dtype=operation.loop_of(kind))
        found = np.moveaxis(_of_function(scan, rows, f, executor), 0, axis)
        if out is None:
            return found
        out[...] = found
        return out
    if out is None:
        out = np.empty_like(array, kind)
    to = np.moveaxis(out, axis, 0)
    beside = max(range(1, rows.ndim), key=lambda each: rows.shape[each], default=0)
    if beside and rows.shape[beside] >= 16 * parts.threads(executor):
        whole = (slice(None),) * beside
        pieces = parts.slices(rows.shape[beside], parts.PART * rows.shape[beside] // rows.size)
        loop = operation.loop_of(kind)
        works = [partial(f.accumulate, rows[(*whole, p)], 0, loop, to[(*whole, p)]) for p in pieces]
        parts.run_here(executor, works)
    else:
        chain = _Chain(f, rows, to)
        parts.run_here(executor, [chain.work] * min(parts.threads(executor), len(chain.blocks)))
    return out


class _Chain:
    """Blocks of rows that threads take in turn, each of which waits for the last value of the one before."""

    def __init__(self, f: np.ufunc, rows: parts.Array, to: parts.Array) -> None:
        self.f, self.rows, self.to = f, rows, to
        self.in_place = np.may_share_memory(rows, to)
        self.blocks = parts.rows_of(rows, parts.BLOCK)
        self._next = itertools.count()
        self._last: list[Future[parts.Array]] = [Future() for _ in self.blocks]

    def work(self) -> None:
        """Do blocks until there is none; several threads may."""
        for number in self._next:
            if number >= len(self.blocks):
                return
            try:
                self._do(number)
            except BaseException as error:
                # Whoever waits for it has nothing to wait for.
                self._last[number].set_exception(error)
                raise

    def _do(self, number: int) -> None:
        block = self.blocks[number]
        rows, to = self.rows[block], self.to[block]
        if self.in_place and self.f is np.add:
            rows = rows.copy()  # they may be needed again
        loop = operation.loop_of(to.dtype)
        self.f.accumulate(rows, 0, loop, to)
        if not number:
            self._last[0].set_result(to[-1:].copy())
            return
        before = self._last[number - 1].result()
        if operation.left_range(self.f, to[-1:]):
            to[...] = self.f.accumulate(np.concatenate([before, rows]), 0, loop)[1:]
            self._last[number].set_result(to[-1:].copy())
            return
        self._last[number].set_result(self.f(before, to[-1:]))
        self.f(before, to, out=to)


def _fits(array: parts.Array, out: Any) -> bool:
    """Tell whether the result can be written to `out` block by block; otherwise NumPy says what is wrong with it."""
    if out is None:
        return True
    if type(out) is not np.ndarray or out.shape != array.shape:
        return False
    same = out.ctypes.data == array.ctypes.data and out.strides == array.strides and out.dtype == array.dtype
    return same or not np.may_share_memory(out, array)


def _of_function(f: Callable[..., Any], rows: parts.Array, combine: Any, executor: Any) -> Any:
    if not rows.ndim:
        raise ArgumentError("accumulate goes along an axis, and x has none")
    if not len(rows):
        return f(rows)
    with parts.workers(executor) as (calls, count):
        pieces = [rows[each] for each in parts.slices(len(rows), -(-len(rows) // (count + 1)))]
        first = calls.submit(_scan, f, pieces[0])
        lasts = [calls.submit(_last, f, piece) for piece in pieces[1:-1]]
        done = [first.result()]
        before, following = done[0][-1:], []
        for number, piece in enumerate(pieces[1:]):
            following.append(calls.submit(_scan_behind, f, combine, before, piece))
            if number < len(lasts):
                last = lasts[number].result()
                left = operation.left_range(combine, last)
                before = following[-1].result()[-1:] if left else combine(before, last)
        done += [future.result() for future in following]
    return parts.joined(done, f)


def _scan(f: Callable[..., Any], piece: parts.Array) -> parts.Array:
    return parts.checked_rows(f(piece), len(piece), f)


def _last(f: Callable[..., Any], piece: parts.Array) -> parts.Array:
    return _scan(f, piece)[-1:].copy()


def _scan_behind(f: Callable[..., Any], combine: Any, before: parts.Array, piece: parts.Array) -> parts.Array:
    running = _scan(f, piece)
    if operation.left_range(combine, running[-1:]):
        return _scan(f, np.concatenate([before, piece]))[1:]
    return parts.checked_rows(combine(before, running), len(piece), combine)
