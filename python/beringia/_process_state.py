"""The global state of Python and NumPy, as a list of what can be taken and put back."""

from __future__ import annotations

import contextlib
import decimal
import faulthandler
import gc
import logging
import os
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[], object]


def kept() -> list[Step]:
    """Take the state of this process.

    Returns
    -------
    list of callable
        Each puts one part of it back. Any may fail alone.
    """
    return [*_attributes(), *_interpreter(), *_numbers(), *_logs(), *_of_modules_that_may_come(), _time_zone()]


def reseed() -> None:
    """Begin random numbers anew, from the system's entropy: other ones in each worker and for each function."""
    random.seed()
    np.random.seed()  # noqa: NPY002 (the state that functions share is what this is about)


def _attributes() -> list[Step]:
    owners: list[tuple[Any, str]] = [
        *((sys, name) for name in ("excepthook", "displayhook", "unraisablehook", "breakpointhook")),
        (threading, "excepthook"),
        *((warnings, name) for name in ("showwarning", "formatwarning")),
        (logging, "raiseExceptions"),
    ]
    return [_putter(setattr, owner, name, getattr(owner, name)) for owner, name in owners]


def _interpreter() -> list[Step]:
    filters = list(warnings.filters)

    def restore_filters() -> None:
        warnings.resetwarnings()  # forgets what was shown once, as a change of the list alone would not
        warnings.filters[:] = filters  # type: ignore[index]

    steps = [
        _putter(sys.setrecursionlimit, sys.getrecursionlimit()),
        _putter(sys.setswitchinterval, sys.getswitchinterval()),
        _putter(sys.settrace, None),
        _putter(sys.setprofile, None),
        _putter(threading.settrace, None),
        _putter(threading.setprofile, None),
        _putter(gc.set_threshold, *gc.get_threshold()),
        _putter(gc.set_debug, gc.get_debug()),
        gc.enable,
        faulthandler.cancel_dump_traceback_later,
        restore_filters,
    ]
    if hasattr(sys, "set_int_max_str_digits"):
        steps.append(_putter(sys.set_int_max_str_digits, sys.get_int_max_str_digits()))
    if faulthandler.is_enabled():
        steps.append(faulthandler.enable)
    if hasattr(os, "sched_setaffinity"):
        steps.append(_putter(os.sched_setaffinity, 0, os.sched_getaffinity(0)))
    return steps


def _numbers() -> list[Step]:
    printed, context, errors = np.get_printoptions(), decimal.getcontext().copy(), np.geterr()
    steps: list[Step] = [
        lambda: np.set_printoptions(**printed),
        _putter(np.setbufsize, np.getbufsize()),
        _putter(np.seterrcall, np.geterrcall()),
        lambda: np.seterr(**errors),
        lambda: decimal.setcontext(context.copy()),
    ]
    if hasattr(np.random, "set_bit_generator"):
        steps.append(_putter(np.random.set_bit_generator, np.random.get_bit_generator()))  # type: ignore[attr-defined]
    return [*steps, reseed]


def _logs() -> list[Step]:
    root = logging.getLogger()
    handlers, filters = list(root.handlers), list(root.filters)

    def restore() -> None:
        logging.disable(logging.NOTSET)
        root.handlers[:], root.filters[:], root.disabled = handlers, filters, False

    return [restore, _putter(logging.setLogRecordFactory, logging.getLogRecordFactory())]


def _of_modules_that_may_come() -> list[Step]:
    """Put back what modules have by themselves that nothing has imported yet."""

    def restore_sockets() -> None:
        if "socket" in sys.modules:
            sys.modules["socket"].setdefaulttimeout(None)

    def restore_temporary_directory() -> None:
        if "tempfile" in sys.modules:
            sys.modules["tempfile"].tempdir = None  # type: ignore[attr-defined]

    def restore_event_loops() -> None:
        if "asyncio" in sys.modules and sys.version_info < (3, 14):
            sys.modules["asyncio"].set_event_loop_policy(None)

    return [restore_sockets, restore_temporary_directory, restore_event_loops]


def _time_zone() -> Step:
    zone = os.environ.get("TZ")

    def restore() -> None:
        if os.environ.get("TZ") != zone:
            os.environ.pop("TZ", None)
            if zone is not None:
                os.environ["TZ"] = zone
        with contextlib.suppress(AttributeError):  # not everywhere
            time.tzset()

    return restore


def _putter(put: Callable[..., object], *value: Any) -> Step:
    return lambda: put(*value)
