"""A server of Spark Connect and clients of it, which have no JVM in their process: these tests need one of their own,
pytest integration-tests/connect.
"""

from __future__ import annotations

import sys

import pyspark
import pytest

if int(pyspark.__version__.partition(".")[0]) < 4:
    collect_ignore_glob = ["test_*.py"]  # refused there, as integration-tests/test_refusals.py shows


@pytest.fixture(scope="session")
def beringia_conf():
    """The settings that a server with Beringia has."""
    import beringia.spark

    return {**beringia.spark.conf(), "spark.beringia.python": sys.executable}


@pytest.fixture(scope="session")
def address(nothing_stays, settings, beringia_conf, tmp_path_factory):
    """A server with Beringia, for jobs of a few rows."""
    from servers import server

    small = {
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.beringia.worker.idleTimeout": "5s",
    }
    log = tmp_path_factory.mktemp("server") / "server.log"
    with server({**settings, **beringia_conf, **small}, log) as address:
        yield address


@pytest.fixture(scope="session")
def connect(address):
    """Make a session of its own on the server."""
    from pyspark.sql import SparkSession

    return lambda: SparkSession.builder.remote(address).create()


@pytest.fixture(scope="session")
def spark(connect):
    session = connect()
    yield session
    session.stop()
