"""Beringia on PySpark: turn the plugin on with :func:`conf`, then :func:`numpy_map`, or :func:`register` for SQL.

Importing this module makes the driver raise the typed errors of :mod:`beringia.errors` where Spark would
raise a ``Py4JJavaError``. A client of Spark Connect alone has neither JVM nor py4j, and :func:`numpy_map` all the same.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pyspark

from beringia.errors import ConfigError
from beringia.spark.connect.server import START
from beringia.spark.front import numpy_map
from beringia.spark.primitives import accumulate, reduce
from beringia.spark.sql import register

__all__ = [
    "Executor",
    "accumulate",
    "attach",
    "conf",
    "explain_acceleration",
    "numpy_map",
    "reduce",
    "register",
    "spmd",
]

if hasattr(pyspark, "SparkContext"):
    from beringia.spark import failures
    from beringia.spark.acceleration import explain_acceleration
    from beringia.spark.setup import attach, conf

    failures.install()

if find_spec("grpc") is not None and not pyspark.__version__.startswith("3."):
    from beringia.spark.connect import failures as connect_failures

    connect_failures.install()


if TYPE_CHECKING:
    from beringia.spark.executor import Executor
    from beringia.spark.ranks import spmd


def __getattr__(name: str) -> Any:
    if name == "Executor" and hasattr(pyspark, "SparkContext"):
        from beringia.spark.executor import Executor

        return Executor
    if name == "spmd" and hasattr(pyspark, "SparkContext"):
        from beringia.spark.ranks import spmd

        return spmd
    if name in __all__:
        raise ConfigError(
            f"beringia.spark.{name} is for a process that starts Spark, and this is a client alone: {START}"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
