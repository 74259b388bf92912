"""How a call runs, the same on every engine: checked."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from beringia._job import Policy
from beringia._window import Window
from beringia.errors import ArgumentError

ON_ERROR = ("raise", "null", "column")
PER = ("row", "batch", "partition")

_NUMBERS = (int, float, np.integer, np.floating)
_BYTES = re.compile(r"(\d+)\s*([kmgt]?)b?", re.IGNORECASE)


def policy(on_error: Any, timeout: Any) -> Policy:
    """Return what becomes of what goes wrong.

    Raises
    ------
    ArgumentError
        If one of them has no meaning.
    """
    if on_error not in ON_ERROR:
        raise ArgumentError(f"on_error is one of {', '.join(map(repr, ON_ERROR))}, got {on_error!r}")
    return Policy(on_error=on_error, timeout=seconds(timeout))


def seconds(timeout: Any) -> float | None:
    """Return what a call may take, None for no bound."""
    if timeout is None:
        return None
    if not isinstance(timeout, _NUMBERS) or isinstance(timeout, bool) or not 0 < timeout < math.inf:
        raise ArgumentError(f"timeout is a number of seconds above zero, got {timeout!r}")
    return float(timeout)


def mapping(writable: Any) -> str:
    """Return how workers see the data: as private copies where the function may write to its arguments."""
    return "private" if writable else "readOnly"


def check_per(per: Any) -> None:
    """Refuse what is no way to cut a table without groups.

    Raises
    ------
    ArgumentError
        If `per` is neither None nor one of :data:`PER`.
    """
    if per is not None and per not in PER:
        raise ArgumentError(f"per is one of {', '.join(map(repr, PER))}, got {per!r}")


def check_window(window: Window, *, kept: bool = False, ordered: bool = False, writable: bool = False) -> None:
    """Refuse what does not go together with windows.

    Raises
    ------
    ArgumentError
        If rows would be kept, ordered, or written to where others have them too.
    """
    if kept:
        raise ArgumentError("keep carries each row through once, and a row lies in any number of windows")
    if ordered:
        raise ArgumentError("order_by: the rows of a window come in the order of its column")
    if writable and window.overlaps:
        raise ArgumentError("writable: windows that overlap have rows in common. Write to a copy: x = x.copy()")


def batch_bytes(value: Any) -> int | None:
    """Return a size in bytes of what the user wrote, such as ``"16m"``; None stays None.

    Raises
    ------
    ArgumentError
        If it is no size above zero.
    """
    if value is None:
        return None
    found = _BYTES.fullmatch(value.strip()) if isinstance(value, str) else None
    if found:
        value = int(found[1]) << 10 * " kmgt".index(found[2].lower() or " ")
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ArgumentError(f"batch_bytes is a number of bytes above zero, or a text such as '16m', got {value!r}")
