"""A worker as others expect an executor's process to be: as :class:`multiprocessing.Process` is."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path


class Process:
    """A worker process.

    Attributes
    ----------
    pid : int
        Its id.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def terminate(self) -> None:
        """End it by SIGTERM."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._signal(signal.SIGKILL)

    def is_alive(self) -> bool:
        """Tell whether it runs."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, up to `timeout` seconds."""
        ends = None if timeout is None else time.monotonic() + timeout
        while self.is_alive() and (ends is None or time.monotonic() < ends):
            time.sleep(0.005)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
