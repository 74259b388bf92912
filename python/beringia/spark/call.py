"""What a call is, whatever the data: the function, its columns and constants, and how it runs; checked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.sql.types import DataType

from beringia import _consts, _function, _options, _signature
from beringia._job import Argument, Job, NumpyOptions, Program, Shape
from beringia.errors import ArgumentError
from beringia.spark.session import Session, column_of

if TYPE_CHECKING:
    from pyspark.sql import Column


@dataclass(frozen=True)
class Call:
    """A call.

    Attributes
    ----------
    function : bytes or bytearray
        The pickled function, and behind it its constants.
    job : Job
        What is said of it.
    args : list
        The column of each argument, as the session has columns.
    returns : str
        The type of the result: DDL, or Spark's JSON.
    batch_bytes : int, optional
        Bytes of a batch.
    """

    function: bytes | bytearray
    job: Job
    args: list[Any]
    returns: str
    batch_bytes: int | None


def call_of(
    f: Callable[..., Any],
    returns: str | DataType,
    session: Session,
    *,
    args: Mapping[str, str | Column] | Sequence[str | Column] | None,
    consts: Mapping[str, Any] | None,
    missing: str | Mapping[str, str],
    nan_as_null: bool,
    on_error: str,
    writable: bool,
    batch_bytes: int | str | None,
    timeout: float | None,
) -> Call:
    """Return the call that the options of :func:`beringia.spark.numpy_map` describe.

    Raises
    ------
    ArgumentError
        If they do not fit the function.
    """
    fields = _text(returns)
    constants = _consts.checked(consts)
    arguments = _signature.bind(f, args, missing, functools.partial(column_of, session), constants)
    size = _options.batch_bytes(batch_bytes)
    payload = _consts.pack(f, constants)
    job = Job(
        program=Program(
            name=_function.name_of(f),
            function_bytes=payload.function_bytes,
            interpreter=session.interpreter,
            paths=session.paths,
        ),
        shape=Shape(mapping=_options.mapping(writable)),
        policy=_options.policy(on_error, timeout),
        block=payload.block,
        options=NumpyOptions(
            arguments=[Argument(name=a.name, keyword=a.keyword, missing=a.missing) for a in arguments],
            arrays=payload.arrays,
            nan_as_null=bool(nan_as_null),
        ),
    )
    return Call(payload.data, job, [argument.column for argument in arguments], fields, size)


def _text(returns: Any) -> str:
    """Return the type of a result as Spark reads it: DDL, or its JSON."""
    if isinstance(returns, DataType):
        return returns.json()
    if isinstance(returns, str):
        return returns
    raise ArgumentError(f"returns is DDL, 'name type, …', or a type of pyspark.sql.types, got {returns!r}")
