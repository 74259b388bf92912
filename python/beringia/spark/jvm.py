"""The driver's JVM over py4j, for the fronts of Spark and Hail: reaching it, adding jars, handing over functions."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from py4j.java_gateway import JavaPackage
from py4j.protocol import Py4JError
from pyspark import SparkContext

from beringia.errors import ArgumentError, ConfigError

_PY4J_BYTES = 1 << 20  # more than that goes to the JVM through a file: py4j would make text of it


def running() -> Any:
    """Return the driver's JVM if it runs, else None; connects to the one that ``spark-submit`` started."""
    if SparkContext._jvm is None and "PYSPARK_GATEWAY_PORT" in os.environ:
        SparkContext._ensure_initialized()
    return SparkContext._jvm


def find_class(machine: Any, name: str) -> Any:
    """Return a class of a JVM by its full name, else None.

    Named at once: for ``jvm.org.beringia`` and so on, the JVM would look into each jar for a class ``org``, then for
    one ``org.beringia``.
    """
    found = getattr(machine, name)
    return None if isinstance(found, JavaPackage) else found


def add_jar(jvm: Any, jar: Path) -> None:
    """Add a jar to the class loader of the driver's thread.

    Raises
    ------
    ConfigError
        If it takes none.
    """
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    try:
        loader.addURL(jvm.java.io.File(str(jar)).toURI().toURL())
    except Py4JError as error:
        raise ConfigError(
            f"the class loader of this driver ({loader.getClass().getName()}) takes no jar at run time: "
            f"start it with --jars {jar} --conf spark.plugins=org.beringia.spark.BeringiaPlugin"
        ) from error


def function_bytes(front: Any, data: bytes | bytearray) -> Any:
    """Bring a function and its constants to the JVM.

    Parameters
    ----------
    front : py4j.java_gateway.JavaClass
        ``org.beringia.spark.PythonFront``.
    data : bytes or bytearray
        At most 2 GiB.

    Raises
    ------
    ArgumentError
        If there are more.
    """
    if len(data) <= _PY4J_BYTES:
        return front.function(bytearray(data))
    if len(data) > (1 << 31) - 16:
        raise ArgumentError(
            f"the function and its constants take {len(data)} bytes, more than the 2 GiB that the JVM can send: "
            "let the function read them from a file, on its first call"
        )
    with tempfile.TemporaryDirectory(prefix="beringia-") as directory:
        path = Path(directory) / "function"
        path.write_bytes(data)
        return front.functionOfFile(str(path))


def java_list(jvm: Any, items: Iterable[Any]) -> Any:
    """Return a ``java.util.List`` of Java objects."""
    result = jvm.java.util.ArrayList()
    for item in items:
        result.append(item)
    return result
