"""The session of Spark as the suite wants it."""

from __future__ import annotations

import pytest

from session import setting


@pytest.fixture(scope="module")
def small_jobs(spark):
    """The session of all tests, set for jobs of a few rows."""
    from contract.front_pyspark import PySpark

    with setting(spark, **PySpark.settings):
        yield spark
