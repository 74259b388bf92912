"""A session of Spark Connect: ``numpy_map`` handed to the server as part of a plan.

What the server makes of it is ``jvm-plugin/spark/src/main/spark-4/org/beringia/spark/connect``. It has the last word on
the interpreter and its paths, which are its own machine's.
"""

from __future__ import annotations

import json
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.group import GroupedData

import beringia
from beringia._job import Job
from beringia.errors import BeringiaError, ConfigError
from beringia.spark.connect.relation import NumpyMap
from beringia.spark.connect.server import START

_MESSAGE_BYTES = 1 << 20  # a function of more goes to the server once, and not with each plan that it is part of

_RELATIONS = "spark.connect.extensions.relation.classes"
_RELATION = "org.beringia.spark.connect.NumpyMapRelation"


class Connect:
    """The session of `data` on a server; see :class:`beringia.spark.front.Session`."""

    interpreter: str | None = None
    paths: list[str] | None = None

    def __init__(self, data: DataFrame | GroupedData) -> None:
        self.grouped = isinstance(data, GroupedData)
        self._groups: GroupedData = data if isinstance(data, GroupedData) else data.groupBy()

    def column(self, value: Any) -> Column | None:
        """Return the column that the user wrote; None if it is none."""
        if isinstance(value, str):
            return F.col(value)
        return value if isinstance(value, Column) else None

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
        """Return the DataFrame of a plan that the server has analysed: what it refuses is raised here."""
        call = {
            "version": beringia.__version__,
            "spec": job.spec(),
            "grouped": self.grouped,
            "returns": returns,
            "per": per,
            "batchBytes": batch_bytes,
            "args": len(args),
            "keep": len(keep),
            "orderBy": len(order_by),
        }
        session = self._groups._df.sparkSession
        content = bytes(function)
        sent = content if len(content) <= _MESSAGE_BYTES else session.client.cache_artifact(content)
        aggregate = self._groups.agg(F.lit(sent), F.lit(json.dumps(call)), *args, *keep, *order_by)
        frame = DataFrame(NumpyMap(aggregate._plan), session)
        try:
            frame.schema  # noqa: B018 (asks the server)
        except BeringiaError:
            raise
        except Exception as error:
            _require_plugin(session, error)
            raise
        return frame


def _require_plugin(session: Any, error: Exception) -> None:
    """Say what the server lacks, if that is why it gave `error`."""
    if _RELATION not in session.conf.get(_RELATIONS, ""):
        raise ConfigError(f"this server runs without Beringia: {START}") from error
