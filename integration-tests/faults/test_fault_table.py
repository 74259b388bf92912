"""Each fault of the table, at each of its stages, on each front: the error says what happened, the next job works, and
nothing stays.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
import strikes
from fronts import TOTALS, settled
from table import BETWEEN, CALL, FAULTS, LOADING, REPLY, STAGES

from beringia.errors import GroupError

STRUCK = 7  # the group at which the fault comes

CASES = [
    pytest.param(fault, stage, id=f"{fault.name}, {stage}")
    for stage in STAGES
    for fault in FAULTS
    if stage in fault.stages
]


def noted(strike, stamp, once):
    """`strike`, with a note of when and where it came; if `once`, in the first worker alone."""
    stamp = Path(stamp)

    def strikes():
        if once and stamp.exists():
            return
        note = stamp.with_name(f"{os.getpid()}")
        note.write_text(f"{time.monotonic()} {os.getpid()}")
        note.rename(stamp)
        strike()

    return strikes


def function_for(strike, stage):
    """A function whose jobs the strike hits at `stage`."""
    if stage == LOADING:
        return Loaded(strike)

    def strikes_at_seven(a, x):
        if a != STRUCK:
            return float(x.sum())
        if stage == REPLY:
            return Result(strike, x.sum())
        if stage == BETWEEN:
            threading.Timer(0.2, strike).start()
        else:
            strike()
        return float(x.sum())

    return strikes_at_seven


class Loaded:
    """A function that strikes when it is unpickled."""

    def __init__(self, strike):
        self.strike = strike

    def __reduce__(self):
        return _load, (self.strike,)

    def __call__(self, x): ...


def _load(strike):
    strike()
    return lambda x: float(x.sum())


class Result:
    """An integer that strikes when it is read."""

    def __init__(self, strike, value):
        self.strike, self.value = strike, value

    def __index__(self):
        self.strike()
        return int(self.value)


@pytest.mark.parametrize(("fault", "stage"), CASES)
def test_a_fault_is_named_and_leaves_nothing(front, fault, stage, stamp, fresh, record, find_segments):
    named = find_segments()
    expected = fault.error_at(stage)
    function = function_for(noted(fault.strike, str(stamp), once=expected is None), stage)
    if expected is None:
        assert front.run(function, timeout=fault.timeout) == TOTALS
        assert settled(stamp.exists)
        seconds = None
    else:
        with pytest.raises(expected) as caught:
            front.run(function, timeout=fault.timeout)
        moment = float(stamp.read_text().split()[0])
        seconds = time.monotonic() - moment - (fault.timeout or 0)
        if stage != REPLY or not issubclass(GroupError, expected):
            assert fault.says in str(caught.value)
        if isinstance(caught.value, GroupError) and stage == CALL and "between the calls" not in str(caught.value):
            assert f"a={STRUCK}" in caught.value.group
    front.check()
    assert set(front.run(lambda x: strikes.surroundings(), "string").values()) == fresh[front.name]

    pid = int(stamp.read_text().split()[1])
    if expected is not None and fault.error is not GroupError:
        assert settled(lambda: not Path(f"/proc/{pid}").exists()), "the process that failed is still there"
    assert settled(lambda: front.zombies() == []), front.zombies()
    assert settled(lambda: front.held() <= front.most), "descriptors stay"
    assert settled(lambda: find_segments() <= named), "named segments stay"
    record(fault.name, stage, front.name, seconds)
