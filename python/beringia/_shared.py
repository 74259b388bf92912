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
        mask = np.ma.getmask(value)
        if mask is not np.ma.nomask and mask.any():
            mask.flags.writeable = False
        if value.dtype == object:
            for item in np.asarray(value).flat:
                frozen(item)
    return value


def own(value: Any) -> Any:
    """Return the same arrays in dicts, and masked arrays, of their own, for one call."""
    if isinstance(value, dict):
        return {name: own(part) for name, part in value.items()}
    if isinstance(value, np.ma.MaskedArray):
        view: Any = value.view()
        if np.ma.getmaskarray(view).flags.writeable:
            view.unshare_mask()  # else one call may mask values that all calls share
        return view
    return tuple(map(own, value)) if isinstance(value, tuple) else value
