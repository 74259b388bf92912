"""Ranks: collectives give what mpi4py's give, and what would hang is an error that names the ranks."""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

import beringia
from beringia.collectives import CollectiveError
from beringia.errors import ArgumentError, GroupTimeoutError, ResourceError, WorkerDiedError

SIZE = 3


@pytest.fixture(scope="module")
def pool():
    with beringia.Pool(SIZE) as pool:
        beringia.spmd(lambda comm: comm.barrier(), pool=pool)
        yield pool


@pytest.fixture(params=["small", "large"])
def width(request):
    """Of arrays: within a message, and in shared memory."""
    return {"small": 3, "large": 100_000}[request.param]


def run(pool, f, *args):
    return beringia.spmd(f, SIZE, args, pool=pool)


def test_every_rank_knows_itself_and_returns(pool):
    ranks = run(pool, lambda comm, x: (comm.rank, comm.Get_rank(), comm.size, comm.Get_size(), repr(comm), x), "x")
    assert ranks == [(rank, rank, SIZE, SIZE, f"<rank {rank} of {SIZE}>", "x") for rank in range(SIZE)]


def test_data_go_from_and_to_a_root(pool, width):
    def f(comm, width):
        own = np.full(width, float(comm.rank))
        came = comm.bcast(own if comm.rank == 1 else None, root=1)
        came += 1  # its own
        part = comm.scatter([own + rank for rank in range(comm.size)] if comm.rank == 2 else None, root=2)
        all_ = comm.gather(own, root=1)
        return came.mean(), part.mean(), None if all_ is None else [each.mean() for each in all_], own.mean()

    ranks = run(pool, f, width)
    # The root has what it gave.
    assert [rank[0] for rank in ranks] == [2, 2, 2]
    assert [rank[1] for rank in ranks] == [2, 3, 4]
    assert [rank[2] for rank in ranks] == [None, [0, 2, 2], None]


def test_data_go_from_all_to_all(pool, width):
    def f(comm, width):
        own = np.full(width, float(comm.rank))
        gathered = comm.allgather(own)
        turned = comm.alltoall([own * 10 + rank for rank in range(comm.size)])
        return [each.mean() for each in gathered], [each.mean() for each in turned]

    expected = [([0, 1, 2], [0 + rank, 10 + rank, 20 + rank]) for rank in range(SIZE)]
    assert run(pool, f, width) == expected


@pytest.mark.parametrize("op", [operator.add, np.maximum, lambda x, y: x - y], ids=["add", "maximum", "minus"])
def test_reductions_combine_in_the_order_of_ranks(pool, width, op):
    def f(comm, width, op):
        own = np.arange(width, dtype=float).reshape(-1, 1) + 10.0**comm.rank
        results = comm.reduce(own, op, root=1), comm.allreduce(own, op), comm.scan(own, op), comm.exscan(own, op)
        return [None if each is None else (each.shape, each[1, 0], each[-1, 0]) for each in results]

    ranks = run(pool, f, width, op)

    def combined(count):
        def at(index):
            value = index + 1.0
            for rank in range(1, count):
                value = op(value, index + 10.0**rank)
            return value

        return (width, 1), at(1), at(width - 1)

    for rank, (reduced, all_, scan, exscan) in enumerate(ranks):
        assert reduced == (combined(SIZE) if rank == 1 else None)
        assert all_ == combined(SIZE)
        assert scan == combined(rank + 1)
        assert exscan == (combined(rank) if rank else None)


def test_reductions_take_any_objects(pool):
    def f(comm):
        large = np.ones((2, 100_000)) if comm.rank else 1.0
        mixed = [comm.allreduce(each).sum() for each in (large, np.ones((2 if comm.rank else 1, 100_000)))]
        of_another_type = comm.allreduce(np.full(100_000, 4), np.true_divide)[-1]
        return comm.allreduce([comm.rank]), comm.allreduce(str(comm.rank)), mixed, of_another_type

    assert run(pool, f) == [([0, 1, 2], "012", [600_000, 600_000], 0.25)] * SIZE


def test_messages_are_received_by_sender_and_tag(pool, width):
    def f(comm, width):
        for tag in (1, 2):
            comm.send(np.full(width, 10.0 * comm.rank + tag), (comm.rank + 1) % comm.size, tag)
        second = comm.recv(source=(comm.rank - 1) % comm.size, tag=2)
        return second.mean(), comm.recv(source=-1).mean()

    assert run(pool, f, width) == [(22, 21), (2, 1), (12, 11)]


def test_groups_of_ranks_meet_apart(pool):
    def f(comm):
        even = comm.split(comm.rank % 2, key=-comm.rank)
        none = comm.Split(None if comm.rank == 0 else 0)
        return even.rank, even.allgather(comm.rank), None if none is None else none.allgather(comm.rank)

    assert run(pool, f) == [(1, [2, 0], None), (0, [1], [1, 2]), (0, [2, 0], [1, 2])]


def test_a_barrier_lets_none_go_before_all_are_there(pool, tmp_path):
    def f(comm, path):
        time.sleep(0.05 * comm.rank)
        (path / str(comm.rank)).touch()
        comm.barrier()
        return len(list(path.iterdir()))

    assert run(pool, f, tmp_path) == [SIZE] * SIZE


