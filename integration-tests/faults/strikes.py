"""What can happen to a worker: each of these is called in one, at some stage of a job."""

from __future__ import annotations

import ctypes
import locale
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

LONG = 600  # seconds: for ever, as far as a test is concerned


def killed():
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(LONG)


def crashes():
    ctypes.string_at(0)


def aborts():
    os.abort()


def ends_itself():
    os._exit(3)


def closes_every_descriptor():
    os.closerange(0, 4096)


def raises_system_exit():
    sys.exit(3)


def raises_keyboard_interrupt():
    raise KeyboardInterrupt


def wants_too_much_memory():
    np.empty(1 << 46)


def meets_a_limit_of_memory():
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), hard))
    bytearray(1 << 30)


def runs_out_of_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    kept = []
    while True:
        kept.append(os.open(os.devnull, os.O_RDONLY))


def loops():
    while True:
        pass


def holds_the_interpreter():
    ctypes.PyDLL(None).sleep(LONG)


def blocks_signals_and_sleeps():
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    time.sleep(LONG)


def starts_threads_that_stay():
    for _ in range(50):
        threading.Thread(target=time.sleep, args=(LONG,)).start()


def forks_and_both_return():
    os.fork()


def forks_a_child_that_stays():
    if os.fork() == 0:
        while True:
            time.sleep(LONG)


def forks_a_child_that_stays_and_dies():
    forks_a_child_that_stays()
    killed()


def prints_without_end():
    line = "x" * 100
    for _ in range(200_000):
        print(line)
    os.write(1, b"raw\n" * 10_000)
    chunk = b"y" * (1 << 20)
    for _ in range(100):
        os.write(2, chunk)


def replaces_the_streams():
    sys.stdout = sys.stderr = sys.stdin = None


def closes_the_streams():
    sys.stdout.close()
    os.close(1)
    os.close(2)


def changes_the_directory():
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)


def changes_signals():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0.3)  # kills a process that does not expect it
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])


def changes_numpy():
    np.seterr(all="raise")


def changes_the_locale():
    locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C")


def changes_the_limits():
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    os.umask(0o777)


def surroundings():
    """What a function finds in its process, as text: the same in every worker, whatever ran there before."""
    mask = os.umask(0)
    os.umask(mask)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM)
    kinds = [os.fstat(number).st_mode >> 12 for number in range(3)]
    return repr(
        (
            str(Path.cwd()),
            [type(stream).__name__ for stream in (sys.stdin, sys.stdout, sys.stderr)],
            kinds,
            [str(signal.getsignal(number)) for number in numbers],
            sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
            np.geterr(),
            locale.setlocale(locale.LC_ALL),
            mask,
            [resource.getrlimit(limit) for limit in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)],
        )
    )
