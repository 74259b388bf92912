"""Arguments that all groups share: made once, and shown to every call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from beringia._structs import Structs, Tuples, each


def frozen(value: Any) -> Any:
    """Make the arrays in a value read-only: every group is shown the same ones."""
    if isinstance(value, (Structs, Tuples)):
        return each(frozen, value)
    if isinstance(value, dict):
        return {name: frozen(part) for name, part in value.items()}
    if type(value) in (tuple, list):
        return type(value)(map(frozen, value))
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
        mask = np.ma.getmask(value)
        if mask is not np.ma.nomask and mask.any():
            mask.flags.writeable = False
        if value.dtype == object:
            for item in np.asarray(value).flat:
                frozen(item)
    return value


def own(value: Any) -> Any:
    """Return the same arrays in dicts, and masked arrays, of their own, for one call."""
    if isinstance(value, (Structs, Tuples)):
        return each(own, value)
    if isinstance(value, dict):
        return {name: own(part) for name, part in value.items()}
    if isinstance(value, np.ma.MaskedArray):
        view: Any = value.view()
        if np.ma.getmaskarray(view).flags.writeable:
            view.unshare_mask()  # else one call may mask values that all calls share
        return view
    return tuple(map(own, value)) if isinstance(value, tuple) else value


class Bound(functools.partial):  # type: ignore[type-arg] # of any function
    """A function with constants by name, whose arrays are read-only where it was sent to."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bound, (self.func, self.keywords)


def bound(function: Callable[..., Any], constants: dict[str, Any]) -> Bound:
    """Bind constants to a function, with their arrays read-only: what one group writes, the next would see."""
    return Bound(function, **{name: frozen(_fully_masked(value)) for name, value in constants.items()})


def _fully_masked(value: Any) -> Any:
    """Give a masked array a mask that is read-only too: where it has none, a call would make one for all others."""
    if not isinstance(value, np.ma.MaskedArray):
        return value
    value.mask = np.ma.getmaskarray(value)
    np.ma.getmask(value).flags.writeable = False
    return value
