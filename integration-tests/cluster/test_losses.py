"""Hosts that go while a job runs: results stay right, and nothing else stays."""

from __future__ import annotations

import signal

import pytest
from programs import HEAD

import standalone

pytestmark = pytest.mark.slow

FIRST, SECOND = standalone.HOSTS

GOES = """
spark = session(**{"spark.decommission.enabled": "true"})
here = pathlib.Path.cwd()

def slow(g, x):
    time.sleep(0.2)
    mark = here / "struck"
    if host() == "127.0.0.3" and not mark.exists():
        mark.touch()
        os.kill(DAEMON, STRIKE)
        time.sleep(3)
    return x.sum()

rows = numpy_map(slow, data(spark).groupBy("g"), "y double").collect()
print({r.g: r.y for r in rows} == EXPECTED, (here / "struck").exists(), flush=True)
deadline = time.monotonic() + 60
while hosts(spark) != ["127.0.0.2"] and time.monotonic() < deadline:
    time.sleep(0.5)
print(hosts(spark), flush=True)
rows = numpy_map(lambda x: x.sum(), data(spark).groupBy("g"), "y double").collect()
print({r.g: r.y for r in rows} == EXPECTED)
spark.stop()
"""


@pytest.fixture
def cluster(nothing_stays, tmp_path):
    with standalone.started(tmp_path, settings={"spark.decommission.enabled": "true"}) as cluster:
        yield cluster


@pytest.mark.parametrize("strike", [signal.SIGKILL, signal.SIGPWR], ids=["lost", "decommissioned"])
def test_a_host_that_goes(run, cluster, find_workers, gone, strike):
    workers = set(find_workers())
    program = HEAD + f"DAEMON, STRIKE = {cluster.daemons[SECOND].pid}, {int(strike)}\n" + GOES
    assert run(program, env={"MASTER": cluster.url}, timeout=200).splitlines() == ["True True", f"['{FIRST}']", "True"]
    assert set(gone(workers)) <= workers


COMES_AND_GOES = """
spark = session(**{
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.timeout": "2s",
    "spark.dynamicAllocation.executorIdleTimeout": "2s",
})

def where(x):
    time.sleep(0.3)  # for a second executor to be asked for
    return x.sum(), os.getppid()

for _ in range(2):
    rows = numpy_map(where, data(spark).groupBy("g"), "total double, executor long").collect()
    print({r.g: r.total for r in rows} == EXPECTED, len({r.executor for r in rows}), flush=True)
    deadline = time.monotonic() + 60
    while hosts(spark) and time.monotonic() < deadline:
        time.sleep(0.5)
    print(hosts(spark), flush=True)
spark.stop()
"""


def test_executors_that_are_asked_for_and_given_back(run, cluster, find_workers, gone):
    workers = set(find_workers())
    printed = run(HEAD + COMES_AND_GOES, env={"MASTER": cluster.url}, timeout=200).splitlines()
    assert printed == ["True 2", "[]"] * 2
    assert set(gone(workers)) <= workers
