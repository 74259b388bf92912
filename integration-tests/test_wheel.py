"""The wheel is the whole installation: in an empty environment with PySpark it runs a job."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from beringia.spark import lines

ROOT = Path(__file__).parents[1]

PROGRAM = """
import beringia.spark, numpy as np
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
spark = builder.config(map=beringia.spark.conf()).getOrCreate()
df = spark.createDataFrame([("a", 1.0), ("a", 3.0), ("b", 5.0)], "k string, x double")
medians = beringia.spark.numpy_map(np.median, df.groupBy("k"), "m double", args={"a": "x"})
print(sorted(tuple(row) for row in medians.collect()))
print(beringia.__file__)
"""


@pytest.fixture(scope="module")
def wheel():
    """Built by the front door: up to date, and the same file that a user would get."""
    subprocess.run(["make", "wheel"], cwd=ROOT, check=True, capture_output=True)
    (path,) = (ROOT / "dist").glob("beringia-*.whl")
    return path


def test_it_holds_the_plugin_the_extension_and_the_types(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    jars = [jar.path.name for jar in lines.jars()]
    assert len(jars) > 1
    assert {f"beringia/jars/{name}" for name in jars} <= set(names)
    assert [n for n in names if n.startswith("beringia/_native.") and n.endswith(".so")]
    assert {"beringia/py.typed", "beringia/_native.pyi", "beringia/worker.py"} <= set(names)
    assert not [n for n in names if "test" in n or n.endswith(".pyc")]


def test_a_job_in_an_empty_environment(wheel, run, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path)], check=True)
    python = tmp_path / "bin" / "python"
    import pyspark

    install = [python, "-m", "pip", "install", "--quiet", f"{wheel}[spark]", f"pyspark=={pyspark.__version__}"]
    subprocess.run(install, check=True)
    median, where = run(PROGRAM, command=[python]).splitlines()
    assert median == "[('a', 2.0), ('b', 5.0)]"
    assert Path(where).is_relative_to(tmp_path)
