"""The fronts under test, and the figures of the run, for docs/failure-model.md."""

from __future__ import annotations

import json
import time
from pathlib import Path

import fronts
import pytest
import strikes

import beringia
import standalone

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "build" / "faults.json"


@pytest.fixture(scope="session")
def record():
    """Note one fault that was injected and survived: its name, stage and front, and seconds from death to error."""
    survived = {}

    def record(fault, stage, front, seconds=None):
        survived[f"{fault}, {stage}, {front}"] = seconds

    yield record
    known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps({**known, **survived}, indent=1), encoding="utf-8")


@pytest.fixture(scope="session")
def local(nothing_stays):
    with beringia.Pool(workers=2, worker_cancel_grace="200ms") as pool:
        yield fronts.Local(pool)
    assert fronts.settled(lambda: fronts.Local(None).zombies() == [])


@pytest.fixture(scope="session")
def fresh():
    """What a function finds in a worker that has run nothing else, on each front."""
    return {}


@pytest.fixture(scope="session", params=["local", "Spark"])
def front(request, fresh):
    front = (
        request.getfixturevalue("local") if request.param == "local" else fronts.Spark(request.getfixturevalue("spark"))
    )
    for _ in range(3):
        front.check()
    front.most = front.held() + 24  # two workers, their segments, and idle ones: a leak in each case is far more
    fresh.setdefault(front.name, set(front.run(lambda x: strikes.surroundings(), "string").values()))
    return front


@pytest.fixture
def stamp(tmp_path):
    """A file that a strike writes the time and its process to, and what it says."""
    return tmp_path / "struck"


@pytest.fixture
def since():
    """Seconds since a moment of the monotonic clock, which all processes share."""
    return lambda moment: time.monotonic() - moment


@pytest.fixture(scope="session")
def cluster(nothing_stays, tmp_path_factory):
    """The URL of a Spark cluster of two workers, of one core each.

    The workers have two addresses of this machine: Spark starts no copy of a slow task on the host of the first, and
    all workers of a ``local-cluster`` are on one.
    """
    with standalone.started(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster.url
