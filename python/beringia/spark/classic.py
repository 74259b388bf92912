"""A classic session: ``numpy_map`` handed to ``PythonFront`` in the driver's JVM, over py4j."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column, DataFrame, GroupedData
from pyspark.sql import functions as F

from beringia._job import Job
from beringia.spark import interpreter, jvm, setup


class Classic:
    """The classic session of `data`; see :class:`beringia.spark.front.Session`.

    Raises
    ------
    ConfigError
        If the session runs without the plugin.
    """

    def __init__(self, data: DataFrame | GroupedData) -> None:
        if isinstance(data, GroupedData):
            self.grouped, self._java, self._session = True, data._jgd, data.session
        else:
            self.grouped, self._java, self._session = False, data._jdf, data.sparkSession
        self._front = setup.front(self._session)
        python = interpreter.resolve(self._session)
        self.interpreter: str | None = python
        self.paths: list[str] | None = interpreter.paths(self._session.sparkContext, python)

    def column(self, value: Any) -> Any:
        """Return the Java column of what the user wrote; None if that is none."""
        if isinstance(value, str):
            return F.col(value)._jc
        return value._jc if isinstance(value, Column) else None

    def map(
        self,
        function: bytes | bytearray,
        job: Job,
        args: list[Any],
        keep: list[Any],
        order_by: list[Any],
        returns: str,
        per: str | None,
        batch_bytes: int | None,
    ) -> DataFrame:
        """Return the DataFrame that the JVM makes."""
        machine = self._session._jvm
        frame = self._front.map(
            self._java,
            jvm.function_bytes(self._front, function),
            job.json(),
            jvm.java_list(machine, args),
            jvm.java_list(machine, keep),
            jvm.java_list(machine, order_by),
            returns,
            per,
            None if batch_bytes is None else str(batch_bytes),
        )
        return DataFrame(frame, self._session)
