"""A standalone cluster of two hosts: the package on each of them, or brought along in an archive."""

from __future__ import annotations

import pytest
from programs import HEAD, environment

import standalone
from other_python import MINE, OTHER, other_python

FIRST, SECOND = standalone.HOSTS


@pytest.fixture(scope="module")
def cluster(nothing_stays, tmp_path_factory):
    """Each host has an environment of its own, on its ``PATH``; ``python-other`` is another Python on the second."""
    directory = tmp_path_factory.mktemp("hosts")
    hosts = {host: environment(directory / host) / "bin" for host in standalone.HOSTS}
    (hosts[FIRST] / "python-other").symlink_to("python3")
    (hosts[SECOND] / "python-other").symlink_to(other_python(directory))
    paths = {host: {"PATH": f"{programs}:/usr/bin:/bin"} for host, programs in hosts.items()}
    with standalone.started(tmp_path_factory.mktemp("cluster"), paths) as cluster:
        yield cluster


def test_the_package_on_each_host(run, cluster, find_workers, gone):
    workers = set(find_workers())
    program = (
        HEAD
        + """
spark = session(python="python3", **{"spark.task.maxFailures": "1"})

def where(x):
    time.sleep(0.1)  # for the tasks to spread
    return x.sum(), host(), sys.prefix

rows = numpy_map(where, data(spark).groupBy("g"), "total double, host string, prefix string").collect()
print({r.g: r.total for r in rows} == EXPECTED)
print(sorted({(r.host, pathlib.Path(r.prefix).name) for r in rows}))

# A module, a package in an archive: addPyFile brings them to both.
pathlib.Path("from_the_driver.py").write_text("def scale(x):\\n    return 2 * x\\n")
spark.sparkContext.addPyFile("from_the_driver.py")

def scaled(x):
    import from_the_driver
    return from_the_driver.scale(x).sum()

print({r.g: r.y / 2 for r in numpy_map(scaled, data(spark).groupBy("g"), "y double").collect()} == EXPECTED)

def raises(g, x):
    if g == 7:
        raise ValueError("only seven")
    return 0.0

try:
    numpy_map(raises, data(spark).groupBy("g"), "y double").collect()
except errors.GroupError as error:
    print("7" in error.group, "only seven" in error.traceback)

def dies(g, x):
    if g == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0.0

try:
    numpy_map(dies, data(spark).groupBy("g"), "y double").collect()
except errors.WorkerDiedError as error:
    print("SIGKILL" in str(error), "host 127.0.0." in str(error))

# The second host has a Python of another minor version under this name.
spark.conf.set("spark.beringia.python", "python-other")
try:
    numpy_map(where, data(spark).groupBy("g"), "total double, host string, prefix string").collect()
except errors.InterpreterError as error:
    print(error)
spark.conf.set("spark.beringia.python", "/nowhere/python")
try:
    numpy_map(where, data(spark).groupBy("g"), "total double, host string, prefix string").collect()
except errors.InterpreterError as error:
    print("/nowhere/python" in str(error))
spark.stop()
"""
    )
    *lines, refusal, nowhere = run(program, env={"MASTER": cluster.url}, timeout=120).splitlines()
    assert lines == ["True", str([(FIRST, FIRST), (SECOND, SECOND)]), "True", "True True", "True True"]
    assert f"on host {SECOND}, executor " in refusal
    assert OTHER in refusal
    assert MINE in refusal
    assert nowhere == "True"
    assert set(gone(workers)) <= workers


@pytest.mark.slow
def test_the_package_in_an_archive(run, cluster, packed, find_workers, gone):
    workers = set(find_workers())
    program = (
        HEAD
        + """
spark = session(python="./environment/bin/python", **{"spark.archives": os.environ["ARCHIVE"] + "#environment"})
found, there = executors.seen(spark)
print(len(found), there)

def where(x):
    time.sleep(0.1)
    return x.sum(), host(), sys.prefix

rows = numpy_map(where, data(spark).groupBy("g"), "total double, host string, prefix string").collect()
print({r.g: r.total for r in rows} == EXPECTED)
print(len({(r.host, r.prefix) for r in rows}), {pathlib.Path(r.prefix).name for r in rows})
spark.stop()
"""
    )
    lines = run(program, env={"MASTER": cluster.url, "ARCHIVE": str(packed)}, timeout=120).splitlines()
    assert lines == ["2 2", "True", "2 {'environment'}"]
    assert set(gone(workers)) <= workers
