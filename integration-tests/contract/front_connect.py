"""The contract on Spark Connect: PySpark's, with a client that has no JVM."""

from __future__ import annotations

from contract.front_pyspark import PySpark


class Connect(PySpark):
    """``beringia.spark.numpy_map`` on DataFrames of a session of Spark Connect."""

    name = "connect"
