"""The contract on Hail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

import hail as hl
from contract.case import Case, fields

_PLAIN = {
    pa.bool_(): hl.tbool,
    pa.int32(): hl.tint32,
    pa.int64(): hl.tint64,
    pa.float32(): hl.tfloat32,
    pa.float64(): hl.tfloat64,
    pa.string(): hl.tstr,
}

_ALL = "all"  # the key where all rows are one group

_TYPECHECK = "Hail's own check of argument types refuses it, with a TypeError"
_MISSING_LAST = "Hail's order_by puts missing values last, either way"
_APART = "Hail takes a struct apart: the key has its fields"
_ZEROS = "Hail's own groups have two zeros"
_WORDS = "the message has Hail's name of the type"

_OTHERWISE = {
    "refused: args of another kind": _TYPECHECK,
    "refused: consts of another kind": _TYPECHECK,
    "refused: no function": _TYPECHECK,
    "refused: missing that is no policy": _TYPECHECK,
    "refused: on_error that is none": _TYPECHECK,
    "refused: a timeout that is no number": _TYPECHECK,
    "refused: a list for a key": "Hail groups by keys of any type",
    "refused: a field twice": "Hail's structs have no field twice",
    "structs are keys, with nulls and NaN in them": _APART,
    "a struct key comes as a dict": _APART,
    "a struct key stands at each of many rows": _APART,
    "a struct key is written out in errors": _APART,
    "in order: a name ascends, nulls first": _MISSING_LAST,
    "in order: descending, nulls first": _MISSING_LAST,
    "the reason of a misfit is in a column": _WORDS,
    "does not fit: a part of structs too few": "the message lists the fields that are wanted",
    "zero is one key, of float": _ZEROS,
    "zero is one key, of double": _ZEROS,
    "zero is one key in structs too": _ZEROS,
    "a key of -0.0 is 0.0": _ZEROS,
}


class Hail:
    """``hl.experimental.numpy_map`` on tables."""

    name = "hail"

    def __init__(self) -> None:
        self._tables: dict[int, tuple[pa.Table, hl.Table]] = {}

    def lacks(self, case: Case) -> str | None:
        """Return why the front cannot run a case; None if it can."""
        if case.has_windows:
            return "windows of Hail are over a locus, with keys of their own"
        if case.by is None or "per" in case.options:
            return "on Hail there are groups always, and no per"
        if "keep" in case.options:
            return "a Hail table is annotated with its results by a join: there is no keep"
        for kind in case.types():
            try:
                hail_type(kind)
            except KeyError as error:
                return f"Hail has no type for {error}"
        return _OTHERWISE.get(case.name)

    def type_name(self, kind: pa.DataType) -> str:
        """Return what messages call a type."""
        return str(hail_type(kind))

    def run(self, case: Case) -> list[tuple[Any, ...]]:
        """Return the rows that a case gives, or raise what it raises."""
        ht = self._table(case.data)
        options = dict(case.options)
        if "order_by" in options:
            options["order_by"] = [_order(item) for item in options["order_by"]]
        keys = [ht[name] for name in case.by or (_ALL,)]
        result = hl.experimental.numpy_map(case.f, keys, _returns(case), **options)
        rows = [tuple(_plain(value) for value in row.values()) for row in result.collect()]
        return rows if case.by else [row[1:] for row in rows]

    def _table(self, table: pa.Table) -> hl.Table:
        # The Arrow table is kept with Hail's: its id stays its own.
        if id(table) not in self._tables:
            made = hl.Table.parallelize(table.to_pylist(), _struct(table.schema), n_partitions=2)
            self._tables[id(table)] = table, made.annotate(**{_ALL: 0}) if _ALL not in made.row else made
        return self._tables[id(table)][1]


def hail_type(kind: pa.DataType) -> hl.HailType:
    """Return Hail's type for Arrow's.

    Raises
    ------
    KeyError
        If there is none.
    """
    if pa.types.is_list(kind):
        return hl.tarray(hail_type(kind.value_type))
    if pa.types.is_struct(kind):
        return _struct(kind.fields)
    return _PLAIN[kind]


def _struct(members: Any) -> hl.tstruct:
    return hl.tstruct(**{each.name: hail_type(each.type) for each in members})


def _returns(case: Case) -> hl.HailType:
    members, many = fields(case.returns)
    return hl.tarray(_struct(members)) if many else _struct(members)


def _order(item: Any) -> Any:
    if isinstance(item, str):
        return item
    name, direction, *_ = item
    return hl.desc(name) if direction == "descending" else hl.asc(name)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
