"""A function in a thread of its own that takes turns with another thread: one of the two runs at any time."""

from __future__ import annotations

import threading
from collections.abc import Callable

_PATIENCE = 5.0
"""Seconds for the cleaning up of a function that was left behind."""


class LeftBehind(BaseException):
    """Nobody waits for the function any more; raised within it."""


class Turns:
    """The turns of one function.

    Parameters
    ----------
    function : callable
        Runs in the thread, which has the turn first when :meth:`go_on` is called. What it raises, nobody sees.
    name : str
        Of the thread.
    """

    def __init__(self, function: Callable[[], object], name: str) -> None:
        self._function = function
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._goes, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._is_left = False

    def go_on(self) -> None:
        """Let the function run until it stands, or is over."""
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._goes.release()
        self._stands.acquire()

    def stand(self) -> None:
        """Let the other thread run until it wants this one to go on; called within the function."""
        if not self._is_left:  # or it cleans up, and nobody will want it to go on
            self._stands.release()
            self._goes.acquire()
        if self._is_left:
            raise LeftBehind

    def leave(self) -> None:
        """End the function, wherever it stands."""
        self._is_left = True
        if self._thread.ident is not None:
            self._goes.release()
            self._thread.join(_PATIENCE)

    def _run(self) -> None:
        try:
            self._function()
        finally:
            self._stands.release()
