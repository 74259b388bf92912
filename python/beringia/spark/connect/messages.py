"""The messages that ask a server for a ``numpy_map``, as a relation of a plan, or for a name in SQL, as a command.

Extensions of Connect's, whose bytes are Connect's own message of an aggregate: data, keys, and as "aggregates" two
literals, the function and the call in JSON, and then the columns. No message is of our own making.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import proto
from pyspark.sql.connect.plan import LogicalPlan

MAP_URL = "beringia.org/numpy_map"
REGISTER_URL = "beringia.org/register"


class NumpyMap(LogicalPlan):  # type: ignore[misc] # its types are not those of the environment that is checked
    """`aggregate` as a numpy_map."""

    def __init__(self, aggregate: LogicalPlan) -> None:
        super().__init__(aggregate)
        self._aggregate = aggregate

    def plan(self, session: Any) -> Any:
        """Return the message."""
        relation = self._create_proto_relation()
        _extend(relation, MAP_URL, self._aggregate.plan(session))
        return relation


def register_command(aggregate: Any) -> Any:
    """Return the message that gives a function a name, of the message of an aggregate."""
    command = proto.Command()
    _extend(command, REGISTER_URL, aggregate)
    return command


def _extend(message: Any, url: str, content: Any) -> None:
    message.extension.type_url = url
    message.extension.value = content.SerializeToString()
