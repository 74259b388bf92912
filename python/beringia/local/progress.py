"""A bar of the rows done, where somebody is there to see it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_DELAY = 2.0
"""Seconds before a bar appears by itself."""


@contextmanager
def bar(wanted: bool | None) -> Iterator[Callable[[int, int], None] | None]:
    """Yield what the engine calls with the rows done and their number; None where nothing is to be shown.

    Parameters
    ----------
    wanted : bool, optional
        Whether to show a bar; if None, when the work takes long and standard error is a terminal.
    """
    if wanted is False or (wanted is None and not sys.stderr.isatty()):
        yield None
        return
    from tqdm import tqdm

    started = time.monotonic()
    shown: list[tqdm] = []

    def show(done: int, total: int) -> None:
        if not shown:
            if wanted is None and (time.monotonic() - started < _DELAY or done == total):
                return
            shown.append(tqdm(total=total, unit=" rows", unit_scale=True))
        shown[0].update(done - shown[0].n)

    try:
        yield show
    finally:
        for each in shown:
            each.close()
