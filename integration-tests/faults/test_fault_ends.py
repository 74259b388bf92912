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
import os
import numpy as np
import beringia.spark
from beringia import errors
from pyspark.sql import SparkSession, functions as F
from beringia.spark import numpy_map

def session(**more):
    return (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.adaptive.enabled", "false")  # so little data would be one task
        .config("spark.executorEnv.BERINGIA_TEST_RUN", os.environ["BERINGIA_TEST_RUN"])
        .config(map=beringia.spark.conf(**more))
        .getOrCreate()
    )

def data(spark):
    return spark.range(1000).select((F.col("id") % 20).cast("int").alias("g"), F.col("id").cast("double").alias("x"))

def executors(spark):
    # All that were ever started; the list has the driver too.
    return spark.sparkContext._jsc.sc().statusStore().executorList(False).size() - 1
"""


@pytest.mark.slow
def test_an_executor_without_the_library_says_why_and_is_not_started_again(run, record):
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
    assert run(program).splitlines() == ["True", "10 2"]
    record("the plugin cannot start", "at the start of an executor", "Spark")
