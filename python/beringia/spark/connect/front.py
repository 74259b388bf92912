"""A session of Spark Connect: calls handed to the server in messages, a ``numpy_map`` as part of a plan.

What the server makes of them is ``jvm-plugin/spark/src/main/spark-4/org/beringia/spark/connect``. It has the last word
on the interpreter and its paths, which are its own machine's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.group import GroupedData
from pyspark.sql.connect.session import SparkSession

import beringia
from beringia.errors import BeringiaError, ConfigError
from beringia.spark.call import Call
from beringia.spark.connect.messages import NumpyMap, register_command
from beringia.spark.connect.server import START
from beringia.spark.grouping import Windows

_MESSAGE_BYTES = 1 << 20  # a function of more goes to the server once, and not with each plan that it is part of

_RELATIONS = "spark.connect.extensions.relation.classes"
_RELATION = "org.beringia.spark.connect.NumpyMapRelation"


class Connect:
    """The session that `value` belongs to, or is; see :class:`beringia.spark.session.Session`."""

    interpreter: str | None = None
    paths: list[str] | None = None

    def __init__(self, value: SparkSession | DataFrame | GroupedData) -> None:
        if isinstance(value, SparkSession):
            self._session = value
        else:
            self._session = (value._df if isinstance(value, GroupedData) else value).sparkSession

    def column(self, value: Any) -> Column | None:
        """Return the column that the user wrote; None if it is none."""
        if isinstance(value, str):
            return F.col(value)
        return value if isinstance(value, Column) else None

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
        """Return the DataFrame of a plan that the server has analysed: what it refuses is raised here."""
        grouped = self.groups(data)
        groups = data if grouped else data.groupBy()
        said: dict[str, Any] = {"grouped": grouped, "per": per, "keep": len(keep), "orderBy": len(order_by)}
        columns = [*keep, *order_by]
        if windows is not None:
            said["windows"] = windows.said
            columns.append(windows.column)
        aggregate = self._aggregate(groups, call, columns, said)
        frame = DataFrame(NumpyMap(aggregate._plan), self._session)
        self._asking(lambda: frame.schema)
        return frame

    def register(self, name: str, call: Call) -> None:
        """Give a call a name in the session's SQL, on the server."""
        aggregate = self._aggregate(self._session.range(0).groupBy(), call, [], {"name": name})
        client = self._session.client
        self._asking(lambda: client.execute_command(register_command(aggregate._plan.plan(client))))

    def _aggregate(self, groups: GroupedData, call: Call, columns: Sequence[Any], more: Mapping[str, Any]) -> DataFrame:
        """Return what carries a call: see :mod:`beringia.spark.connect.messages`."""
        said = {
            "version": beringia.__version__,
            "spec": call.job.spec(),
            "returns": call.returns,
            "batchBytes": call.batch_bytes,
            "args": len(call.args),
            **more,
        }
        content = bytes(call.function)
        sent = content if len(content) <= _MESSAGE_BYTES else self._session.client.cache_artifact(content)
        return groups.agg(F.lit(sent), F.lit(json.dumps(said)), *call.args, *columns)

    def _asking(self, ask: Callable[[], Any]) -> None:
        """Ask the server, and say what it lacks if that is why it cannot answer."""
        try:
            ask()
        except BeringiaError:
            raise
        except Exception as error:
            if _RELATION not in self._session.conf.get(_RELATIONS, ""):
                raise ConfigError(f"this server runs without Beringia: {START}") from error
            raise
