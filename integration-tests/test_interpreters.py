"""Pythons that cannot be workers: each is refused by a clear error that names it, and the session lives on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import beringia
from beringia.errors import InterpreterError
from beringia.spark import numpy_map
from other_python import MINE, OTHER, other_python, script
from session import setting


@pytest.fixture
def refused(spark):
    """Run a job with an interpreter; returns the message of its refusal."""

    def refused(interpreter):
        with setting(spark, spark_beringia_python=interpreter), pytest.raises(InterpreterError) as caught:
            numpy_map(lambda x: 1, spark.range(4).groupBy(), "y int", args={"x": "id"}).collect()
        rows = numpy_map(lambda x: 1, spark.range(4).groupBy(), "y int", args={"x": "id"}).collect()
        assert rows[0].y == 1
        assert str(interpreter) in str(caught.value)
        return str(caught.value)

    return refused


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A Python of this version with nothing installed, not even pip."""
    directory = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    return directory / "bin" / "python"


def test_a_python_without_numpy(refused, bare, tmp_path):
    # Beringia itself is found, NumPy is not.
    site = tmp_path / "site"
    shutil.copytree(
        Path(beringia.__file__).parent, site / "beringia", ignore=shutil.ignore_patterns("jars", "__pycache__")
    )
    interpreter = script(tmp_path / "python", f'#!/bin/sh\nPYTHONPATH="{site}" exec "{bare}" "$@"\n')
    message = refused(interpreter)
    assert "NumPy" in message


def test_a_python_without_this_package(refused, bare):
    message = refused(bare)
    assert "beringia" in message


def test_a_python_of_another_minor_version(refused, tmp_path):
    """Such a Python cannot load this one's extension: it says so itself, or its handshake does."""
    message = refused(other_python(tmp_path))
    assert OTHER in message
    assert MINE in message


def test_a_python_that_is_not_there(refused, tmp_path):
    refused(tmp_path / "nothing" / "python")


def test_a_python_that_is_no_python(refused, tmp_path):
    assert "I am a teapot" in refused(script(tmp_path / "python", "#!/bin/sh\necho I am a teapot >&2\nexit 4\n"))


def test_a_python_that_says_nothing_and_hangs_up(refused, tmp_path):
    refused(script(tmp_path / "python", "#!/bin/sh\nexit 0\n"))
