"""Which Python runs the functions, and where it finds modules, for local mode and for a cluster."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from beringia.spark import interpreter


class Session:
    """What `interpreter` asks of a SparkSession."""

    def __init__(self, master, settings=(), includes=()):
        self.sparkContext = self
        self.conf = dict(settings)
        self.master = master
        self._python_includes = list(includes)


@pytest.fixture(autouse=True)
def no_choice_in_the_environment(monkeypatch):
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)


def test_locally_the_drivers_own(monkeypatch):
    # `bin/pyspark` exports this, often as a Python without the driver's packages.
    monkeypatch.setenv("PYSPARK_PYTHON", "python3")
    assert interpreter.resolve(Session("local[4]")) == sys.executable
    assert interpreter.resolve(Session("local")) == sys.executable


@pytest.mark.parametrize("master", ["local-cluster[2,1,1024]", "yarn", "spark://host:7077"])
def test_on_a_cluster_pysparks_choice_then_the_drivers_path(monkeypatch, master):
    assert interpreter.resolve(Session(master)) == sys.executable
    assert interpreter.resolve(Session(master, {"spark.pyspark.python": "/opt/a"})) == "/opt/a"
    monkeypatch.setenv("PYSPARK_PYTHON", "/opt/b")
    assert interpreter.resolve(Session(master, {"spark.pyspark.python": "/opt/a"})) == "/opt/b"


@pytest.mark.parametrize("master", ["local[2]", "yarn"])
def test_the_setting_comes_first(monkeypatch, master):
    monkeypatch.setenv("PYSPARK_PYTHON", "/opt/b")
    assert interpreter.resolve(Session(master, {"spark.beringia.python": "/opt/c"})) == "/opt/c"


def test_local_workers_find_modules_where_the_driver_does(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "relative", "/absolute", "/absolute"])
    found = interpreter.paths(Session("local[2]"), sys.executable)
    assert found == [str(tmp_path), str(tmp_path / "relative"), "/absolute"]


def test_another_python_does_not_get_this_ones_packages(monkeypatch):
    site = str(Path(sys.prefix) / "lib" / "site-packages")
    monkeypatch.setattr(sys, "path", ["/mine", site, str(Path(sys.base_prefix) / "lib")])
    assert interpreter.paths(Session("local[2]"), sys.executable)[1] == site
    assert interpreter.paths(Session("local[2]"), "/opt/python") == ["/mine"]


def test_on_a_cluster_what_addpyfile_brought_the_newest_first():
    assert interpreter.paths(Session("yarn", includes=["a.zip", "b.zip"]), sys.executable) == ["b.zip", "a.zip", "."]
