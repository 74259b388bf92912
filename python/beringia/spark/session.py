"""A session of Spark as calls see it.

It is classic (:mod:`beringia.spark.classic`), or a client of Spark Connect (:mod:`beringia.spark.connect`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pyspark

from beringia.errors import ArgumentError, ConfigError

if TYPE_CHECKING:
    from beringia.spark.call import Call
    from beringia.spark.grouping import Windows


class Session(Protocol):
    """A session.

    Attributes
    ----------
    interpreter : str, optional
        The Python that runs the functions, where it is this side that decides.
    paths : list of str, optional
        Entries for its ``sys.path``, where it is this side that decides.
    """

    interpreter: str | None
    paths: list[str] | None

    def column(self, value: Any) -> Any:
        """Return the column that the user wrote, by name or as an expression; None if it is none."""

    def groups(self, data: Any) -> bool:
        """Tell whether data of this session are groups."""

    def map(
        self,
        data: Any,
        call: Call,
        *,
        keep: list[Any],
        order_by: list[Any],
        per: str | None,
        windows: Windows | None,
    ) -> Any:
        """Return the lazy DataFrame of a call on data of this session."""

    def register(self, name: str, call: Call) -> None:
        """Give a call a name in the session's SQL."""


def session_of(value: Any, kinds: tuple[str, ...], wanted: str) -> Session:
    """Return the session of what the user gave.

    Parameters
    ----------
    value
        Of one of `kinds`, classic or of Spark Connect.
    kinds : tuple of str
        Classes, as modules of ``pyspark.sql`` have them.
    wanted : str
        What messages call them.

    Raises
    ------
    ArgumentError
        If it is none of them.
    ConfigError
        If the session runs without the plugin, or is one of Spark Connect on Spark 3.5.
    """
    # By name: a client of Spark Connect alone cannot import the one, a classic session need not have the other.
    classes = {f"{cls.__module__}.{cls.__qualname__}" for cls in type(value).__mro__}
    if any(f"pyspark.sql.connect.{kind}" in classes for kind in kinds):
        if pyspark.__version__.startswith("3."):
            raise ConfigError(
                "Beringia on Spark Connect needs Spark 4 (a server of Spark 3.5 does not tell its clients what caused "
                "an error): use a classic session of Spark 3.5, SparkSession.builder.master(...)"
            )
        from beringia.spark.connect.front import Connect

        return Connect(value)
    if any(f"pyspark.sql.{kind}" in classes for kind in kinds):
        from beringia.spark.classic import Classic

        return Classic(value)
    raise ArgumentError(f"{wanted}, got {type(value).__name__}")


def column_of(session: Session, parameter: str, value: Any) -> Any:
    """Return the column that the user wrote for `parameter`.

    Raises
    ------
    ArgumentError
        If it is none.
    """
    column = session.column(value)
    if column is None:
        raise ArgumentError(
            f"{parameter} must be a column, by name or as an expression, got {type(value).__name__}. "
            "Pass a constant in consts: consts={'name': value}"
        )
    return column
