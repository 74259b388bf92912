"""Beringia on PySpark: turn the plugin on with :func:`conf`, then call :func:`numpy_map`.

Importing this module makes the driver raise the typed errors of :mod:`beringia.errors` where Spark would
raise a ``Py4JJavaError``.
"""

from beringia.spark import failures
from beringia.spark.front import numpy_map
from beringia.spark.setup import attach, conf

__all__ = ["attach", "conf", "numpy_map"]

failures.install()
