"""Files in memory that this process makes and the JVM opens by name: nothing of them is left when the process ends.

On Linux such a file has no name but that of its descriptor (``memfd_create``); elsewhere it is a temporary one.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import weakref
from pathlib import Path

import pyarrow as pa


class SharedFile:
    """A file that is there until it is closed, or forgotten.

    Attributes
    ----------
    path : str
        What another process of this machine and user opens.
    inode : int
        Whether it is this file that is there: a descriptor's name is another file's when that one is closed.
    """

    path: str
    inode: int

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("beringia-exchange")
            self.path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
            temporary = None
        else:
            self._descriptor, self.path = tempfile.mkstemp(prefix="beringia-")
            temporary = self.path
        self.inode = os.fstat(self._descriptor).st_ino
        self.close = weakref.finalize(self, _remove, self._descriptor, temporary)

    def size(self) -> int:
        """Return how many bytes it has."""
        return os.fstat(self._descriptor).st_size

    def mapped(self) -> pa.Buffer:
        """Return what it holds, without a copy. The buffer outlives the file."""
        size = self.size()
        if size == 0:
            return pa.py_buffer(b"")
        # All its pages at once: one fault for each costs as much as the copy that comes next.
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        return pa.py_buffer(mmap.mmap(self._descriptor, size, flags, mmap.PROT_READ))


def _remove(descriptor: int, path: str | None) -> None:
    os.close(descriptor)
    if path is not None:
        Path(path).unlink(missing_ok=True)


def available_bytes() -> int:
    """Return how much memory this process may still take, by the machine and by its control group."""
    free = sys.maxsize
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
    limit, used = _lines("/sys/fs/cgroup/memory.max"), _lines("/sys/fs/cgroup/memory.current")
    if limit and used and limit[0] != "max":
        free = min(free, int(limit[0]) - int(used[0]))
    return free


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
