"""The natives under the JVM's own checks of JNI (``-Xcheck:jni``): jobs that succeed, fail, die and are given up."""

from __future__ import annotations

import re

PROGRAM = """
import os, signal, time
import numpy as np
import beringia.spark
from beringia.errors import BeringiaError
from beringia.spark import numpy_map
from pyspark.sql import SparkSession, functions as F

settings = {
    "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "batchBytes": "16k",
    "spark.driver.extraJavaOptions": "-Xcheck:jni",
}
spark = SparkSession.builder.master("local[2]").config(map=beringia.spark.conf(**settings)).getOrCreate()
data = spark.range(20_000).select(
    (F.col("id") % 500).alias("g"), F.col("id").cast("double").alias("x"), F.expr("concat('s', id)").alias("s"),
    F.expr("array(1.0D, id)").alias("v"), F.expr("id % 2 = 0").alias("b"),
)
schema = "array<struct<n: int, t: string, v: array<double>>>"

def many(g, x, s, v, b):
    print("group", g)
    return {"n": [int(b.sum()), x.size], "t": [s[0], None], "v": [v[0], v[-1]]}

print(numpy_map(many, data.groupBy("g"), schema).count())
print(numpy_map(lambda x, w: x * w.sum(), data, "y double", consts={"w": np.ones(5)}).limit(5).count())

def fails(g, x):
    if g == 77:
        raise ValueError("bad")
    return 0.0

def dies(g, x):
    if g == 77:
        os.kill(os.getpid(), signal.SIGKILL)
    return 0.0

for f in (fails, dies, lambda x: "no number", lambda x: time.sleep(60)):
    try:
        numpy_map(f, data.groupBy("g"), "y double", timeout=1).collect()
    except BeringiaError as error:
        print(type(error).__name__)
print("metrics", spark._jvm.org.beringia.executor.ExecutorRuntime.metrics()[0])
time.sleep(2)
spark.stop()
print("stopped")
"""


def test_no_native_breaks_a_rule_of_jni(run):
    done = run(PROGRAM, check=False)
    output = done.stdout + done.stderr
    errors = ("GroupError", "WorkerDiedError", "ResultError", "GroupTimeoutError")
    for line in ("1000", "5", *errors, "metrics {", "stopped"):
        assert line in done.stdout.splitlines(), output[-5000:]
    assert "FATAL ERROR in native method" not in output
    # Warnings are followed by the stack of the native that they are about.
    warnings = re.findall(r"^WARNING(?:: JNI| in native method).*\n(?:\tat .*\n)*", output, re.MULTILINE)
    assert [warning for warning in warnings if "org.beringia" in warning] == []
