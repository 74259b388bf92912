"""A classic session: calls handed to ``PythonFront`` in the driver's JVM, over py4j."""

from __future__ import annotations

import json
from typing import Any

from pyspark.sql import Column, DataFrame, GroupedData, SparkSession
from pyspark.sql import functions as F

from beringia.spark import interpreter, jvm, setup
from beringia.spark.call import Call
from beringia.spark.grouping import Windows


class Classic:
    """The classic session that `value` belongs to, or is; see :class:`beringia.spark.session.Session`.

    Raises
    ------
    ConfigError
        If the session runs without the plugin.
    """

    def __init__(self, value: SparkSession | DataFrame | GroupedData) -> None:
        if isinstance(value, SparkSession):
            self._session = value
        else:
            self._session = value.session if isinstance(value, GroupedData) else value.sparkSession
        self._front = setup.front(self._session)
        python = interpreter.resolve(self._session)
        self.interpreter: str | None = python
        self.paths: list[str] | None = interpreter.paths(self._session.sparkContext, python)

    def column(self, value: Any) -> Any:
        """Return the Java column of what the user wrote; None if that is none."""
        if isinstance(value, str):
            return F.col(value)._jc
        return value._jc if isinstance(value, Column) else None

    def groups(self, data: Any) -> bool:
        """Tell whether data are groups."""
        return isinstance(data, GroupedData)

    def map(
        self,
        data: Any,
        call: Call,
        *,
        keep: list[Any],
        order_by: list[Any],
        per: str | None,
        windows: Windows | None,
    ) -> DataFrame:
        """Return the DataFrame that the JVM makes."""
        function, spec, args, returns, batch_bytes = self._java(call)
        frame = self._front.map(
            data._jgd if self.groups(data) else data._jdf,
            function,
            spec,
            args,
            jvm.java_list(self._session._jvm, keep),
            jvm.java_list(self._session._jvm, order_by),
            returns,
            per,
            batch_bytes,
            None if windows is None else windows.column,
            None if windows is None else json.dumps(windows.said),
        )
        return DataFrame(frame, self._session)

    def register(self, name: str, call: Call) -> None:
        """Give a call a name in the session's SQL."""
        self._front.register(self._session._jsparkSession, name, *self._java(call))

    def _java(self, call: Call) -> tuple[Any, ...]:
        """Return a call as ``PythonFront`` takes it."""
        return (
            jvm.function_bytes(self._front, call.function),
            call.job.json(),
            jvm.java_list(self._session._jvm, call.args),
            call.returns,
            None if call.batch_bytes is None else str(call.batch_bytes),
        )
