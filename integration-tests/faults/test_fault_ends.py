"""However a driver, an executor or a JVM ends: no worker and no named segment stays, and a cluster goes on."""

from __future__ import annotations

import pytest

STAGE = "when the process that owns the workers ends"
BACKENDS = pytest.mark.parametrize("backend", ["memfd", "posix"])

SPARK = """
import os, signal, sys, threading, time
import beringia.spark
from beringia.spark import numpy_map
from pyspark.sql import SparkSession, functions as F

settings = {{"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "segment.backend": "{backend}"}}
spark = SparkSession.builder.master("local[2]").config(map=beringia.spark.conf(**settings)).getOrCreate()
jvm = spark._jvm.java.lang.ProcessHandle.current().pid()
numpy_map(lambda id: 1, spark.range(9).groupBy(), "y int").collect()
print("ran", flush=True)
def run_for_ever():
    numpy_map(lambda id: time.sleep(600), spark.range(9).groupBy(), "y int").collect()
"""
LOCAL = """
import os, signal, sys, threading, time
import numpy as np, pyarrow as pa
import beringia

pool = beringia.Pool(workers=2, segment_backend="{backend}")
data, returns = {{"x": np.arange(9.0)}}, pa.schema({{"y": pa.float64()}})
beringia.numpy_map(lambda x: x.sum(), data, returns, pool=pool)
print("ran", flush=True)
def run_for_ever():
    beringia.numpy_map(lambda x: time.sleep(600), data, returns, pool=pool)
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
KILL_JVM = "(os.kill(jvm, signal.SIGKILL), os._exit(0))"


def later(action):
    """`action`, in a while, and a job that runs until then."""
    return f"threading.Timer(3, lambda: {action}).start()\nrun_for_ever()"


CTRL_C = f"try:\n    {later('os.kill(os.getpid(), signal.SIGINT)')!s}".replace("\nrun", "\n    run") + (
    "\nexcept BaseException:  # PySpark may raise what the cancelled call raised\n    print('interrupted', flush=True)"
)
ENDS = {
    "Spark is stopped": (SPARK, "spark.stop()"),
    "Spark is stopped while a function runs": (
        SPARK,
        f"try:\n    {later('spark.stop()')}".replace("\nrun", "\n    run") + "\nexcept Exception:\n    pass",
    ),
    "the driver leaves": (SPARK, "os._exit(0)"),
    "the driver is killed": (SPARK, KILL),
    "the driver is killed while a function runs": (SPARK, later(KILL)),
    "the JVM is killed": (SPARK, KILL_JVM),
    "the JVM is killed while a function runs": (SPARK, later(KILL_JVM)),
    "Ctrl-C on Spark": (SPARK, CTRL_C),
    "the local front leaves": (LOCAL, "os._exit(0)"),
    "the local front is killed while a function runs": (LOCAL, later(KILL)),
    "Ctrl-C on the local front": (LOCAL, CTRL_C),
}


@BACKENDS
@pytest.mark.parametrize("end", ENDS)
def test_nothing_stays_however_it_ends(run, find_workers, find_segments, gone, backend, end, record):
    if backend == "posix" and "while" not in end and "Spark" in end:
        pytest.skip("the same with anonymous memory; what differs is a death without notice")
    workers, segments = set(find_workers()), find_segments()
    head, tail = ENDS[end]
    done = run(head.format(backend=backend) + tail + "\n", check=False)
    assert done.stdout.startswith("ran\n"), done.stderr
    if tail is CTRL_C:
        assert done.stdout == "ran\ninterrupted\n"
    assert set(gone(workers)) <= workers
    assert find_segments() - segments == set()
    record(end, STAGE, "local" if head is LOCAL else "Spark")


CLUSTER = """
import os, pathlib, signal, time
import numpy as np
import beringia.spark
from beringia import errors
from pyspark.sql import SparkSession, functions as F
from beringia.spark import numpy_map

def session(**more):
    return (
        SparkSession.builder.master(os.environ["MASTER"])
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.adaptive.enabled", "false")  # so little data would be one task
        .config("spark.executorEnv.BERINGIA_TEST_RUN", os.environ["BERINGIA_TEST_RUN"])
        .config("spark.executor.extraJavaOptions", os.environ["SPARK_SUBMIT_OPTS"])
        .config(map=beringia.spark.conf(**more))
        .getOrCreate()
    )

def data(spark):
    return spark.range(1000).select((F.col("id") % 20).cast("int").alias("g"), F.col("id").cast("double").alias("x"))

def executors(spark):
    # All that were ever started; the list has the driver too.
    return spark.sparkContext._jsc.sc().statusStore().executorList(False).size() - 1
"""


def test_a_killed_executor_and_an_overtaken_task_cost_no_result(run, cluster, find_workers, gone, record):
    workers = set(find_workers())
    program = (
        CLUSTER
        + """
spark = session(**{
    "spark.speculation": "true", "spark.speculation.multiplier": "1.1", "spark.speculation.quantile": "0.5",
    "spark.speculation.minTaskRuntime": "500ms",
})
here = pathlib.Path.cwd()

def kills_its_executor_once(g, x):
    mark = here / "killed"
    if g == 7 and not mark.exists():
        mark.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    return x.sum()

expected = {g: float(sum(range(g, 1000, 20))) for g in range(20)}
rows = numpy_map(kills_its_executor_once, data(spark).groupBy("g"), "y double").collect()
print({r.g: r.y for r in rows} == expected, (here / "killed").exists(), flush=True)

def sleeps_once(g, x):
    mark = here / "slept"
    if g == 7 and not mark.exists():
        mark.touch()
        time.sleep(600)
    return x.sum()

started = time.monotonic()
rows = numpy_map(sleeps_once, data(spark).groupBy("g"), "y double").collect()
print({r.g: r.y for r in rows} == expected, (here / "slept").exists(), time.monotonic() - started < 300, flush=True)
spark.stop()
"""
    )
    assert run(program, env={"MASTER": cluster}, timeout=200).splitlines() == ["True True", "True True True"]
    assert set(gone(workers)) <= workers
    record("an executor is killed", STAGE, "Spark")
    record("a task is overtaken by its copy", STAGE, "Spark")


def test_an_executor_without_the_library_says_why_and_is_not_started_again(run, cluster, record):
    program = (
        CLUSTER
        + """
spark = session(**{"spark.executor.extraJavaOptions": "-Dberingia.native.path=/nowhere/libberingia.so"})
try:
    numpy_map(lambda x: 1, data(spark).groupBy("g"), "y int").collect()
except errors.ResourceError as error:
    print("/nowhere/libberingia.so" in str(error), flush=True)
print(spark.range(10).count(), executors(spark), flush=True)
spark.stop()
"""
    )
    assert run(program, env={"MASTER": cluster}).splitlines() == ["True", "10 2"]
    record("the plugin cannot start", "at the start of an executor", "Spark")
