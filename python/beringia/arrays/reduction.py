"""``reduce`` and ``inner``: each part becomes a value, and the values one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from beringia.arrays import operation, parts

if TYPE_CHECKING:
    from beringia.local import Pool

_NONE: Any = object()
_OF_BLAS = "fdFD"


def reduce(
    f: Callable[..., Any],
    x: Any,
    axis: int | Sequence[int] | None = 0,
    *,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = _NONE,
    combine: Callable[[Any, Any], Any] | None = None,
    identity: Any = _NONE,
    executor: Executor | Pool | None = None,
) -> Any:
    """Return ``f.reduce(x, axis)``, of which parts are worked on at once.

    Parameters
    ----------
    f : ufunc or callable
        An associative ufunc; or a function that makes a value of a part of `x`, for ``combine``.
    x : array_like
        The array.
    axis : int, sequence of int or None, default 0
        What a ufunc reduces, as with :meth:`numpy.ufunc.reduce`.
    dtype, keepdims, initial
        As there.
    combine : callable, optional
        For a plain function: makes one of two of its values, the earlier part's first. Called here.
    identity : object, optional
        For a plain function: what is returned for an array without rows.
    executor : ThreadPoolExecutor, beringia.Executor, beringia.Pool or another executor, optional
        Who does it; by default threads of this process for a ufunc, and the workers that all calls share for a plain
        function.

    Returns
    -------
    scalar or ndarray
        A ufunc's result has the type that NumPy's has. Sums of floats may differ from it in rounding, as they are made
        of sums of parts; they do not depend on the number of threads. Products of floats into one are made by NumPy
        alone, as those of parts may be beyond the type.

    Raises
    ------
    ArgumentError
        If the ufunc is not associative, or a plain function has no ``combine``.
    ValueError
        For an array without rows, where there is no identity.

    Examples
    --------
    >>> beringia.arrays.reduce(np.maximum, np.arange(6.0).reshape(2, 3), axis=1)
    array([2., 5.])
    >>> beringia.arrays.reduce(lambda part: (len(part), part.sum()), np.arange(6.0), combine=np.add)
    array([ 6., 15.])
    """
    array = parts.array_of(x, "x")
    said = {"axis": axis or None, "dtype": dtype, "keepdims": keepdims or None}
    if not operation.check(f, combine, "reduce", **said, initial=None if initial is _NONE else initial):
        return _of_function(f, array, combine, identity, executor)
    assert isinstance(f, np.ufunc)
    options: dict[str, Any] = {"dtype": dtype} if initial is _NONE else {"dtype": dtype, "initial": initial}
    if array.size < parts.SMALL or array.dtype.hasobject or _makes_objects(f, dtype):
        return f.reduce(array, axis, keepdims=keepdims, **options)
    axes = range(array.ndim) if axis is None else np.atleast_1d(axis)
    if not all(isinstance(each, (int, np.integer)) for each in axes):
        return f.reduce(array, axis, keepdims=keepdims, **options)
    reduced = {int(each) % array.ndim for each in axes}  # what is out of range, NumPy refuses
    along = _longest(array)
    if along in reduced and not operation.divides_exactly(f, array.dtype if dtype is None else np.dtype(dtype)):
        return f.reduce(array, axis, keepdims=keepdims, **options)
    first = (slice(None),) * along
    pieces = [array[(*first, part)] for part in parts.slices(array.shape[along], _step(array, along))]
    work = partial(f.reduce, axis=axis, keepdims=True)
    # Of a part that is combined with others, the initial value is the first one's.
    given = [options if along not in reduced or not n else {"dtype": dtype} for n in range(len(pieces))]
    done = _each(executor, [partial(work, piece, **each) for piece, each in zip(pieces, given, strict=True)])
    whole = np.concatenate(done, axis=along)
    if along in reduced:
        if operation.left_range(f, whole):
            return f.reduce(array, axis, keepdims=keepdims, **options)
        whole = f.reduce(whole, axis=along, dtype=operation.loop_of(whole.dtype), keepdims=True)
    return whole if keepdims else whole.squeeze(tuple(reduced))[()]


def inner(x: Any, y: Any, *, executor: Executor | Pool | None = None) -> Any:
    """Return ``np.inner(x, y)``, of which parts are worked on at once.

    Parameters
    ----------
    x, y : array_like
        Vectors; others are NumPy's alone, and so are floats in this process: BLAS works on all cores where it was
        built to.
    executor : ThreadPoolExecutor, beringia.Executor, beringia.Pool or another executor, optional
        Who does it; by default threads of this process.

    Returns
    -------
    scalar or ndarray
        Of NumPy's type; floats may differ from its result in rounding if workers did it.

    Raises
    ------
    ArgumentError
        If an array is more than values.
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> beringia.arrays.inner(np.arange(3.0), np.ones(3))
    3.0
    """
    one, other = parts.array_of(x, "x"), parts.array_of(y, "y")
    if one.ndim != 1 or one.shape != other.shape or one.size < parts.SMALL:
        return np.inner(one, other)
    if one.dtype.hasobject or other.dtype.hasobject:
        return np.inner(one, other)
    # BLAS has threads of its own for long vectors, which would wait for each other in ours.
    if parts.is_here(executor, native=True) and one.dtype == other.dtype and one.dtype.char in _OF_BLAS:
        return np.inner(one, other)
    done = _each(executor, [partial(np.inner, one[p], other[p]) for p in parts.slices(one.size, parts.PART)])
    whole = np.array(done)
    # Of booleans it is whether any of both are true.
    return np.add.reduce(whole, dtype=whole.dtype)


def _of_function(f: Callable[..., Any], array: Any, combine: Any, identity: Any, executor: Any) -> Any:
    if not array.ndim or not len(array):
        if identity is not _NONE:
            return identity
        name = parts.name_of(f)
        raise ValueError(f"zero-size array to reduction operation {name} which has no identity: give identity=")
    if parts.is_here(executor, native=False):
        pieces = [array[part] for part in parts.rows_of(array, parts.PART)]
        return functools.reduce(combine, parts.run_here(executor, [partial(f, piece) for piece in pieces]))
    return functools.reduce(combine, parts.call_each(executor, f, [array], len(array)))


def _each(executor: Any, works: list[partial[Any]]) -> list[Any]:
    if parts.is_here(executor, native=True):
        return parts.run_here(executor, works)
    with parts.workers(executor) as (calls, _):
        return [future.result() for future in [calls.submit(work.func, *work.args, **work.keywords) for work in works]]


def _longest(array: Any) -> int:
    """Return the axis to divide: the outermost in memory, unless it is short."""
    outermost = max(range(array.ndim), key=lambda axis: (array.shape[axis] > 1, abs(array.strides[axis])))
    return outermost if array.shape[outermost] >= 64 else int(np.argmax(array.shape))


def _step(array: Any, axis: int) -> int:
    return int(parts.PART * array.shape[axis] // array.size)


def _makes_objects(f: np.ufunc, dtype: Any) -> bool:
    """Tell whether a ufunc calls Python for each value."""
    return all(kind.endswith("O") for kind in f.types) or (dtype is not None and np.dtype(dtype).hasobject)
