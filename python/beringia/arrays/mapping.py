"""``map``: what a function makes of each part is what it makes of the whole."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from beringia.arrays import parts
from beringia.errors import ArgumentError

if TYPE_CHECKING:
    from beringia.local import Pool


def map(f: Callable[..., Any], x: Any, *others: Any, executor: Executor | Pool | None = None) -> Any:  # noqa: A001
    """Return ``f(x, *others)``, of which parts are worked on at once.

    Parameters
    ----------
    f : ufunc or callable
        A ufunc; or a function that treats the rows (the first axis) of its arrays each on its own, and returns an array
        of as many rows: it is called with parts.
    x, *others : array_like
        Arrays that broadcast against each other, as NumPy's do. A plain function gets each array whose first axis is
        that of all of them in parts, and anything else whole.
    executor : ThreadPoolExecutor, beringia.Executor, beringia.Pool or another executor, optional
        Who does it; by default threads of this process for a ufunc, and the workers that all calls share for a plain
        function.

    Returns
    -------
    ndarray, or tuple of them
        As the function returns it: a ufunc's results are NumPy's to the bit, but for those whose last bit depends in
        NumPy itself on how the operands lie in memory, such as `arctan2`.

    Raises
    ------
    ArgumentError
        If an array is more than values, or the ufunc is not of single values.
    ResultError
        If a plain function returns other rows, or parts of several types.

    Examples
    --------
    >>> beringia.arrays.map(np.sqrt, np.arange(5.0) ** 2)
    array([0., 1., 2., 3., 4.])
    """
    arrays = [value if _is_scalar(value) else parts.array_of(value, "an argument") for value in (x, *others)]
    if not isinstance(f, np.ufunc):
        return _of_function(f, arrays, _shape(arrays), executor)
    if f.signature is not None:
        raise ArgumentError(f"map takes ufuncs of single values, and {f!r} has signature {f.signature}")
    kinds, shape = _kinds(f, arrays), _shape(arrays)
    if not shape or 0 in shape or any(kind.hasobject for kind in kinds):
        return f(*arrays)
    if not parts.is_here(executor, native=True):
        return _of_function(f, arrays, shape, executor)
    size = int(np.prod(shape))
    if size < parts.SMALL:
        return f(*arrays)
    like = [array for array in arrays if np.shape(array) == shape]
    fortran = bool(like) and all(array.flags.f_contiguous and not array.flags.c_contiguous for array in like)
    outs = tuple(np.empty(shape, kind, "F" if fortran else "C") for kind in kinds)
    axis = len(shape) - 1 if fortran else 0
    if shape[axis] < 2 * parts.threads(executor):
        axis = int(np.argmax(shape))
    works = []
    for part in parts.slices(shape[axis], parts.PART * shape[axis] // size):
        given = [_along(array, shape, axis, part) for array in arrays]
        works.append(partial(f, *given, out=tuple(_along(out, shape, axis, part) for out in outs)))
    parts.run_here(executor, works)
    return outs[0] if len(outs) == 1 else outs


def _of_function(f: Callable[..., Any], arrays: list[Any], shape: tuple[int, ...], executor: Any) -> Any:
    length = shape[0] if shape else 0
    if not length:
        return f(*arrays)
    whole = [array if np.ndim(array) == len(shape) else _Whole(array) for array in arrays]
    done = list(parts.call_each(executor, partial(_call, f), whole, length))
    if isinstance(f, np.ufunc) and f.nout > 1:
        return tuple(np.concatenate(each) for each in zip(*done, strict=True))
    return parts.joined(done, f)


class _Whole:
    """An argument that is not divided."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _call(f: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function with a part, in a worker."""
    given = [each.value if isinstance(each, _Whole) else each for each in arguments]
    returned = f(*given)
    if isinstance(f, np.ufunc):
        return returned
    length = max(len(each) for each in arguments if not isinstance(each, _Whole))
    return parts.checked_rows(returned, length, f)


def _shape(arrays: list[Any]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(np.shape(array) for array in arrays))


def _is_scalar(value: Any) -> bool:
    # NumPy treats a number of Python differently than an array without axes.
    return isinstance(value, (bool, int, float, complex, str, bytes, np.generic))


def _kinds(f: np.ufunc, arrays: list[Any]) -> list[np.dtype[Any]]:
    """Return the types of the results, as NumPy chooses them for arrays without items."""
    empty = [array[(slice(0, 0),) * array.ndim] if np.ndim(array) else array for array in arrays]
    with np.errstate(all="ignore"):
        results = f(*empty)
    return [np.asarray(each).dtype for each in (results if isinstance(results, tuple) else (results,))]


def _along(array: Any, shape: tuple[int, ...], axis: int, part: slice) -> Any:
    """Return what belongs to a part of an axis of `shape`, which `array` broadcasts to."""
    own = axis - (len(shape) - np.ndim(array))
    if own < 0 or array.shape[own] != shape[axis]:
        return array
    return array[(slice(None),) * own + (part,)]
