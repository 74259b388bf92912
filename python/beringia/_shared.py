"""Arguments that all groups share: made once, and shown to every call."""

from __future__ import annotations

from typing import Any

import numpy as np


def frozen(value: Any) -> Any:
    """Make the arrays in a value read-only: every group is shown the same ones."""
    if isinstance(value, dict):
        return {name: frozen(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(map(frozen, value))
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
        if np.ma.getmask(value) is not np.ma.nomask:
            np.ma.getmask(value).flags.writeable = False
        if value.dtype == object:
            for item in np.asarray(value).flat:
                frozen(item)
    return value


def own(value: Any) -> Any:
    """Return the same arrays in dicts, and masked arrays, of their own, for one call."""
    if isinstance(value, dict):
        return {name: own(part) for name, part in value.items()}
    if isinstance(value, np.ma.MaskedArray):
        return value.view()  # else a mask may be put on the array that all calls share
    return tuple(map(own, value)) if isinstance(value, tuple) else value
