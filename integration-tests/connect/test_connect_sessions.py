"""Sessions on a server: their modules and their ends, and servers and clients that do not go together."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest
from servers import server

import beringia.spark
from beringia._job import Program
from beringia.errors import ConfigError, InterpreterError
from beringia.spark import numpy_map
from test_docs import blocks

ID = {"x": "id"}


def answer(session):
    def of_module(x):
        import brought

        return brought.ANSWER

    (row,) = numpy_map(of_module, session.range(1), "y int", args=ID).collect()
    return row.y


def test_a_module_that_a_session_brings_is_that_session_s(connect, tmp_path):
    sessions = []
    for number in (1, 2):
        path = tmp_path / str(number) / "brought.py"
        path.parent.mkdir()
        path.write_text(f"ANSWER = {number}\n", encoding="utf-8")
        sessions.append(connect())
        sessions[-1].addArtifacts(str(path), pyfile=True)
    try:
        assert [answer(each) for each in (*sessions, *sessions)] == [1, 2, 1, 2]
    finally:
        for each in sessions:
            each.stop()


def test_a_zip_that_a_session_brings(connect, tmp_path):
    with zipfile.ZipFile(tmp_path / "modules.zip", "w") as file:
        file.writestr("brought.py", "ANSWER = 7\n")
    session = connect()
    session.addArtifacts(str(tmp_path / "modules.zip"), pyfile=True)
    try:
        assert answer(session) == 7
    finally:
        session.stop()


def test_a_hundred_sessions_that_come_and_go_leave_no_workers(connect, tmp_path, gone):
    """Every tenth has modules of its own, and so a worker that no other session uses: it ends as all that are idle."""
    path = tmp_path / "brought.py"
    path.write_text("ANSWER = 3\n", encoding="utf-8")
    for number in range(100):
        session = connect()
        if number % 10 == 0:
            session.addArtifacts(str(path), pyfile=True)
            assert answer(session) == 3
        elif number % 10 == 5:
            assert numpy_map(lambda x: x, session.range(1), "y long", args=ID).collect()[0].y == 0
        else:
            assert session.version
        session.stop()
    assert gone(set()) == []


def test_a_function_of_another_python_is_refused_before_it_runs(spark, monkeypatch, tmp_path):
    mark = tmp_path / "ran"
    monkeypatch.setitem(Program.__init__.__kwdefaults__, "python_version", "3.9")
    with pytest.raises(InterpreterError, match=r"3\.9") as caught:
        numpy_map(lambda x: mark.touch(), spark.range(1), "y int", args=ID).collect()
    assert not mark.exists()
    assert "spark.beringia.python" in str(caught.value)


def test_a_server_of_another_version_is_named(spark, monkeypatch):
    server_has = beringia.__version__
    monkeypatch.setattr(beringia, "__version__", "9.8.7")
    with pytest.raises(ConfigError) as caught:
        numpy_map(lambda x: 1, spark.range(1), "y int", args=ID)
    assert "this client has beringia 9.8.7" in str(caught.value)
    assert f"the Spark Connect server has {server_has}" in str(caught.value)


def test_a_server_without_the_plugin(nothing_stays, settings, tmp_path):
    from pyspark.sql import SparkSession

    with server(settings, tmp_path / "server.log") as address:
        session = SparkSession.builder.remote(address).create()
        with pytest.raises(ConfigError, match=r"spark\.plugins=org\.beringia\.spark\.BeringiaPlugin"):
            numpy_map(lambda x: 1, session.range(1), "y int", args=ID)
        with pytest.raises(ConfigError, match=r"spark\.plugins=org\.beringia\.spark\.BeringiaPlugin"):
            beringia.spark.register(session, "one", lambda x: 1, "y int", args=ID)
        session.stop()


def test_a_session_cannot_be_attached_to(spark):
    with pytest.raises(ConfigError, match="a client of Spark Connect"):
        beringia.spark.attach(spark)


PROGRAM = """
import os, sys
import numpy as np
from pyspark.sql import SparkSession, functions as F
import beringia.spark
from beringia.errors import GroupError

def spread(x):
    return x.max() - x.min()

if __name__ == "__main__":
    spark = {session}
    df = spark.createDataFrame([("a", 1.0), ("a", 3.0), ("b", 5.0)], "k string, x double")
    print(sorted(tuple(row) for row in beringia.spark.numpy_map(spread, df.groupBy("k"), "y double").collect()))
    try:
        beringia.spark.numpy_map(lambda x: 1 / 0, df.groupBy("k"), "y double").collect()
    except GroupError as error:
        print(error.group[:2], "ZeroDivisionError" in error.traceback)
    print(type(spark).__module__)
    {after}
    spark.stop()
"""
EXPECTED = ["[('a', 2.0), ('b', 0.0)]", "k= True", "pyspark.sql.connect.session"]


def test_a_server_within_the_process_by_its_api_mode(run):
    """By ``remote("local[2]")`` the page of the documentation has it."""
    conf = "beringia.spark.conf(python=sys.executable, **{'spark.ui.enabled': 'false'})"
    builder = 'SparkSession.builder.master("local[2]").config("spark.api.mode", "connect")'
    printed = run(PROGRAM.format(session=f"{builder}.config(map={conf}).getOrCreate()", after="pass"))
    assert printed.splitlines()[-3:] == EXPECTED


def test_a_client_without_a_jvm(run, address, tmp_path):
    """Of ``pyspark-client``: Spark's own package for that, which has no jar and no py4j."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path)]
    subprocess.run([*install, "pyspark-client==4.2.0"], check=True)
    made = f'SparkSession.builder.remote("{address}").getOrCreate()'
    after = "import pyspark; assert not hasattr(pyspark, 'SparkContext'); assert 'py4j' not in sys.modules"
    printed = run(PROGRAM.format(session=made, after=after), env={"PYTHONPATH": str(tmp_path)})
    assert printed.splitlines()[-3:] == EXPECTED


def test_the_blocks_of_the_page_run(run):
    run("\n".join(blocks("docs/connect.md")))
