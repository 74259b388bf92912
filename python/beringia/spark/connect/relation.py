"""The relation of a plan that stands for a ``numpy_map``.

An extension of Connect's, whose bytes are Connect's own message of an aggregate: data, keys, and as "aggregates" two
literals, the function and the call in JSON, and then the columns. No message is of our own making.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect.plan import LogicalPlan

TYPE_URL = "beringia.org/numpy_map"


class NumpyMap(LogicalPlan):  # type: ignore[misc] # its types are not those of the environment that is checked
    """`aggregate` as a numpy_map."""

    def __init__(self, aggregate: LogicalPlan) -> None:
        super().__init__(aggregate)
        self._aggregate = aggregate

    def plan(self, session: Any) -> Any:
        """Return the message."""
        relation = self._create_proto_relation()
        relation.extension.type_url = TYPE_URL
        relation.extension.value = self._aggregate.plan(session).SerializeToString()
        return relation
