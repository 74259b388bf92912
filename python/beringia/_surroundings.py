"""What functions share in a worker beside their own modules: put back before another function runs there.

A function may change the working directory, the standard streams, signals, the locale, the limits of its process, or
the state of Python and NumPy, and finds them so at its next call; the next function finds what a new worker has.
"""

from __future__ import annotations

import contextlib
import fcntl
import locale
import os
import resource
import signal
import sys
from collections.abc import Callable

from beringia import _process_state

_LIMITS = tuple(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))


class Surroundings:
    """The state of this process, taken when it is made."""

    def __init__(self) -> None:
        self._directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
        self._streams = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
        self._descriptors = {number: fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3) for number in range(3)}
        self._handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        self._blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        self._locale = locale.setlocale(locale.LC_ALL)
        self._mask = os.umask(0o077)
        os.umask(self._mask)
        self._limits = {limit: resource.getrlimit(limit)[0] for limit in _LIMITS}
        self._state = _process_state.kept()

    def restore(self) -> None:
        """Put it back, as far as that can be done."""
        steps: list[Callable[[], object]] = [
            self._restore_limits,
            lambda: os.fchdir(self._directory),
            self._restore_descriptors,
            self._restore_signals,
            lambda: locale.setlocale(locale.LC_ALL, self._locale),
            lambda: os.umask(self._mask),
            *self._state,
        ]
        for name, stream in self._streams.items():
            setattr(sys, name, stream)
        for step in steps:
            # What cannot be put back (a lowered hard limit, a closed descriptor) is left to the next function.
            with contextlib.suppress(Exception):
                step()

    def _restore_descriptors(self) -> None:
        for number, kept in self._descriptors.items():
            if not _is_same(number, kept):
                os.dup2(kept, number)

    def _restore_signals(self) -> None:
        for number, handler in self._handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)
        signal.set_wakeup_fd(-1)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)

    def _restore_limits(self) -> None:
        for limit, soft in self._limits.items():
            now, hard = resource.getrlimit(limit)
            if now != soft:
                resource.setrlimit(limit, (soft, hard))


def _is_same(one: int, other: int) -> bool:
    try:
        return os.path.samestat(os.fstat(one), os.fstat(other))
    except OSError:
        return False