# What hangs with MPI.


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
                comm.gather(1, root=2)
            case "receives":
                comm.recv(source=2, tag=5)
    comm.barrier()


@pytest.mark.parametrize(
    ("what", "error", "match"),
    [
        ("raises", ValueError, "not today"),
        ("dies", WorkerDiedError, "SIGKILL"),
        ("returns", CollectiveError, "is at barrier.*rank 1 has returned|rank 1 has returned.*is at barrier"),
        ("other", CollectiveError, "rank 1 is at gather to rank 2"),
        ("receives", CollectiveError, "rank 0 is at barrier, rank 1 is at recv from rank 2 with tag 5, rank 2 is at"),
    ],
)
def test_a_rank_that_does_not_come_is_an_error_that_names_it(pool, what, error, match):
    started = time.monotonic()
    with pytest.raises(error, match=match) as raised:
        run(pool, stray, what)
    if sys.version_info >= (3, 11):
        assert any("failed first" in note for note in raised.value.__notes__)
    assert time.monotonic() - started < 20
    assert run(pool, lambda comm: comm.allreduce(1)) == [SIZE] * SIZE


@pytest.mark.parametrize(
    ("one", "other", "match"),
    [
        (lambda comm: comm.reduce(1), lambda comm: comm.gather(1), "at reduce to rank 0.*at gather to rank 0"),
        (lambda comm: comm.split(0), lambda comm: comm.allgather((0, 0)), "at split.*at allgather"),
        (lambda comm: comm.gather(1, 0), lambda comm: comm.gather(1, 1), "at gather to rank 0.*at gather to rank 1"),
        (lambda comm: comm.scan(1), lambda comm: comm.exscan(1), "at scan.*at exscan"),
        (lambda comm: comm.allreduce(1), lambda comm: comm.barrier(), "at allreduce.*at barrier"),
        (lambda comm: comm.barrier(), lambda comm: comm.split(0).barrier(), "at barrier.*at split"),
    ],
)
def test_ranks_at_different_collectives_are_an_error_that_names_both(pool, one, other, match):
    with pytest.raises(CollectiveError, match=match):
        beringia.spmd(lambda comm: one(comm) if comm.rank == 0 else other(comm), 2, pool=pool)


def test_ranks_that_go_on_after_one_has_failed_are_ended(pool):
    def f(comm):
        if comm.rank == 0:
            raise KeyError("gone")
        time.sleep(60)

    started = time.monotonic()
    with pytest.raises(KeyError, match="gone"):
        run(pool, f)
    assert time.monotonic() - started < 20


def test_a_run_has_a_time(pool):
    with pytest.raises(GroupTimeoutError, match=r"took longer than the timeout of 300ms.*rank 1 runs"):
        beringia.spmd(lambda comm: time.sleep(60), SIZE, pool=pool, timeout=0.3)


def test_messages_that_nobody_receives_are_bounded(pool):
    def f(comm):
        if comm.rank == 0:
            for number in range(2000):
                comm.send(number, 1)
        comm.barrier()

    with pytest.raises(ResourceError, match="1024 messages wait for rank 1"):
        run(pool, f)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda comm: comm.bcast(1, root=3), "no rank 3 among 3"),
        (lambda comm: comm.scatter([1]), "one item for each of 3 ranks, got 1"),
        (lambda comm: comm.send(1, 7), "no rank 7 among 3"),
        (lambda comm: comm, "belongs to its rank"),
    ],
)
def test_what_makes_no_sense_is_refused(pool, call, match):
    with pytest.raises(ArgumentError, match=match):
        run(pool, call)


def test_more_ranks_than_workers_are_refused(pool):
    with pytest.raises(ArgumentError, match=r"4 ranks need as many workers.*Pool\(4\)"):
        beringia.spmd(len, 4, pool=pool)
    with beringia.Pool(3, worker_max="2") as few, pytest.raises(ResourceError, match="3 workers at once"):
        beringia.spmd(len, 3, pool=few)


def test_an_interrupt_ends_a_run_and_leaves_nothing():
    source = """
        import os, signal, threading, time
        import beringia

        def f(comm):
            if comm.rank == 1:
                time.sleep(60)
            comm.barrier()

        with beringia.Pool(2, segment_backend="posix") as pool:
            processes = beringia.spmd(lambda comm: os.getpid(), pool=pool)
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                beringia.spmd(f, pool=pool)
            except KeyboardInterrupt:
                print("interrupted")
            print(sum(beringia.spmd(lambda comm: comm.rank, pool=pool)))
        print(*[pid for pid in processes if os.path.exists(f"/proc/{pid}")])
    """
    segments = {path.name for path in Path("/dev/shm").iterdir()}
    command = [sys.executable, "-c", textwrap.dedent(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "interrupted\n1\n\n", done.stderr
    assert "Traceback" not in done.stderr
    left = {path.name for path in Path("/dev/shm").iterdir()} - segments
    assert {name for name in left if "beringia" in name and not name.endswith(".lease")} == set()
