"""Faults while a worker starts: the interpreter is a program that does something else first."""

from __future__ import annotations

import sys

import pytest
from fronts import TOTALS, Local, settled

import beringia
from beringia.errors import InterpreterError

DEADLY = {
    "is killed": ("kill -9 $$", "was killed by SIGKILL"),
    "crashes": ("kill -SEGV $$", "was killed by SIGSEGV"),
    "exits": ("echo no licence >&2; exit 3", "no licence"),
    "is no Python": ('exec cat "$@"', "exited with code 1"),
}
HARMLESS = {
    "prints without end": "yes | head -c 100000000; yes | head -c 100000000 >&2",
    "has ignored signals": "trap '' TERM INT HUP CHLD",
    "has no memory to spare": "ulimit -v 4000000",
    "has a child that stays": "sleep 600 &",
}
STAGE = "at the start of a worker"


@pytest.fixture
def interpreter(tmp_path):
    """Make a program that does `first`, and then is Python."""

    def interpreter(first):
        path = tmp_path / "python"
        path.write_text(f'#!/bin/bash\n{first}\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        return str(path)

    return interpreter


@pytest.fixture
def runs(front, monkeypatch):
    """Run a job in workers of another interpreter."""

    def runs(program, f=lambda x: float(x.sum())):
        if front.name == "local":
            monkeypatch.setattr(sys, "executable", program)
            with beringia.Pool(workers=2) as pool:  # which takes these workers with it
                return Local(pool).run(f)
        front.session.conf.set("spark.beringia.python", program)
        try:
            return front.run(f)
        finally:
            front.session.conf.unset("spark.beringia.python")

    yield runs
    monkeypatch.undo()
    front.check()
    assert settled(lambda: front.zombies() == [])


@pytest.mark.parametrize("fault", DEADLY)
def test_a_worker_that_does_not_start_says_why(runs, interpreter, fault, front, record):
    first, says = DEADLY[fault]
    program = interpreter(first)
    with pytest.raises(InterpreterError) as caught:
        runs(program)
    assert says in str(caught.value)
    assert "before it was ready" in str(caught.value)
    assert program in str(caught.value)
    record(fault, STAGE, front.name)


@pytest.mark.parametrize("fault", HARMLESS)
def test_a_worker_that_starts_in_spite_of_it_works(runs, interpreter, fault, front, record):
    assert runs(interpreter(HARMLESS[fault])) == TOTALS
    record(fault, STAGE, front.name)


def test_a_worker_that_hangs_as_it_starts_is_given_up(
    interpreter, monkeypatch, nothing_stays, gone, find_workers, record
):
    before = set(find_workers())
    program = interpreter("sleep 600")
    with beringia.Pool(workers=1, worker_start_timeout="1s") as pool:
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(InterpreterError, match="did not get ready within 1s"):
            Local(pool).run(lambda x: 0.0)
        monkeypatch.undo()
        Local(pool).check()
    assert set(gone(before)) <= before
    record("hangs", STAGE, "local")
