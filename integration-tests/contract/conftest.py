"""The session of Spark as the suite wants it."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def small_jobs(spark):
    """The session of all tests, set for jobs of a few rows."""
    from contract.front_pyspark import PySpark

    before = {name: spark.conf.get(name) for name in PySpark.settings}
    for name, value in PySpark.settings.items():
        spark.conf.set(name, value)
    yield spark
    for name, value in before.items():
        spark.conf.set(name, value)
