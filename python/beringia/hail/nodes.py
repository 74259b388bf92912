"""Beringia's node in Hail's IR: a table that the JVM makes of another table, wrapped for Python."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from hail.utils.java import Env

import hail as hl
from beringia.spark import jvm
from beringia.spark import setup as spark_setup
from hail import ir


class NumpyMap(ir.JavaTable):
    """A function over the groups of a table's rows. It can number its rows, for randomness further on.

    It keeps the IR that it was made of: what that refers to must live as long as this.
    """

    def __init__(self, answer: str, origin: Any, again: Callable[[str], NumpyMap]):
        number, _, table_type = answer.partition(" ")
        super().__init__(hl.ttable._from_json(orjson.loads(table_type)), int(number))
        self._origin = origin
        self._again = again

    def __del__(self) -> None:
        # At the interpreter's exit, Hail may be gone before its tables are, and this module too.
        if sys is not None and not sys.is_finalizing():
            super().__del__()

    @classmethod
    def of(
        cls,
        front: Any,
        rows: hl.Table,
        keys_alone: hl.Table | None,
        plan: Mapping[str, Any],
        function: bytes | bytearray,
    ) -> NumpyMap:
        """Make the node by the JVM's `front`; for the tables see :class:`beringia.hail.grouping.Rows`."""
        backend = hl.current_backend()
        rendered = backend._render_ir(rows._tir)
        keys = None if keys_alone is None else backend._render_ir(keys_alone._tir)
        data = jvm.function_bytes(spark_setup.front(Env.spark_session()), function)

        def make(row_number: str | None) -> NumpyMap:
            text = json.dumps({**plan, "keysAlone": keys, "rowNumber": row_number})
            return cls(front.numpyMap(backend._jbackend, rendered, text, data), (rows, keys_alone), make)

        return make(None)

    def _handle_randomness(self, uid_field_name: str | None) -> NumpyMap:
        return self if uid_field_name is None else self._again(uid_field_name)
