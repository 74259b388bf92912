"""Which Python runs the functions, and where it finds modules.

PySpark cannot be asked: ``spark.pyspark.python`` set in the builder does not reach it. So the driver decides
and sends its choice with every job; a worker of another minor version, or without NumPy, is refused there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark import SparkContext
from pyspark.sql import SparkSession

from beringia import _function

SETTING = "spark.beringia.python"


def resolve(session: SparkSession) -> str:
    """Choose the workers' interpreter.

    The setting ``spark.beringia.python`` comes first. In local mode the next is the driver's own: it has the
    driver's packages. On a cluster PySpark's choices come before that: ``PYSPARK_PYTHON``,
    ``spark.pyspark.python``.

    Returns
    -------
    str
        A path, or a name to be found on the executors' ``PATH``.
    """
    named = session.conf.get(SETTING, None)
    if named:
        return named
    if is_local(session.sparkContext):
        return sys.executable
    return os.environ.get("PYSPARK_PYTHON") or session.conf.get("spark.pyspark.python", None) or sys.executable


def paths(context: SparkContext, interpreter: str) -> list[str]:
    """List what workers add to their ``sys.path``.

    Returns
    -------
    list of str
        In local mode the driver's ``sys.path``, made absolute; without what belongs to the driver's
        installation if the workers' interpreter is another one. On a cluster the names of the archives
        given to ``addPyFile``, relative to Spark's directory of files on the executor, the newest first as in
        PySpark's own workers, and ``"."`` for the modules in that directory itself.
    """
    if not is_local(context):
        return [*reversed(context._python_includes or []), "."]
    entries = _function.search_path()
    if interpreter != sys.executable:
        own = {Path(sys.prefix), Path(sys.base_prefix)}
        entries = [entry for entry in entries if not own & {Path(entry), *Path(entry).parents}]
    return entries


def is_local(context: SparkContext) -> bool:
    """Tell whether the tasks run in the driver's JVM (``local-cluster`` has executors of its own)."""
    master = context.master or ""
    return master == "local" or master.startswith("local[")
