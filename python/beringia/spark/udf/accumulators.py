"""Accumulators of PySpark: what a task's functions add to them goes back beside results, as PySpark's worker sends it.

PySpark has one registry for a process, which is at one node of a task. Here functions of several nodes may take turns:
each has the registry while it runs.
"""

from __future__ import annotations

import io
import os
from typing import Any

from pyspark.accumulators import _accumulatorRegistry, pickleSer


class Accumulators:
    """Those that functions refer to, which were just unpickled; or will be, with what they refer to."""

    def __init__(self) -> None:
        self._registered: dict[int, Any] = dict(_accumulatorRegistry)
        # Where this worker is lost, what another one adds in its place is added to what this one did.
        self._adder = os.urandom(8)
        self._said = b""

    def enter(self) -> None:
        """Have the registry: the functions are about to run."""
        _accumulatorRegistry.clear()
        _accumulatorRegistry.update(self._registered)

    def added(self) -> bytes:
        """Return what was added so far, behind a number of who did; nothing where that was said before."""
        self._registered = dict(_accumulatorRegistry)
        stream = io.BytesIO()
        for number, accumulator in self._registered.items():
            pickleSer._write_with_length((number, accumulator._value), stream)
        added = stream.getvalue()
        if added == self._said:
            return b""
        self._said = added
        return self._adder + added
