"""From an error of a Spark Connect server to the typed error on the client.

The client turns every error into an exception in a single function; :func:`install` wraps it. The server sends the
classes of an exception and of its causes, and for those that Spark knows as its own their parameters:
``org.beringia.spark.NumpyMapException`` has what makes one of the classes of :mod:`beringia.errors`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any

from pyspark.errors.exceptions import connect

from beringia import errors

EXCEPTION_CLASS = "org.beringia.spark.NumpyMapException"

_CLIENT = "pyspark.sql.connect.client.core"  # takes the converter as it is imported, which may have been before


def install() -> None:
    """Wrap the client's converter of errors. Doing it twice is doing it once."""
    convert: Any = connect.convert_exception
    if getattr(convert, "__beringia__", False):
        return

    @functools.wraps(convert)
    def convert_exception(info: Any, message: str, response: Any = None, *others: Any, **options: Any) -> Any:
        return typed(response) or convert(info, message, response, *others, **options)

    convert_exception.__beringia__ = True  # type: ignore[attr-defined]
    for module in (connect, sys.modules.get(_CLIENT)):
        if module is not None:
            module.convert_exception = convert_exception  # type: ignore[attr-defined]


def typed(response: Any) -> errors.BeringiaError | None:
    """Make the typed error of what the server says of an exception.

    Parameters
    ----------
    response : pyspark.sql.connect.proto.FetchErrorDetailsResponse or None
        The exception and its causes.

    Returns
    -------
    BeringiaError or None
        None if none of them is Beringia's.
    """
    for error in _causes(response):
        if EXCEPTION_CLASS in error.error_type_hierarchy:
            parameters = dict(error.spark_throwable.message_parameters)
            return errors.from_code(
                int(parameters["code"]),
                parameters["message"],
                group=parameters.get("group"),
                traceback=parameters.get("traceback"),
                function=parameters.get("function"),
            )
    return None


def _causes(response: Any) -> Iterator[Any]:
    if response is None or not response.HasField("root_error_idx"):
        return
    place = response.root_error_idx
    while True:
        error = response.errors[place]
        yield error
        if not error.HasField("cause_idx"):
            return
        place = error.cause_idx
