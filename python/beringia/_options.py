"""How a call runs, the same on every engine: checked, and written into the job's spec (docs/jvm-boundary.md)."""

from __future__ import annotations

import math
from typing import Any

from beringia.errors import ArgumentError

ON_ERROR = ("raise", "null", "column")


def spec(nan_as_null: Any, on_error: Any, writable: Any, timeout: Any) -> dict[str, Any]:
    """Return those fields of the job's spec that are not their defaults.

    Raises
    ------
    ArgumentError
        If one of them has no meaning.
    """
    if on_error not in ON_ERROR:
        raise ArgumentError(f"on_error is one of {', '.join(map(repr, ON_ERROR))}, got {on_error!r}")
    if timeout is not None and not (
        isinstance(timeout, (int, float)) and not isinstance(timeout, bool) and math.isfinite(timeout) and timeout > 0
    ):
        raise ArgumentError(f"timeout is a number of seconds above zero, got {timeout!r}")
    fields: dict[str, Any] = {}
    if nan_as_null:
        fields["nanAsNull"] = True
    if on_error != "raise":
        fields["onError"] = on_error
    if writable:
        fields["writable"] = True
    if timeout is not None:
        fields["timeout"] = float(timeout)
    return fields
