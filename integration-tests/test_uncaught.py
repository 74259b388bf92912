"""What a script prints that does not catch the error of a group: what happened in Python, not how Spark got there."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
from pyspark.sql import SparkSession
import beringia.spark

settings = beringia.spark.conf(**{"spark.sql.pyspark.jvmStacktrace.enabled": "SHOWN", "spark.ui.enabled": "false"})
spark = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
spark.sparkContext.setLogLevel("OFF")
data = spark.createDataFrame([("ann", 1.0)], "id string, x double")


def fails(x):
    raise KeyError("nothing there")  # the line at fault


beringia.spark.numpy_map(fails, data.groupBy("id"), "y double").collect()
"""


@pytest.mark.parametrize("shown", [False, True])
def test_java_is_printed_where_it_is_asked_for(tmp_path, shown):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("SHOWN", str(shown).lower()))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    _, _, printed = done.stderr.partition("Traceback (most recent call last)")
    assert "beringia.errors.GroupError" in printed
    assert "id='ann'" in printed
    assert 'raise KeyError("nothing there")  # the line at fault' in printed
    java = [line for line in done.stderr.splitlines() if line.startswith(("\tat ", "Caused by:")) or "Py4J" in line]
    assert bool(java) is shown
    if not shown:
        assert len(printed.splitlines()) < 40
