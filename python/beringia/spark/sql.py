"""Functions of Python under a name of their own in SQL: ``SELECT * FROM ols(TABLE(t) PARTITION BY id)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql.types import DataType

from beringia.errors import ArgumentError
from beringia.spark.call import call_of
from beringia.spark.session import session_of

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession


def register(
    spark: SparkSession,
    name: str,
    f: Callable[..., Any],
    returns: str | DataType,
    *,
    args: Mapping[str, str | Column] | Sequence[str | Column] | None = None,
    consts: Mapping[str, Any] | None = None,
    missing: str | Mapping[str, str] = "nan",
    nan_as_null: bool = False,
    on_error: str = "raise",
    writable: bool = False,
    batch_bytes: int | str | None = None,
    timeout: float | None = None,
) -> None:
    """Give a function a name in the SQL of a session, where it is called with a table.

    Whatever is of the table is said there: ``PARTITION BY``, ``ORDER BY`` and ``WITH SINGLE PARTITION``, or by the
    arguments ``by``, ``order_by``, ``keep`` and ``per``. ``DROP TEMPORARY FUNCTION`` takes the name back.

    Parameters
    ----------
    spark : SparkSession
        The session, classic or of Spark Connect.
    name : str
        The name: letters, digits and underscores.
    f, returns, args, consts, missing, nan_as_null, on_error, writable, batch_bytes, timeout
        As of :func:`beringia.spark.numpy_map`.

    Raises
    ------
    ArgumentError
        If something does not fit the function. Whether the columns do is seen when a query calls it.
    ConfigError
        If the session, or the Spark Connect server, runs without the plugin.

    Examples
    --------
    >>> register(spark, "ols", lambda x, y: np.polyfit(x, y, 1), "slope double, intercept double")  # doctest: +SKIP
    >>> spark.sql("SELECT * FROM ols(TABLE(visits) PARTITION BY patient)")  # doctest: +SKIP
    """
    session = session_of(spark, ("session.SparkSession",), "a function gets its name in a SparkSession")
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
        raise ArgumentError(f"the name of a function of SQL is made of letters, digits and underscores, got {name!r}")
    call = call_of(
        f,
        returns,
        session,
        args=args,
        consts=consts,
        missing=missing,
        nan_as_null=nan_as_null,
        on_error=on_error,
        writable=writable,
        batch_bytes=batch_bytes,
        timeout=timeout,
    )
    session.register(name, call)
