"""What workers print and log, in this process: a thread hands it to :mod:`logging`, under ``beringia.worker``.

What functions print is always shown: on standard error, unless the logging of this process takes it.
"""

from __future__ import annotations

import atexit
import functools
import logging
import os
import sys
import threading

from beringia import _native

WORKERS = "beringia.worker"
_PRINTED = (f"{WORKERS}.stdout", f"{WORKERS}.stderr")
_LEVELS = {"ERROR": logging.ERROR, "WARN": logging.WARNING, "INFO": logging.INFO, "DEBUG": logging.DEBUG}


@functools.cache
def start() -> None:
    """Start the thread, once; it ends with this process, when the pools have been closed."""
    stopped = threading.Event()
    thread = threading.Thread(target=_pump, args=(stopped,), name="beringia-log", daemon=True)

    def stop() -> None:
        stopped.set()
        _native.wake_log()
        thread.join()

    thread.start()
    atexit.register(stop)


def level() -> int:
    """Return the lowest level that the logging of this process takes of workers."""
    return logging.getLogger(WORKERS).getEffectiveLevel()


def _pump(stopped: threading.Event) -> None:
    while not stopped.is_set():
        deliver(_native.drain_log(1.0))
    deliver(_native.drain_log(0.0))


def deliver(events: list[tuple[str, str, str]]) -> None:
    """Hand over events: level, name of the logger, message."""
    for name, logger, message in events:
        target, number = logging.getLogger(logger), _LEVELS.get(name, logging.DEBUG)
        if logger in _PRINTED and not (target.hasHandlers() and target.isEnabledFor(number)):
            print(message, file=sys.stderr)
        else:
            target.log(number, "%s", message)


os.register_at_fork(after_in_child=start.cache_clear)  # which has no such thread
