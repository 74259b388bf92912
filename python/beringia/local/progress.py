"""A bar of the rows or calls done, where somebody is there to see it: at a terminal, and in a notebook."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from beringia.errors import ArgumentError

F = TypeVar("F", bound="Future[Any]")

_DELAY = 2.0
"""Seconds before a bar appears by itself."""


@contextmanager
def bar(wanted: bool | None, unit: str = " rows") -> Iterator[Callable[[int, int | None], None] | None]:
    """Yield what is called with how much is done, and of how much if that is known; None where nothing is to be shown.

    Parameters
    ----------
    wanted : bool, optional
        Whether to show a bar; if None, when the work takes long, at a terminal or in a notebook.
    unit : str
        What is counted.

    Raises
    ------
    ArgumentError
        If a bar is wanted, and tqdm is not installed.
    """
    if wanted is False or (wanted is None and not (sys.stderr.isatty() or _in_notebook())):
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        if wanted:
            raise ArgumentError("progress=True needs tqdm: pip install tqdm") from None
        yield None
        return
    started = time.monotonic()
    shown: list[tqdm] = []

    def show(done: int, total: int | None) -> None:
        if not shown:
            if wanted is None and (time.monotonic() - started < _DELAY or done == total):
                return
            shown.append(tqdm(total=total, unit=unit, unit_scale=True))
        shown[0].update(done - shown[0].n)

    try:
        yield show
    finally:
        for each in shown:
            each.close()


def _in_notebook() -> bool:
    """Tell whether a kernel of Jupyter runs this, whose standard error is no terminal."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in shell.config


class Tally:
    """Counts futures that are done, each once and from any thread, for a bar.

    Parameters
    ----------
    show : callable
        What :func:`bar` yields; None to count nothing.
    total : int, optional
        How much there will be.
    """

    def __init__(self, show: Callable[[int, int | None], None] | None, total: int | None) -> None:
        self._show, self._total = show, total
        self._weights: dict[Future[Any], int] = {}
        self._done, self._lock = 0, threading.Lock()

    def expect(self, future: F, weight: int) -> F:
        """Count `weight` when the future is done; returns it."""
        if self._show is not None:
            self._weights[future] = weight
            future.add_done_callback(self.count)
        return future

    def count(self, future: Future[Any]) -> None:
        """Count a future that is done now, if that has not happened."""
        if self._show is None:
            return
        with self._lock:
            self._done += self._weights.pop(future, 0)
            self._show(self._done, self._total)
