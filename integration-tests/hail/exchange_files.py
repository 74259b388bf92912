"""The files that data go out and come in by: which of them this process has open, or in memory."""

import contextlib
from pathlib import Path


def shared_memory():
    """How much of our files this process has mapped."""
    found, size = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if not line.split()[0].endswith(":"):
            found = "beringia-exchange" in line
        elif found and line.startswith("Size:"):
            size += int(line.split()[1]) << 10
    return size


def open_files():
    """The descriptors of our files that this process has open."""
    found = set()
    for name in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if "beringia-exchange" in str(name.readlink()):
                found.add(name)
    return found
