"""From expressions to the rows that :class:`beringia.hail.nodes.NumpyMap` works on.

The source (a Table or MatrixTable) is inferred from the expressions. The node brings the rows together by their keys
itself. Where only Hail knows the order of the keys, Hail's `group_by` and `collect` do it, several times slower: then
each row is a group, with arrays of what its rows held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hail.expr.types import HailType

import hail as hl
from beringia.hail import types
from beringia.hail.expressions import Input, is_same
from hail import ir


@dataclass
class Rows:
    """What the node works on.

    Attributes
    ----------
    table : hl.Table
        The rows, with the fields named below.
    plan : dict or None
        How they are brought together, as the node takes it; None if each row is a group, and its key the group's.
    are_large : bool
        Whether a row is much more than what the plan needs of it.
    key_columns, value_columns, global_columns : list of str
        Fields with scalars of the key, with the groups' values, and globals.
    entry_columns : list of str
        Those with values that are entries: a row has an array of them.
    """

    table: Any
    plan: dict[str, Any] | None
    are_large: bool
    key_columns: list[str]
    value_columns: list[str]
    global_columns: list[str]
    entry_columns: list[str]


def _has_arrays(dtype: HailType) -> bool:
    if isinstance(dtype, (hl.tarray, hl.tset, hl.tdict, hl.tndarray)):
        return True
    return any(map(_has_arrays, types.parts(dtype)))


def rows(
    source: Any,
    keys: Mapping[str, Any],
    inputs: Sequence[Input],
    order: Sequence[tuple[Any, bool]],
    can_group_by: Callable[[HailType], bool],
) -> Rows:
    """Return the rows with what is needed of them; grouped by Hail if the node can not do it by each of these types."""
    by_node = all(can_group_by(e.dtype) for e in (*keys.values(), *(expression for expression, _ in order)))
    plan = _Plan(source, keys, inputs, order, by_node)
    table = plan.rows_of_matrix() if isinstance(source, hl.MatrixTable) else plan.rows_of_table()
    return plan.of_node(table) if by_node else plan.aggregated(table)


def windowed(source: Any, fields: Mapping[str, Any], plan: Mapping[str, Any], inputs: Sequence[Input]) -> Rows:
    """Return the rows with what is needed of them, and `fields`, by which `plan` finds their windows."""
    made = _Plan(source, {}, inputs, [], True, fields)
    table = made.rows_of_matrix() if isinstance(source, hl.MatrixTable) else made.rows_of_table()
    return made.of_windows(table, plan)


class _Plan:
    """The names of all that is computed on the way."""

    def __init__(
        self,
        source: Any,
        keys: Mapping[str, Any],
        inputs: Sequence[Input],
        order: Sequence[tuple[Any, bool]],
        by_node: bool,
        of_windows: Mapping[str, Any] | None = None,
    ):
        self.source = source
        self.by_node = by_node
        self.inputs = inputs
        self.keys = keys
        self.descending = [descends for _, descends in order]
        self.rows: dict[str, Any] = {}  # what is row-indexed, by field
        self.columns: dict[str, Any] = {}
        self.entries: dict[str, Any] = {}
        self.globals: dict[str, Any] = {}
        self.collected: list[str] = []
        self.of_key: dict[str, Input] = {}
        for number, item in enumerate(inputs):
            item.place = f"__{number}"
            if of_windows is not None and item.key is not None:  # the node makes it
                item.place = item.key
                self.of_key[item.place] = item
            else:
                self._place(item)
        self.order = [f"__order_{i}" for i in range(len(order))]
        self.rows.update(zip(self.order, (expression for expression, _ in order), strict=True))
        # The table's own key, or the start of it: then the groups are together already.
        own = list(source.row_key if isinstance(source, hl.MatrixTable) else source.key or {})
        self.is_prefix = (
            bool(keys) and list(keys) == own[: len(keys)] and all(is_same(keys[k], source[k]) for k in keys)
        )
        if of_windows is not None:
            self.rows.update(of_windows)
        elif not self.is_prefix:
            self.rows.update({f"__key_{i}": expression for i, expression in enumerate(keys.values())})

    @property
    def by(self) -> dict[str, str]:
        """The fields of the rows by which they are grouped, each with the name of the key that it becomes."""
        return {name if self.is_prefix else f"__key_{i}": name for i, name in enumerate(self.keys)}

    def _place(self, item: Input) -> None:
        made = item.part(item.expression)
        if item.key is not None:
            self.of_key[item.place] = item
            if self.by_node:  # which takes it from the group's first row
                self.rows[item.place] = made
        elif item.is_global:
            (self.columns if "column" in item.axes else self.globals)[item.place] = made
        else:
            (self.entries if item.is_entries else self.rows)[item.place] = made
            self.collected.append(item.place)

    def rows_of_table(self) -> Any:
        """Return the rows with the fields that are needed, and the key if it stays."""
        base, _ = self.source._process_joins(*self.rows.values(), *self.globals.values())
        return self._mapped(base, self.rows, self.globals)

    def rows_of_matrix(self) -> Any:
        """Return the same; entries as arrays, and column fields as globals."""
        # Not by Hail's select, which names fields anew in each query: what was compiled for one would serve no other.
        mark = "__"
        while any(name.startswith(mark) for name in self.source._fields):
            mark += "_"
        axes = (self.rows, self.columns, self.entries, self.globals)
        mt = self.source._annotate_all(*({mark + name: made for name, made in axis.items()} for axis in axes))
        in_arrays = self.columns or self.entries
        base = mt.localize_entries(mark + "entries", mark + "columns") if in_arrays else mt.rows()

        def each(array: str, fields: Mapping[str, Any]) -> dict[str, Any]:
            return {name: base[mark + array].map(lambda one, name=name: one[mark + name]) for name in fields}

        rows = {name: base[mark + name] for name in self.rows} | each("entries", self.entries)
        shared = {name: base[mark + name] for name in self.globals} | each("columns", self.columns)
        return self._mapped(base, rows, shared)

    def _mapped(self, base: Any, rows: Mapping[str, Any], shared: Mapping[str, Any]) -> Any:
        """Return a table's rows with these fields, and the key if it stays; globals are the source's and `shared`."""
        table = base._tir
        if self.is_prefix:
            rows = {**{name: base[name] for name in base.key}, **rows}
        else:
            table = ir.TableKeyBy(table, [])
        table = ir.TableMapRows(table, hl.struct(**rows)._ir)
        kept = {name: base[name] for name in self.source.globals}
        if shared or len(kept) < len(base.globals):
            table = ir.TableMapGlobals(table, hl.struct(**kept, **shared)._ir)
        return hl.Table(table)

    def of_node(self, rows: Any) -> Rows:
        """Leave it to the node to bring the rows together."""
        plan = {
            "keys": list(self.by.items()),
            "order": list(zip(self.order, self.descending, strict=True)),
            "keyed": self.is_prefix,
        }
        return self._rows(rows, plan)

    def of_windows(self, rows: Any, plan: Mapping[str, Any]) -> Rows:
        """Leave it to the node to find the windows."""
        return self._rows(rows, {"window": plan})

    def aggregated(self, rows: Any) -> Rows:
        """Group the rows by Hail's own means, order each group, and add the scalars of the key."""
        fields = {name: hl.agg.collect(rows[name]) for name in [*self.collected, *self.order]}
        if self.is_prefix:
            tir = rows._tir
            if len(self.keys) < len(rows.key):
                tir = ir.TableKeyBy(tir, list(self.keys), is_sorted=True)
            table = hl.Table(ir.TableAggregateByKey(tir, hl.struct(**fields)._ir))
        else:
            table = rows.group_by(**{place: rows[place] for place in self.by}).aggregate(**fields).rename(self.by)
        if self.order:
            table = self._ordered(table)
        if self.of_key:
            table = table.annotate(**{place: item.part(table[item.key]) for place, item in self.of_key.items()})
        columns = [*self.of_key, *self.collected]
        if list(table.row_value) != columns:
            table = table.select(*columns)
        return self._rows(table, None)

    def _rows(self, table: Any, plan: dict[str, Any] | None) -> Rows:
        are_large = any(_has_arrays(table[name].dtype) for name in self.collected)
        shared = [item.place for item in self.inputs if item.is_global]
        entries = [item.place for item in self.inputs if item.is_entries]
        return Rows(table, plan, are_large, list(self.of_key), self.collected, shared, entries)

    def _ordered(self, table: Any) -> Any:
        # A stable sort for each key, the last one first. Only whole tuples are compared: Hail cannot compile much
        # more. Ties go by position; missing values come last, either way, as in Hail's own order_by.
        places = hl.range(hl.len(table[self.order[0]]))
        for name, descends in reversed(list(zip(self.order, self.descending, strict=True))):
            places = _sorted_by(table[name], places, descends)
        table = table.annotate(__places=places)
        return table.annotate(
            **{name: table["__places"].map(lambda i, name=name: table[name][i]) for name in self.collected}
        )


def _sorted_by(values: Any, places: Any, descends: bool) -> Any:
    """Return `places` in the order of the values there."""
    if descends:
        # Backwards, but for the ties: defined before missing, large before small.
        elements = hl.enumerate(places).map(
            lambda pair: hl.tuple([hl.is_defined(values[pair[1]]), values[pair[1]], -pair[0], pair[1]])
        )
        return hl._sort_by(elements, lambda left, right: hl._compare(right, left) < 0).map(lambda found: found[3])
    elements = hl.enumerate(places).map(lambda pair: hl.tuple([values[pair[1]], pair[0], pair[1]]))
    return hl._sort_by(elements, lambda left, right: hl._compare(left, right) < 0).map(lambda found: found[2])
