"""Series, frames and indices of pandas, made of what they hold.

pandas' own ways look first at what they are given, and take twice as long. What is set here is what they set; who uses
this compares what comes of it with an object that pandas made (`has_state_of`).
"""

from __future__ import annotations

from typing import Any

import pandas as pd


class Maker:
    """What makes series, or frames, of their managers as ``_from_mgr`` does.

    Parameters
    ----------
    like : pandas.Series or pandas.DataFrame
        One of the same class.
    """

    def __init__(self, like: Any) -> None:
        self._class = type(like)
        state = vars(self._class._from_mgr(like._mgr, like._mgr.axes))
        self._flags: Any = type(state["_flags"])
        self._empty = {name: value for name, value in state.items() if value is None}
        self._dicts = [name for name, value in state.items() if value == {}]

    def make(self, manager: Any) -> Any:
        """Return a frame, or a series, which has no name yet."""
        made = object.__new__(self._class)
        state = made.__dict__
        state.update(self._empty)
        for own in self._dicts:
            state[own] = {}
        state["_mgr"] = manager
        state["_flags"] = self._flags(made, allows_duplicate_labels=True)
        return made


def index_of(rows: range) -> Any:
    """Return the index of so many rows."""
    return pd.RangeIndex._simple_new(rows, name=None)  # type: ignore[attr-defined, unused-ignore]


def has_state_of(one: Any, other: Any) -> bool:
    """Tell whether two series, or frames, are of one class, which has set the same of both."""
    return type(one) is type(other) and vars(one).keys() == vars(other).keys() and type(one._mgr) is type(other._mgr)
