"""A real Spark for every test, and the promise that nothing stays behind.

Sessions in this process are ``local[2]``; other ways to start Spark run in processes of their own, by `run`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

import jvm
from session import setting

pytest.register_assert_rewrite("accelerated", "contract.case")

ROOT = Path(__file__).parents[1]
RUN = f"beringia-test-{uuid.uuid4().hex}"

# The environment of every JVM that the tests start, and through it of every worker: how leftovers are told apart
# from the processes of somebody else's Spark.
os.environ["BERINGIA_TEST_RUN"] = RUN
os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
os.environ.setdefault("SPARK_SUBMIT_OPTS", jvm.options())
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(Path(__file__).with_name("site")), os.environ.get("PYTHONPATH")])
)
for name in ("SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "PYSPARK_PYTHON"):
    os.environ.pop(name, None)
os.environ["JAVA_HOME"] = subprocess.run(
    [ROOT / "scripts" / "find_jdk.sh"], check=True, capture_output=True, text=True
).stdout.strip()


def workers() -> list[int]:
    """The worker processes of this test run that are alive."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if (
                process.name.isdigit()
                and b"\0beringia.worker\0" in (process / "cmdline").read_bytes()  # no JVM with settings of that name
                and RUN.encode() in (process / "environ").read_bytes()
            ):
                found.append(int(process.name))
        except OSError:  # ended meanwhile
            continue
    return sorted(found)


def segments() -> set[str]:
    """The named segments of Beringia on this machine, but for those of processes that are none of this test run's.

    Not the lease of a process that used some: an empty file, by which the next process knows that the first is gone.
    """
    shm = Path("/dev/shm")
    names = {path.name for path in shm.iterdir() if "beringia" in path.name} if shm.is_dir() else set()
    foreign = tuple(lease.removesuffix(".lease") + "-" for lease in _leases_of_others()) if names else ()
    return {name for name in names if not name.endswith((".lease", ".draft")) and not name.startswith(foreign)}


def _leases_of_others():
    """The leases that living processes of other test runs hold."""
    for process in Path("/proc").iterdir():
        try:
            if (
                process.name.isdigit()
                and process.name != str(os.getpid())
                and RUN.encode() not in (process / "environ").read_bytes()
            ):
                links = [str(entry.readlink()) for entry in (process / "fd").iterdir()]
                yield from (Path(link).name for link in links if link.startswith("/dev/shm/beringia-"))
        except OSError:  # ended meanwhile
            continue


def stayed(others: set[int], seconds: float = 20.0) -> list[int]:
    """Wait until there is no worker but `others`; returns those that there are in the end."""
    deadline = time.monotonic() + seconds
    while set(workers()) - others and time.monotonic() < deadline:
        time.sleep(0.1)
    return workers()


@pytest.fixture(scope="session")
def nothing_stays():
    """At the end of the session, when every JVM of the tests has stopped: no worker, no segment."""
    before = segments()
    yield
    assert stayed(set()) == []
    assert segments() - before == set()


@pytest.fixture(scope="session")
def find_workers():
    return workers


@pytest.fixture(scope="session")
def find_segments():
    return segments


@pytest.fixture(scope="session")
def gone():
    return stayed


@pytest.fixture(scope="session")
def settings(tmp_path_factory):
    """What every session of the tests sets, beside Beringia's own."""
    return {
        "spark.driver.memory": "1g",
        "spark.sql.shuffle.partitions": "3",
        "spark.sql.session.timeZone": "America/New_York",  # times must be instants in UTC all the same
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }


@pytest.fixture(scope="session")
def spark(nothing_stays, settings):
    """A session with the plugin, ``local[2]``."""
    from pyspark.sql import SparkSession

    import beringia.spark

    builder = SparkSession.builder.master("local[2]").appName("beringia tests")
    session = builder.config(map=beringia.spark.conf(**settings)).getOrCreate()
    session.sparkContext.pythonExec = sys.executable  # for PySpark's own UDFs, which on Spark 4.2 need pyarrow
    yield session
    session.stop()


@pytest.fixture
def conf(spark):
    """Set settings of the session, for a test."""
    with contextlib.ExitStack() as stack:
        yield lambda name, value: stack.enter_context(setting(spark, **{name: value}))


@pytest.fixture(scope="session")
def run(nothing_stays, tmp_path_factory):
    """Run a program in a process of its own; returns what it printed. Fails with all its output if it fails."""

    def run(program, *, command=(sys.executable,), env=None, timeout=300, check=True):
        directory = tmp_path_factory.mktemp("program")
        path = directory / "program.py"
        path.write_text(program, encoding="utf-8")
        done = subprocess.run(
            [*map(str, command), str(path)],
            cwd=directory,
            env={**os.environ, "SPARK_WORKER_DIR": str(directory / "work"), **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
            return done.stdout
        return done

    return run


@pytest.fixture(scope="session")
def collected():
    """The rows of a DataFrame as tuples, in an order that does not depend on the engine's."""

    def collected(df):
        return sorted((tuple(row) for row in df.collect()), key=repr)

    return collected
