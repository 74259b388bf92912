"""Executors in processes of their own: ``local-cluster``, two workers of one core each."""

from __future__ import annotations

import platform
import re

import numpy as np
import pytest

HEAD = """
import os, sys, pathlib, zipfile
import numpy as np
import beringia.spark
from beringia import errors
from pyspark.sql import SparkSession, functions as F
from beringia.spark import numpy_map

spark = (
    SparkSession.builder.master("local-cluster[2,1,1024]")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.shuffle.partitions", "4")
    .config("spark.sql.adaptive.enabled", "false")  # so little data would be one task
    .config("spark.executorEnv.BERINGIA_TEST_RUN", os.environ["BERINGIA_TEST_RUN"])
    .config("spark.executor.extraJavaOptions", os.environ["SPARK_SUBMIT_OPTS"])
    .config(map=beringia.spark.conf())
    .getOrCreate()
)
df = spark.range(1000).select((F.col("id") % 20).cast("int").alias("g"), F.col("id").cast("double").alias("x"))
"""


def test_jobs_and_their_failures_on_a_cluster(run):
    program = (
        HEAD
        + """
# A module that only addPyFile brings to the executors.
module = pathlib.Path("from_the_driver.py").absolute()
module.write_text("def scale(x):\\n    return 2 * x\\n")
spark.sparkContext.addPyFile(str(module))

def total(x):
    import from_the_driver
    return from_the_driver.scale(x).sum(), os.getpid()

rows = numpy_map(total, df.groupBy("g"), "total double, pid long").collect()
assert {r.g: r.total for r in rows} == {g: 2.0 * sum(range(g, 1000, 20)) for g in range(20)}, rows
print("workers", len({r.pid for r in rows}) >= 2)

# Of two archives with one module, the one that came last wins, in workers that live too.
for name in ("old", "new"):
    archive = pathlib.Path(f"{name}.zip").absolute()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("from_an_archive.py", f"NAME = {name!r}\\n")
    spark.sparkContext.addPyFile(str(archive))

    def named(x):
        import from_an_archive
        return from_an_archive.NAME

    print({r.name for r in numpy_map(named, df.groupBy("g"), "name string").collect()})

def raises(g, x):
    if g == 7:
        raise ValueError("only seven")
    return 0.0

try:
    numpy_map(raises, df.groupBy("g"), "y double").collect()
except errors.GroupError as error:
    print(type(error).__name__, "7" in error.group, "only seven" in error.traceback)

def dies(g, x):
    if g == 7:
        os.kill(os.getpid(), 9)
    return 0.0

try:
    numpy_map(dies, df.groupBy("g"), "y double").collect()
except errors.WorkerDiedError as error:
    print(type(error).__name__, "SIGKILL" in str(error) or "signal 9" in str(error))

print(len(numpy_map(lambda x: 1, df.groupBy("g"), "y int").collect()))

def meets(comm, dies):
    if dies and comm.rank == 1:
        os.kill(os.getpid(), 9)
    return float(comm.bcast(np.arange(9e4)).sum()), len(set(comm.allgather(os.getppid())))

try:
    beringia.spark.spmd(meets, 2, (True,))
except errors.WorkerDiedError as error:
    print(type(error).__name__, "SIGKILL" in str(error))
print(beringia.spark.spmd(meets, 2, (False,)))
spark.stop()
"""
    )
    assert run(program).splitlines() == [
        "workers True",
        "{'old'}",
        "{'new'}",
        "GroupError True True",
        "WorkerDiedError True",
        "20",
        "WorkerDiedError True",
        "[(4049955000.0, 2), (4049955000.0, 2)]",
    ]


@pytest.mark.slow
def test_a_python_that_is_not_on_the_executors(run):
    program = (
        HEAD
        + """
try:
    numpy_map(lambda x: 1, df.groupBy("g"), "y int").collect()
except errors.InterpreterError as error:
    print("/nowhere/python" in str(error))
spark.stop()
"""
    )
    assert run(program, env={"PYSPARK_PYTHON": "/nowhere/python"}) == "True\n"


@pytest.mark.slow
def test_the_doctor_looks_at_each_executor(run):
    program = """
import sys
from beringia.__main__ import main

sys.argv[1:] = ["doctor", "--cluster", "local-cluster[2,1,1024]"]
sys.exit(main())
"""
    found = dict.fromkeys(line for line in run(program).splitlines() if line.startswith("  executor "))
    assert len(found) == 2
    for line in found:
        assert re.search(
            rf"process \d+: Python {platform.python_version()}, \S+; NumPy {np.__version__}; beringia ", line
        )
        assert "; cores " in line
        assert "; backend memfd; " in line
