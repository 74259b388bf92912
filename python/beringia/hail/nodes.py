"""Beringia's nodes in Hail's IR: tables that the JVM makes of another table, wrapped for Python."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from hail.utils.java import Env

import hail as hl
from beringia.spark import frames
from beringia.spark import setup as spark_setup
from hail import ir


class Node(ir.JavaTable):
    """A table of the JVM. It keeps the IR that it was made of: what that refers to must live as long as this."""

    def __init__(self, answer: str, child: Any):
        number, _, table_type = answer.partition(" ")
        super().__init__(hl.ttable._from_json(orjson.loads(table_type)), int(number))
        self._child = child

    def __del__(self) -> None:
        # At the interpreter's exit, Hail may be gone before its tables are, and this module too.
        if sys is not None and not sys.is_finalizing():
            super().__del__()


class NumpyMap(Node):
    """A function over a table with one row per group. It can number its rows, for randomness further on."""

    def __init__(self, answer: str, child: Any, again: Callable[[str], NumpyMap]):
        super().__init__(answer, child)
        self._again = again

    @classmethod
    def of(cls, front: Any, child: Any, plan: Mapping[str, Any], function: bytes | bytearray) -> NumpyMap:
        """Make the node over the table IR `child` by the JVM's `front`."""
        backend = hl.current_backend()
        rendered = backend._render_ir(child)
        data = frames._function_bytes(spark_setup.front(Env.spark_session()), function)

        def make(row_number: str | None) -> NumpyMap:
            text = json.dumps({**plan, "rowNumber": row_number})
            return cls(front.numpyMap(backend._jbackend, rendered, text, data), child, make)

        return make(None)

    def _handle_randomness(self, uid_field_name: str | None) -> NumpyMap:
        return self if uid_field_name is None else self._again(uid_field_name)


def collect_by_key(
    front: Any,
    child: Any,
    keys: Mapping[str, str],
    order: Sequence[tuple[str, bool]],
    columns: Sequence[str],
    keyed: bool,
) -> Node | None:
    """Bring the rows of the table IR `child` together.

    Parameters
    ----------
    keys : mapping of str to str
        Fields by which rows are grouped, each with the name that it gets.
    order : sequence of (str, bool)
        Fields by which the rows of a group are ordered, each with whether it descends. Missing values come last.
    columns : sequence of str
        Fields that become arrays.
    keyed : bool
        Whether `keys` are the table's own key, or the start of it.

    Returns
    -------
    Node or None
        None if keys, or an order, of these types are left to Hail.
    """
    backend = hl.current_backend()
    plan = {"keys": list(keys.items()), "order": list(order), "columns": list(columns), "keyed": keyed}
    answer = front.collectByKey(backend._jbackend, backend._render_ir(child), json.dumps(plan))
    return Node(answer, child) if answer else None
