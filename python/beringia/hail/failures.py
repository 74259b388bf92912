"""From a failed task to the typed error on the driver.

Hail gives Python the text of an exception and nothing else. :func:`install` wraps the function that makes
Hail's error of it: where one of Beringia's exceptions is in the chain of causes, the JVM is asked for the
exception itself, which it has kept, and the class of :mod:`beringia.errors` that its code names is raised.
"""

from __future__ import annotations

import functools
from typing import Any

from hail.backend import py4j_backend
from hail.utils.java import Env

from beringia import errors
from beringia.spark.failures import EXCEPTION_CLASS
from beringia.spark.jvm import find_class


def install() -> None:
    """Wrap Hail's maker of errors. Doing it twice is doing it once."""
    make = py4j_backend.fatal_error_from_java_error_triplet
    if getattr(make, "__beringia__", False):
        return

    @functools.wraps(make)
    def fatal_error_from_java_error_triplet(short: str, expanded: str, error_id: int) -> Exception:
        error = typed(expanded) if EXCEPTION_CLASS in expanded else None
        return make(short, expanded, error_id) if error is None else error

    fatal_error_from_java_error_triplet.__beringia__ = True  # type: ignore[attr-defined]
    py4j_backend.fatal_error_from_java_error_triplet = fatal_error_from_java_error_triplet


def typed(expanded: str) -> errors.BeringiaError | None:
    """Return the typed error of what Hail printed of an exception, or None if the JVM kept none for it."""
    found: Any = find_class(Env.backend()._jvm, "org.beringia.hail.FailureLog").find(expanded)
    if found is None:
        return None
    return errors.from_code(
        found.getCode(),
        found.getMessage(),
        group=found.getGroup(),
        traceback=found.getTraceback(),
        function=found.getFunction(),
    )
