"""From an exception in the JVM to the typed error on the driver.

PySpark turns every Java exception into a Python one in a single function, looked up by name at each call.
:func:`install` wraps that function: an ``org.beringia.BeringiaException`` anywhere along the chain of causes
becomes the class of :mod:`beringia.errors` that its code names; anything else goes the old way.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors.exceptions import captured

from beringia import errors

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
        if isinstance(original, Py4JJavaError):
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
            return errors.from_code(
                cause.getCode(),
                cause.getMessage(),
                group=cause.getGroup(),
                traceback=cause.getTraceback(),
                function=cause.getFunction(),
            )
    return None


def _causes(java_exception: Any) -> Iterator[Any]:
    cause = java_exception
    for _ in range(_DEPTH):
        if cause is None:
            return
        yield cause
        cause = cause.getCause()
