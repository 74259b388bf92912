"""From an exception in the JVM to the typed error on the driver.

PySpark turns every Java exception into a Python one in a single function, looked up by name at each call.
:func:`install` wraps that function: an ``org.beringia.BeringiaException`` anywhere along the chain of causes
becomes the class of :mod:`beringia.errors` that its code names; anything else goes the old way. The Java exception
is kept as ``java_exception``, and is printed only where ``spark.sql.pyspark.jvmStacktrace.enabled`` asks for it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark import SparkContext
from pyspark.errors.exceptions import captured

from beringia import errors
from beringia.spark.jvm import find_class

EXCEPTION_CLASS = "org.beringia.BeringiaException"

_DEPTH = 50  # of a chain of causes: longer ones are cut rather than walked over py4j for seconds


def install() -> None:
    """Wrap PySpark's converter of Java exceptions. Doing it twice is doing it once."""
    convert = captured.convert_exception
    if getattr(convert, "__beringia__", False):
        return

    @functools.wraps(convert)
    def convert_exception(java_exception: Any) -> Any:
        error = typed(java_exception)
        if error is None:
            return convert(java_exception)
        original = sys.exc_info()[1]
        if isinstance(original, Py4JJavaError) and _shows_java():
            # The caller would `raise … from None`: raising here is what keeps the original as the cause.
            raise error from original
        return error

    convert_exception.__beringia__ = True  # type: ignore[attr-defined]
    captured.convert_exception = convert_exception  # type: ignore[assignment] # functools.wraps changes its type


def typed(java_exception: Any) -> errors.BeringiaError | None:
    """Make the typed error of a Java exception.

    Parameters
    ----------
    java_exception : py4j.java_gateway.JavaObject
        A ``java.lang.Throwable``.

    Returns
    -------
    BeringiaError or None
        None if no exception along the chain of causes is Beringia's.
    """
    for cause in _causes(java_exception):
        if cause.getClass().getName() == EXCEPTION_CLASS:
            error = errors.from_code(
                cause.getCode(),
                cause.getMessage(),
                group=cause.getGroup(),
                traceback=cause.getTraceback(),
                function=cause.getFunction(),
            )
            error.java_exception = java_exception
            return error
    return None


def _shows_java() -> bool:
    """Tell whether the session's setting asks for Java's stack traces, as PySpark's own errors do."""
    machine = SparkContext._jvm
    if machine is None:
        return False
    return bool(find_class(machine, "org.apache.spark.sql.internal.SQLConf").get().pysparkJVMStacktraceEnabled())


def _causes(java_exception: Any) -> Iterator[Any]:
    cause = java_exception
    for _ in range(_DEPTH):
        if cause is None:
            return
        yield cause
        cause = cause.getCause()
