"""Beringia's nodes in Hail's IR: tables that the JVM makes, wrapped for Python."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson
from hail.utils.java import Env
from pyspark.sql import DataFrame, functions

import hail as hl
from beringia.hail import setup
from beringia.spark import jvm
from beringia.spark import setup as spark_setup
from hail import ir


class Node(ir.JavaTable):
    """A table of the JVM's, of its number there and its type. It can number its rows, for randomness further on.

    It keeps what it was made of: that must live as long as this.
    """

    def __init__(self, answer: str, origin: Any, again: Callable[[str], Node]):
        number, _, table_type = answer.partition(" ")
        super().__init__(hl.ttable._from_json(orjson.loads(table_type)), int(number))
        self._backend = hl.current_backend()
        self._origin = origin
        self._again = again

    def __del__(self) -> None:
        # At the interpreter's exit, Hail may be gone before its tables are, and this module too. And numbers start anew
        # with each Hail: another one's table is not to be removed for this.
        if sys is not None and not sys.is_finalizing() and setup.is_running(self._backend):
            super().__del__()

    def _handle_randomness(self, uid_field_name: str | None) -> Node:
        return self if uid_field_name is None else self._again(uid_field_name)


class NumpyMap(Node):
    """A function over the groups of a table's rows."""

    @classmethod
    def of(
        cls,
        front: Any,
        rows: hl.Table,
        plan: Mapping[str, Any],
        function: bytes | bytearray,
    ) -> NumpyMap:
        """Make the node by the JVM's `front`; for the rows see :class:`beringia.hail.grouping.Rows`."""
        rendered = hl.current_backend()._render_ir(rows._tir)
        data = jvm.function_bytes(spark_setup.front(Env.spark_session()), function)
        return cls._numbered(front, rendered, data, rows, plan, None)

    @classmethod
    def _numbered(
        cls, front: Any, rendered: str, data: Any, rows: hl.Table, plan: Mapping[str, Any], row_number: str | None
    ) -> NumpyMap:
        text = json.dumps({**plan, "rowNumber": row_number})
        answer = front.numpyMap(hl.current_backend()._jbackend, rendered, text, data)
        return cls(answer, rows, partial(cls._numbered, front, rendered, data, rows, plan))

    def base_search(self, criteria: Callable[[ir.BaseIR], bool]) -> list[ir.BaseIR]:
        """Search what the rows are made of too: where Hail looks for the expression that an error comes from."""
        return [*self._origin._tir.base_search(criteria), *super().base_search(criteria)]


class Import(Node):
    """Rows that are in a file."""

    @classmethod
    def of(cls, front: Any, file: Any, plan: Mapping[str, Any], row_number: str | None = None) -> Import:
        """Make the node by the JVM's `front`, of a plan (see ``ImportPlan.scala``); `file` must be there meanwhile."""
        backend = hl.current_backend()
        child = hl.utils.range_table(1, 1).key_by().select()
        text = json.dumps({**plan, "rowNumber": row_number})
        answer = front.importTable(backend._jbackend, backend._render_ir(child._tir), text)
        return cls(answer, (file, child), partial(cls.of, front, file, plan))


class SparkRows(Node):
    """The rows of a DataFrame."""

    @classmethod
    def of(cls, front: Any, frame: DataFrame, key: Sequence[str], row_number: str | None = None) -> SparkRows:
        """Make the node by the JVM's `front`."""
        rows = frame if row_number is None else frame.withColumn(row_number, functions.monotonically_increasing_id())
        answer = front.fromSpark(hl.current_backend()._jbackend, rows._jdf, list(key))
        return cls(answer, frame, partial(cls.of, front, frame, key))
