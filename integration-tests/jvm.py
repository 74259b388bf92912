"""How the JVMs of the tests start. Most live for seconds: they compile quickly, and map classes from an archive.

`python integration-tests/jvm.py` makes the archive of the Spark that is installed. A JVM with another class path does
without.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyspark

ARCHIVE = Path(__file__).parents[1] / "build" / f"spark-{pyspark.__version__}.jsa"
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
QUIET = "-Xlog:cds=off -Xlog:cds+dynamic=off -Xlog:class+path=off"  # a JVM would print that an archive does not fit

SEEN = """
from pyspark import SparkContext
from pyspark.sql import SparkSession, functions as F
import beringia.spark

conf = beringia.spark.conf(**{"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2"})
spark = SparkSession.builder.master("local[2]").config(map=conf).getOrCreate()
rows = spark.range(20).select((F.col("id") % 5).alias("a"), F.col("id").cast("double").alias("x"))
beringia.spark.numpy_map(lambda x: float(x.sum()), rows.groupBy("a"), "y double").orderBy("a").collect()
rows.groupBy("a").applyInPandas(lambda frame: frame, rows.schema).collect()
rows.createOrReplaceTempView("rows")
spark.sql("SELECT a, count(*) AS n, sum(x) OVER () FROM rows WHERE x > 1 GROUP BY a, x").toPandas()
rows.join(rows.groupBy("a").agg(F.max("x"), F.collect_list("x")), "a").show()
spark.stop()
process = SparkContext._gateway.proc
process.stdin.close()
process.wait()
"""
"""Starts what most tests start."""


def options() -> str:
    """Return the options of a JVM, for ``SPARK_SUBMIT_OPTS`` and the like."""
    return f"{QUICK} -XX:SharedArchiveFile={ARCHIVE} {QUIET}" if ARCHIVE.exists() else QUICK


def make_archive() -> None:
    """Write the archive, of the classes that a JVM has loaded when it ends."""
    made = ARCHIVE.with_suffix(".new")
    making = f"{QUICK} {QUIET} -XX:ArchiveClassesAtExit={made}"
    subprocess.run(
        [sys.executable, "-c", SEEN],
        check=True,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_SUBMIT_OPTS": making},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    made.replace(ARCHIVE)


if __name__ == "__main__":
    make_archive()
