"""What runs on the two hosts of a test: the beginning of every driver's program, and environments for executors."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import cloudpickle
import numpy as np

import beringia

HEAD = """
import os, pathlib, signal, sys, time
import numpy as np
import beringia.spark
from beringia import errors
from beringia.spark import executors, numpy_map
from pyspark.sql import SparkSession, functions as F

def session(**settings):
    builder = SparkSession.builder.master(os.environ["MASTER"]) if "MASTER" in os.environ else SparkSession.builder
    return (
        builder.config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.adaptive.enabled", "false")  # so little data would be one task
        .config("spark.executor.cores", "1")
        .config("spark.executor.extraJavaOptions", os.environ["SPARK_SUBMIT_OPTS"])
        .config("spark.cores.max", "2")
        .config("spark.scheduler.minRegisteredResourcesRatio", "1.0")  # both hosts
        .config(map=beringia.spark.conf(**settings))
        .getOrCreate()
    )

def data(spark):
    return spark.range(1000).select((F.col("id") % 20).cast("int").alias("g"), F.col("id").cast("double").alias("x"))

EXPECTED = {g: float(sum(range(g, 1000, 20))) for g in range(20)}

def host():
    # The executor's, as its command line has it: both are this machine.
    words = pathlib.Path(f"/proc/{os.getppid()}/cmdline").read_text().split("\\0")
    return words[words.index("--hostname") + 1]

def hosts(spark):
    # Of the executors that are there; the driver is in the list too.
    found = spark.sparkContext._jsc.sc().statusStore().executorList(True)
    found = [found.apply(i) for i in range(found.size())]
    return sorted(each.hostPort().partition(":")[0] for each in found if each.id() != "driver")
"""


def environment(path, python=sys.executable):
    """Make an environment with what the wheel brings: the package and what it needs, and no PySpark."""
    subprocess.run([python, "-m", "venv", "--without-pip", str(path)], check=True)
    (site,) = (path / "lib").glob("python*/site-packages")
    needed = [Path(module.__file__).parent for module in (beringia, cloudpickle, np)]
    libraries = needed[-1].with_name("numpy.libs")  # where the wheel of NumPy brings its BLAS
    for package in [*needed, libraries] if libraries.exists() else needed:
        shutil.copytree(package, site / package.name, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    return path
