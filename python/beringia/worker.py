"""The entry of a worker process: ``python -m beringia.worker``, its channel on descriptor 0.

Owns the first moments of the process: it sheds what it inherited from the JVM (descriptors, blocked and
ignored signals), checks that its surroundings can run functions at all, and hands over to the Rust side.
Nothing here imports NumPy or the extension before the inherited descriptors are gone. A process that cannot
become a worker says why in one line on stderr and exits with :data:`UNUSABLE`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import os
import platform
import signal
import stat
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from beringia import _modules, _output

UNUSABLE = 86
"""Exit code: this Python cannot run functions. The executor's side reads it: keep the two together."""

CHANNEL_LOST = 87
"""Exit code: a function closed the descriptor of the channel. Known to the executor's side as well."""

_PYTHON_IGNORES = {signal.SIGPIPE, signal.SIGXFSZ}
"""Ignored by every Python process from its start, on purpose: writing to a closed pipe is an exception."""


def main() -> NoReturn:
    """Serve the executor whose socket is descriptor 0; never returns."""
    channel = adopt_channel()
    shed_descriptors()
    reset_signals()
    drop_working_directory()
    faulthandler.enable()
    run_worker, scope = load_native()
    _output.install(scope)
    _modules.watch()
    code = 0
    try:
        run_worker(channel)
    except OSError:
        code = CHANNEL_LOST
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the function may have closed it
            stream.flush()
    # Not sys.exit: threads and exit hooks of libraries that the function used must not hold the process.
    os._exit(code)


def adopt_channel() -> int:
    """Move the channel from descriptor 0 to one that no child inherits, and leave /dev/null in its place.

    Returns
    -------
    int
        The channel's new descriptor, at least 3, close-on-exec.
    """
    if not stat.S_ISSOCK(os.fstat(0).st_mode):
        _refuse("its standard input is no socket: workers are started by Beringia, not by hand")
    channel: int = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 3)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return channel


def shed_descriptors() -> list[int]:
    """Close every descriptor from 3 on that was inherited, so that no worker holds its executor's ports open.

    What was inherited over ``exec`` cannot have the close-on-exec flag, and whatever Python opened since
    does have it.

    Returns
    -------
    list of int
        The descriptors that were closed.
    """
    listing = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    closed = []
    for fd in sorted(int(name) for name in os.listdir(listing)):  # noqa: PTH208 (names, not paths)
        if fd < 3:
            continue
        try:
            if fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC == 0:
                os.close(fd)
                closed.append(fd)
        except OSError:  # the descriptor of the listing itself, gone by now
            continue
    return closed


def reset_signals() -> None:
    """Unblock every signal, and give those that the parent ignored their default action.

    SIGINT too: a worker is in a process group of its own and is not interrupted from a terminal; if the
    signal comes all the same, it ends the worker rather than raise KeyboardInterrupt in somebody's function.
    """
    for number in signal.valid_signals() - _PYTHON_IGNORES:
        if number == signal.SIGINT or signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def drop_working_directory() -> None:
    """Take the working directory, which ``-m`` puts first, off ``sys.path``: an executor's is anything.

    From Python 3.11 on, the variable that the executor sets does so from the very start; it is not for the
    processes that a function starts.
    """
    os.environ.pop("PYTHONSAFEPATH", None)
    if sys.path and sys.path[0] in ("", str(Path.cwd())) and not getattr(sys.flags, "safe_path", False):
        del sys.path[0]


def load_native() -> tuple[Callable[[int], None], _output.Scope]:
    """Import NumPy, then the extension.

    Returns
    -------
    tuple of callable
        :func:`beringia._native.run_worker` and :func:`beringia._native.scope`.
    """
    try:
        import numpy  # noqa: F401 (before the extension, for the clearer error)
    except Exception as error:
        _refuse(f"it cannot import NumPy: {type(error).__name__}: {error}")
    try:
        from beringia._native import run_worker, scope
    except Exception as error:
        _refuse(
            f"it cannot load the extension of beringia ({type(error).__name__}: {error}). "
            "The package must be installed for this version of Python."
        )
    return run_worker, scope


def _refuse(reason: str) -> NoReturn:
    line = f"Python {platform.python_version()} at {sys.executable} cannot be a worker: {reason}"
    print(" ".join(line.split()), file=sys.stderr, flush=True)
    os._exit(UNUSABLE)


if __name__ == "__main__":
    main()
