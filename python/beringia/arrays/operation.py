"""What may be done to parts and put together again: associative ufuncs, and plain functions that say how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from beringia.arrays.parts import name_of
from beringia.errors import ArgumentError

_ASSOCIATIVE = (
    *("add", "multiply", "maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "gcd", "lcm"),
    *("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"),
)


def check(f: Any, combine: Callable[[Any, Any], Any] | None, use: str, **only_of_ufuncs: Any) -> bool:
    """Tell whether `f` is a ufunc.

    Parameters
    ----------
    f : ufunc or callable
        The operation.
    combine : callable, optional
        What puts together two results of a plain function.
    use : str
        The primitive, in messages.
    **only_of_ufuncs
        Options that a plain function does not have, None where they were not given.

    Raises
    ------
    ArgumentError
        If results for parts cannot be put together: the ufunc is not associative, or a plain function says not how.
    """
    if isinstance(f, np.ufunc):
        if f.nin != 2 or f.nout != 1 or f.signature is not None:
            raise ArgumentError(f"{use} takes a ufunc of two arguments with one result, got {f!r}")
        name = f.__name__
        if name not in _ASSOCIATIVE and getattr(np, name, None) is f:
            raise ArgumentError(
                f"np.{name} is not associative: what it makes of parts says nothing of the whole. Use np.{name}.{use}"
            )
        if combine is not None:
            raise ArgumentError(f"combine is for plain functions: {f!r} puts its own results together")
        return True
    if not callable(f):
        raise ArgumentError(f"{use} takes a ufunc or a function, got {type(f).__name__}")
    if combine is None:
        raise ArgumentError(
            f"'{name_of(f)}' is called with parts of the array: say by combine=g how two results are put together"
        )
    given = [name for name, value in only_of_ufuncs.items() if value is not None]
    if given:
        raise ArgumentError(f"{' and '.join(given)} are for ufuncs, and '{name_of(f)}' is a plain function")
    return False


def loop_of(kind: np.dtype[Any]) -> np.dtype[Any] | None:
    """Return what a ufunc is told to work on values of this type: nothing for times, whose unit is not to be said."""
    return None if kind.kind in "mM" else kind


def divides_exactly(f: np.ufunc, kind: np.dtype[Any]) -> bool:
    """Tell whether parts of an axis say what the whole does, but for rounding.

    Products of floats do not: that of a part may be too large or too small for the type where that of the whole is not.
    """
    return f is not np.multiply or kind.kind not in "fc"


def left_range(f: Any, values: Any) -> bool:
    """Tell whether sums of a part, of which `values` are the last, may be beyond the type where the whole's are not."""
    return f is np.add and values.dtype.kind in "fc" and not np.isfinite(values).all()
