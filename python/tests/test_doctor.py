"""``python -m beringia doctor``, as a user runs it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

import beringia

has_spark = importlib.util.find_spec("pyspark") is not None


def run(*arguments, env=None, limit=""):
    python = f"{limit} exec {sys.executable} -m beringia {' '.join(arguments)}"
    return subprocess.run(["sh", "-c", python], capture_output=True, text=True, env=env, check=False, timeout=120)


@pytest.fixture(scope="module")
def java(tmp_path_factory):
    """A program that says its version as Java does."""
    home = tmp_path_factory.mktemp("jdk")
    (home / "bin").mkdir()
    program = home / "bin" / "java"
    program.write_text("#!/bin/sh\necho 'openjdk version \"17.0.1\"' >&2\n")
    program.chmod(0o755)
    return home


def test_it_shows_the_surroundings_and_tests_them(java):
    done = run("doctor", env={**os.environ, "JAVA_HOME": str(java)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = {line[2:16].strip(): line[17:] for line in done.stdout.splitlines() if line.startswith("  ")}
    libraries = ["Python", "NumPy", "pyarrow", "Spark", *(["sessions", "jar"] if has_spark else []), "Hail", "Java"]
    assert list(lines) == [*libraries, "cores", "backend", "/dev/shm", "memory limit", "open files", "self-test"]
    assert lines["Python"] == f"{sys.version.split()[0]}, {sys.executable}"
    assert (lines["NumPy"], lines["pyarrow"]) == (np.__version__, pa.__version__)
    assert lines["Java"] == f'openjdk version "17.0.1", {java}/bin/java (JAVA_HOME)'
    assert lines["backend"] == "memfd"
    assert lines["self-test"].startswith("1000 groups in ")
    assert done.stdout.splitlines()[0] == f"beringia {beringia.__version__}"
    assert done.stdout.splitlines()[-1] == "All is well."
    assert "\x1b" not in done.stdout


@pytest.mark.skipif(not has_spark, reason="PySpark is not installed")
def test_it_shows_which_spark_and_which_jar(java):
    from beringia.spark import lines

    spark = lines.installed()
    shown = run("doctor", env={**os.environ, "JAVA_HOME": str(java)}).stdout
    assert f"  Spark          {spark.version} with Scala {spark.scala}\n" in shown
    assert f"  jar            {lines.jar(spark).name}\n" in shown
    assert "  sessions       classic\n" in shown


@pytest.mark.skipif(not has_spark, reason="PySpark is not installed")
def test_a_spark_that_there_is_no_jar_for_is_named(java, tmp_path):
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.12-3.4.4.jar").touch()
    done = run("doctor", env={**os.environ, "JAVA_HOME": str(java), "SPARK_HOME": str(tmp_path)})
    assert done.returncode == 1
    assert "  Spark          3.4.4 with Scala 2.12 of SPARK_HOME; PySpark is " in done.stdout
    assert "and this is Spark 3.4.4 with Scala 2.12" in done.stdout
    assert "To do: jar: " in done.stdout


def test_without_java_it_says_what_to_do(tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"}
    (tmp_path / "sh").symlink_to("/bin/sh")
    done = run("doctor", env={**env, "PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "no java is on PATH" in done.stdout
    assert (
        done.stdout.splitlines()[-1] == "To do: Java: install a JDK 17 or 21, or set JAVA_HOME to one: Spark needs it"
    )


def test_a_self_test_that_fails_says_why(java, tmp_path):
    # The workers, as any process from now on, cannot load functions.
    (tmp_path / "cloudpickle.py").write_text("raise ImportError('cloudpickle is broken')\n")
    done = run("doctor", env={**os.environ, "JAVA_HOME": str(java), "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "self-test" in done.stdout
    assert "cloudpickle is broken" in done.stdout
    assert "To do: self-test" in done.stdout


def test_few_descriptors_are_found(java):
    done = run("doctor", env={**os.environ, "JAVA_HOME": str(java)}, limit="ulimit -n 200;")
    assert done.returncode == 1
    assert "To do: open files: raise the limit: ulimit -n 1024" in done.stdout


def test_other_commands_are_refused():
    assert run("nurse").returncode == 2
    assert run("--version").stdout == f"beringia {beringia.__version__}\n"
