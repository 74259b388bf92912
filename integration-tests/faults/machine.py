"""Machines that lack something, for a process and all that it starts."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_MEMFD_CREATE = {"x86_64": 319, "aarch64": 279}


def forbid_memfd():
    """From now on the kernel refuses anonymous shared memory to this process and its children, as a sandbox may."""
    code = [
        (0x20, 0, 0, 0),  # load the number of the system call
        (0x15, 0, 1, _MEMFD_CREATE[platform.machine()]),  # if it is this one,
        (0x06, 0, 0, 0x00050000 | errno.EPERM),  # refuse it;
        (0x06, 0, 0, 0x7FFF0000),  # else allow it
    ]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SET_SECCOMP, _FILTER, header, 0, 0)):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
