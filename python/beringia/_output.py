"""What a function prints, logs and warns of, as records for the log of the executor.

A record is one line of JSON behind a mark: level, logger, scope (the task, the function and the group that runs),
message. Records travel on the worker's standard output and error, which the executor reads all the time: a function
that writes much is never blocked by an executor that does something else. Lines without the mark, of C code, are taken
as they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import logging
import os
import sys
import threading
from collections.abc import Callable

MARK = "\x1e"
"""Begins a record: ASCII's record separator. The executor's side reads it: keep the two together."""

_LONGEST = 8_000  # characters of one message
_LEVELS = ((logging.ERROR, "ERROR"), (logging.WARNING, "WARN"), (logging.INFO, "INFO"), (logging.DEBUG, "DEBUG"))

Scope = Callable[[], str | None]


def install(scope: Scope) -> None:
    """Send what is printed, logged and warned of in this process to the executor.

    Parameters
    ----------
    scope : callable
        Returns what runs at the moment, as text, or None.
    """
    sys.stdout = Printed(1, "stdout", scope)
    sys.stderr = Printed(2, "stderr", scope)
    root = logging.getLogger()
    root.addHandler(LogHandler(scope))
    logging.captureWarnings(True)


def record(level: str, logger: str, scope: str | None, message: str) -> str:
    """Return the line of one record."""
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]}… ({len(message)} characters)"
    content = {"level": level, "logger": logger, "scope": scope, "message": message}
    return f"{MARK}{json.dumps(content, ensure_ascii=False)}\n"


class Printed(io.TextIOWrapper):
    """A standard stream whose lines are records; ``buffer`` and ``fileno`` are those of the descriptor."""

    def __init__(self, descriptor: int, name: str, scope: Scope) -> None:
        raw = open(descriptor, "wb", closefd=False)  # noqa: SIM115 (lives as long as the process)
        super().__init__(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)
        self._logger, self._scope = name, scope
        self._begun = ""  # a line without its end yet
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
            if len(self._begun) > _LONGEST:
                lines, self._begun = [*lines, self._begun], ""
            for line in lines:
                super().write(record("INFO", self._logger, self._scope(), line))
        return len(text)

    def flush(self) -> None:
        with self._lock:
            begun, self._begun = self._begun, ""
            if begun:
                super().write(record("INFO", self._logger, self._scope(), begun))
            super().flush()


class LogHandler(logging.Handler):
    """Sends the records of :mod:`logging`, also where the function replaced or closed the standard streams."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self._scope = scope
        self._descriptor: int = fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, 3)
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, entry: logging.LogRecord) -> None:
        level = next((name for number, name in _LEVELS if entry.levelno >= number), "TRACE")
        with contextlib.suppress(Exception):  # a log that cannot be written must not fail the function
            line = record(level, entry.name, self._scope(), self.format(entry))
            os.write(self._descriptor, line.encode("utf-8", "backslashreplace"))
