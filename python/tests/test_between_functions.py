# ruff: noqa: NPY002 (the random state that functions share is what some of this is about)
"""What one function leaves in its worker, another does not find: each case leaves something, and looks for it."""

from __future__ import annotations

import asyncio
import contextlib
import decimal
import gc
import logging
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
import warnings

import numpy as np
import pyarrow as pa
import pytest

from beringia import Pool, numpy_map

ONE, TEXT = {"x": np.zeros(1)}, pa.schema({"y": pa.string()})


def said(f, pool):
    """What `f`, which gets `x`, returns in a worker of `pool`."""
    return numpy_map(lambda x: str(f()), ONE, TEXT, pool=pool)["y"][0].as_py()


def set_attribute(owner, name, value):
    return lambda: setattr(owner, name, value)


class Policy(asyncio.DefaultEventLoopPolicy):
    pass


def leave_zone():
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()


def policy():
    return type(asyncio.get_event_loop_policy()).__name__


def handlers():
    return [type(each).__name__ for each in logging.getLogger().handlers]


def collector():
    return gc.isenabled(), gc.get_threshold()


KINDS = {
    "filters of warnings": (lambda: warnings.simplefilter("error"), lambda: warnings.filters),
    "how warnings are shown": (set_attribute(warnings, "showwarning", print), lambda: warnings.showwarning.__name__),
    "how arrays are printed": (lambda: np.set_printoptions(precision=1, threshold=3), lambda: np.arange(2000) / 7),
    "error modes of NumPy": (lambda: np.seterr(all="raise"), np.geterr),
    "the buffer of ufuncs": (lambda: np.setbufsize(4096), np.getbufsize),
    "the decimal context": (lambda: setattr(decimal.getcontext(), "prec", 3), decimal.getcontext),
    "the recursion limit": (lambda: sys.setrecursionlimit(150), sys.getrecursionlimit),
    "the switch interval": (lambda: sys.setswitchinterval(1.0), sys.getswitchinterval),
    "a trace function": (lambda: threading.settrace(print), threading.gettrace),
    "the garbage collector": (lambda: [gc.disable(), gc.set_threshold(1)], collector),
    "hooks": (set_attribute(sys, "excepthook", print), lambda: sys.excepthook.__name__),
    "the level of the log": (lambda: logging.getLogger().setLevel(5), lambda: logging.getLogger().level),
    "handlers of the log": (lambda: logging.basicConfig(force=True), handlers),
    "a log that is off": (lambda: logging.disable(logging.CRITICAL), lambda: logging.root.manager.disable),
    "the time zone": (leave_zone, lambda: (os.environ.get("TZ"), time.tzname)),
    "a timer": (lambda: signal.setitimer(signal.ITIMER_VIRTUAL, 1000), lambda: signal.getitimer(signal.ITIMER_VIRTUAL)),
    "the timeout of sockets": (lambda: socket.setdefaulttimeout(3), socket.getdefaulttimeout),
    "the temporary directory": (set_attribute(tempfile, "tempdir", "/nowhere"), lambda: tempfile.tempdir),
    "the policy of event loops": (lambda: asyncio.set_event_loop_policy(Policy()), policy),
    "its cores": (lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}), lambda: os.sched_getaffinity(0)),
}  # fmt: skip


@pytest.fixture
def pool():
    with Pool(workers=1) as pool:
        yield pool


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_put_back(kind, pool):
    leave, look = KINDS[kind]
    new = said(look, pool)
    pid = said(os.getpid, pool)
    said(leave, pool)
    assert said(look, pool) == new
    assert said(os.getpid, pool) == pid


def test_it_stays_from_call_to_call_of_one_function(pool):
    def counts(k):
        sys.setrecursionlimit(sys.getrecursionlimit() + 1)
        return sys.getrecursionlimit()

    grown = numpy_map(counts, {"k": np.arange(3)}, pa.schema({"y": pa.int64()}), by="k", pool=pool)["y"].to_pylist()
    assert np.diff(grown).tolist() == [1, 1]


def draws():
    return random.random(), np.random.random()


def test_no_function_draws_what_another_drew_before(pool):
    def seeds():
        random.seed(0)
        np.random.seed(0)
        np.random.set_state(np.random.RandomState(0).get_state())
        with contextlib.suppress(AttributeError):
            np.random.set_bit_generator(np.random.PCG64(0))
        return draws()

    seeded = {said(seeds, pool)}
    drawn = [said(draws, pool), said(lambda: draws(), pool)]
    with Pool(workers=1) as other:
        drawn.append(said(draws, other))
    assert len({*drawn, *seeded}) == 4


def test_every_function_begins_anew_in_the_same_worker(pool):
    first = said(draws, pool)
    said(lambda: [random.seed(0), np.random.seed(0)], pool)
    again = said(draws, pool)
    assert first != again
