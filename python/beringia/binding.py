"""A function's parameters matched with columns, for a driver that is not Python: ``python -m beringia.binding``.

Reads a request from standard input, a line of JSON and then what the function is loaded from; writes the answer as
JSON to standard output. What it refuses, and in which words, is what :func:`beringia.spark.numpy_map` refuses: the
same code decides.
"""

from __future__ import annotations

import datetime
import json
import os
import sys
import traceback
from typing import Any, TextIO

from beringia import _function, _modules, _options, _signature, _window, worker
from beringia._job import Argument, Job, NumpyOptions, Program, Shape
from beringia.errors import ArgumentError, BeringiaError


class Given(str):
    """A column of ``args`` as messages show it, and its place among them."""

    place: int


def main() -> None:
    """Answer the one request on standard input."""
    answer_to = _own_output()
    worker.drop_working_directory()
    request = json.loads(sys.stdin.buffer.readline())
    try:
        answer = bind(request, sys.stdin.buffer.read())
    except BeringiaError as error:
        answer = {"error": {"code": error.code, "message": str(error), "traceback": error.traceback}}
    with answer_to:
        json.dump(answer, answer_to)


def bind(request: dict[str, Any], payload: bytes) -> dict[str, Any]:
    """Load the function and decide which columns it gets.

    Parameters
    ----------
    request : dict
        ``function`` and ``paths`` as in the job's spec (docs/jvm-boundary.md); ``args``, the parameters named or,
        with ``byPosition``, the columns as messages show them; ``consts``, names; ``missing`` and the options
        as :func:`beringia.spark.numpy_map` takes them; ``window``, its size and step and what they are numbers of, or
        None; ``kept`` and ``ordered``, whether there are columns of these options.
    payload : bytes
        What the function is loaded from.

    Returns
    -------
    dict
        ``spec``, fields of the job's spec; ``columns``, for each of its arguments the place in ``args`` or the
        name of a column; ``batchBytes``, a number or None.

    Raises
    ------
    ArgumentError
        If the function cannot be loaded, or something does not fit it.
    """
    _modules.search(request["paths"])
    function = _load(request["function"], payload)
    columns = [Given(shown) for shown in request["args"]]
    for place, column in enumerate(columns):
        column.place = place
    arguments: list[_signature.Argument[str]] = _signature.bind(
        function,
        columns if request["byPosition"] else {str(column): column for column in columns},
        request["missing"],
        lambda _, column: column,
        request["consts"],
    )
    size = _options.batch_bytes(request["batchBytes"])
    if request["window"] is not None:
        _check_window(request)
    job = Job(
        program=Program(name=_function.name_of(function), function=request["function"]),
        shape=Shape(mapping=_options.mapping(request["writable"])),
        policy=_options.policy(request["onError"], request["timeout"]),
        options=NumpyOptions(
            arguments=[Argument(name=a.name, keyword=a.keyword, missing=a.missing) for a in arguments],
            nan_as_null=bool(request["nanAsNull"]),
        ),
    )
    return {
        "spec": job.spec(),
        "columns": [getattr(argument.column, "place", argument.column) for argument in arguments],
        "batchBytes": size,
    }


def _check_window(request: dict[str, Any]) -> None:
    """Refuse windows that there are not, or that do not go with the other options."""
    said = request["window"]
    unit = datetime.timedelta(microseconds=1) if said["unit"] == "microseconds" else 1
    window = _window.checked(None, said["size"] * unit, said["step"] * unit, of_rows=said["unit"] == "rows")
    _options.check_window(window, kept=request["kept"], ordered=request["ordered"], writable=request["writable"])


def _load(kind: str, payload: bytes) -> Any:
    try:
        return _function.load(kind, payload)
    except Exception as error:
        raise ArgumentError(
            f"the function '{kind}' cannot be loaded: {type(error).__name__}: {error}", traceback=traceback.format_exc()
        ) from error


def _own_output() -> TextIO:
    """Take standard output for the answer alone: what a module prints when it is imported goes to standard error."""
    answer_to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answer_to


if __name__ == "__main__":
    main()
