"""What became of the functions of PySpark in a query, where ``spark.beringia.accelerate`` is true."""

from __future__ import annotations

from typing import NamedTuple

from pyspark.sql import DataFrame

from beringia.errors import ArgumentError
from beringia.spark import setup


class PythonNode(NamedTuple):
    """A node of a plan that calls Python.

    Attributes
    ----------
    name : str
        As ``explain()`` shows it.
    reason : str or None
        Why Spark's own worker runs it; None where one of Beringia's does.
    """

    name: str
    reason: str | None


def explain_acceleration(df: DataFrame) -> list[PythonNode]:
    """List the nodes of a DataFrame's plan that call Python.

    Raises
    ------
    ArgumentError
        If it is a DataFrame of Spark Connect, whose plans are the server's.
    ConfigError
        If the session runs without the plugin.
    """
    if not hasattr(df, "_jdf"):
        raise ArgumentError(
            "explain_acceleration needs a classic Spark session: plans of Spark Connect are the server's"
        )
    nodes = setup.front(df.sparkSession).explainAcceleration(df._jdf)
    return [PythonNode(name, reason or None) for name, reason in nodes]
