"""Ranks on Spark: collectives give what they give on this machine, and what would hang is an error that names ranks."""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np
import pytest

import beringia.spark
from beringia.collectives import CollectiveError
from beringia.errors import ArgumentError, GroupTimeoutError, ResourceError, WorkerDiedError


def test_collectives_and_messages_are_those_of_this_machine(spark):
    def f(comm, x, *, scale):
        x[0] = comm.rank  # its own
        own = x * scale
        turned = comm.alltoall([own + rank for rank in range(comm.size)])
        comm.send(own, 1 - comm.rank, tag=3)
        alone = comm.split(comm.rank)
        return {
            "rank": (comm.rank, comm.size, os.getpid()),
            "bcast": comm.bcast(own if comm.rank == 1 else None, root=1).sum(),
            "gather": comm.gather(comm.rank, root=1),
            "alltoall": [each.sum() for each in turned],
            "allreduce": (comm.allreduce(own, np.maximum)[0], comm.allreduce(comm.rank)),
            "scan": (comm.scan(comm.rank + 1), comm.exscan(comm.rank + 1)),
            "recv": comm.recv(source=1 - comm.rank, tag=3)[0],
            "split": (alone.size, alone.allgather(comm.rank)),
        }

    x = np.zeros(100_000)
    first, second = beringia.spark.spmd(f, 2, (x,), {"scale": 2.0})
    assert x.sum() == 0
    assert (first.pop("rank")[:2], second.pop("rank")[:2]) == ((0, 2), (1, 2))
    common = {"bcast": 2.0, "allreduce": (2.0, 1)}
    assert first == common | {
        "gather": None,
        "alltoall": [0.0, 2.0],
        "scan": (1, None),
        "recv": 2.0,
        "split": (1, [0]),
    }
    assert second == common | {
        "gather": [0, 1],
        "alltoall": [100_000.0, 100_002.0],
        "scan": (3, 1),
        "recv": 0.0,
        "split": (1, [1]),
    }


def test_a_step_costs_less_than_a_barrier_of_sparks(spark):
    def steps(comm):
        comm.barrier()
        started = time.perf_counter()
        for _ in range(20):
            comm.barrier()
        return (time.perf_counter() - started) / 20

    assert max(beringia.spark.spmd(steps, 2, spark=spark)) < 0.2  # one of Spark's takes a second


def stray(comm, what):
    if comm.rank == 1:
        match what:
            case "raises":
                raise ValueError("not today")
            case "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            case "returns":
                return
            case "other":
                comm.gather(1, root=0)
            case "much":
                comm.send(np.zeros(1_000_000), 0)
    if what == "forever":
        time.sleep(60)
    comm.barrier()


@pytest.mark.parametrize(
    ("what", "error", "match"),
    [
        ("forever", GroupTimeoutError, r"timeout of 2 s: rank 0 runs, rank 1 runs"),
        ("raises", ValueError, "not today"),
        ("dies", WorkerDiedError, "SIGKILL"),
        ("returns", CollectiveError, "rank 0 is at barrier, rank 1 has returned"),
        ("other", CollectiveError, "rank 0 is at barrier, rank 1 is at gather to rank 0"),
        ("much", ResourceError, "send to rank 0: this rank has 80.* at most 4194304 go in one step"),
    ],
)
def test_what_would_hang_is_an_error_that_names_the_ranks(spark, what, error, match):
    started = time.monotonic()
    timeout = 2.0 if what == "forever" else None
    with pytest.raises(error, match=match) as raised:
        beringia.spark.spmd(stray, 2, (what,), timeout=timeout)
    assert time.monotonic() - started < 30
    if sys.version_info >= (3, 11) and what != "forever":
        assert any("of 2 failed first" in note for note in raised.value.__notes__)


def test_a_run_whose_time_is_over_before_its_job_has_begun_ends(spark):
    started = time.monotonic()
    with pytest.raises(GroupTimeoutError, match=r"timeout of 0\.001 s"):
        beringia.spark.spmd(stray, 2, ("forever",), timeout=0.001)
    assert time.monotonic() - started < 30


def test_what_cannot_be_is_refused(spark):
    with pytest.raises(ArgumentError, match="3 ranks need as many tasks at once, and 2 can run"):
        beringia.spark.spmd(len, 3)
    with pytest.raises(ArgumentError, match="size is a number of ranks above zero, got 0"):
        beringia.spark.spmd(len, 0)
    with pytest.raises(ArgumentError, match="classic session of Spark, got str"):
        beringia.spark.spmd(len, 1, spark="spark")
    with pytest.raises(TypeError, match="cannot pickle"):
        beringia.spark.spmd(lambda comm, x: x, 1, (sys._getframe(),))
