"""Processes that tests look for or end, and what lies in their memory."""

import os
import signal
from pathlib import Path


def die():
    """End the process that calls it."""
    os.kill(os.getpid(), signal.SIGKILL)


def marked(mark):
    """Processes that began with `mark` in their environment: workers, and what they forked."""
    found = set()
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and mark in (process / "environ").read_bytes().decode():
                found.add(int(process.name))
        except OSError:  # ended meanwhile
            continue
    return found


def inode_of(x):
    """This process, and which file of shared memory an array lies in: 0 for none."""
    address = x.ctypes.data
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, _, _, inode, *_ = line.split()
        start, end = (int(each, 16) for each in span.split("-"))
        if start <= address < end:
            return os.getpid(), int(inode)
    raise AssertionError("it lies nowhere")
