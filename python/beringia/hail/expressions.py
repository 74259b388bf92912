"""What users write, as expressions of one table: keys of groups, arguments of functions, the order of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hail.expr.expressions import Expression, analyze
from hail.table import Ascending, Descending

import hail as hl
from beringia._window import Window
from beringia.errors import ArgumentError
from beringia.hail import types
from hail import ir

CALLER = "numpy_map"


@dataclass
class Input:
    """An argument of the function.

    Attributes
    ----------
    expression : Expression
        What the user wrote.
    key : str or None
        The key field it is, where it is one: then it comes as a scalar.
    part : callable
        Makes what crosses of it: itself, where nothing is taken apart.
    place : str
        The field in which that is.
    """

    expression: Any
    key: str | None
    part: Callable[[Any], Any] = lambda x: x
    place: str = ""

    @property
    def axes(self) -> set[str]:
        """The axes that the expression is indexed by."""
        return axes_of(self.expression)

    @property
    def is_global(self) -> bool:
        """Whether it is the same for all groups: column- or global-indexed."""
        return self.key is None and "row" not in self.axes

    @property
    def is_entries(self) -> bool:
        """Whether a row has an array of it, one value for each column."""
        return self.key is None and self.axes == {"row", "column"}


def axes_of(expression: Any) -> set[str]:
    """Return the axes that an expression is indexed by. What is random, or a scan, is another value in each row."""
    return set(expression._indices.axes) or ({"row"} if _differs_by_row(expression) else set())


def _differs_by_row(expression: Any) -> bool:
    made = expression._ir
    return made.uses_randomness or bool(made.search(lambda node: isinstance(node, ir.ApplyScanOp)))


def source_of(expressions: Sequence[Any]) -> Any:
    """Return the one Table or MatrixTable that the expressions come from."""
    for expression in expressions:
        source = expression._indices.source
        if source is not None:
            return source
    raise ArgumentError(
        f"{CALLER}: expected key_expr to be a field or expression of a Table or MatrixTable, found a scalar "
        "expression without a source. Pass one of them as an expression, such as ht.gene"
    )


def keys_of(key_expr: Any, source: Any) -> dict[str, Any]:
    """Return the key fields by name.

    A field keeps its name, a struct (such as ``mt.row_key``) spreads into its fields, another expression
    is called ``id``.
    """
    if isinstance(key_expr, Mapping):
        named = [(name, _expression("key_expr", source, value)) for name, value in key_expr.items()]
    else:
        several = key_expr if isinstance(key_expr, (list, tuple)) else [key_expr]
        named = []
        for item in several:
            expression = _expression("key_expr", source, item)
            if isinstance(expression.dtype, hl.tstruct):
                named += [(name, expression[name]) for name in expression.dtype]
            else:
                named.append((expression._ir.name if expression._ir.is_nested_field else "id", expression))
    if not named:
        raise ArgumentError(f"{CALLER}: key_expr is empty: without a key there are no groups")
    keys: dict[str, Any] = {}
    for name, expression in named:
        if name in keys:
            raise ArgumentError(f"{CALLER}: two key expressions are called {name!r}: give names, key_expr=dict(…)")
        analyze(f"{CALLER}: key_expr", expression, source._row_indices)
        _refuse_ndarrays("key_expr", expression)
        keys[name] = expression
    return keys


def accept(source: Any, keys: Mapping[str, Any], parameter: str, value: Any) -> Input:
    """Return the argument that a parameter takes, checked against the source."""
    if isinstance(value, str):
        if value not in source._fields:
            raise ArgumentError(
                f"parameter '{parameter}': the {type(source).__name__} has no field {value!r}. Its columns are "
                f"{', '.join(source._fields)}. A required parameter takes the column of its name, unless args names "
                "another"
            )
        value = source[value]
    if isinstance(value, (list, tuple, Mapping)) and _holds_expressions(value):
        value = hl.expr.expressions.to_expr(value)  # [ht.x, ht.y], as everywhere in Hail
    if not isinstance(value, Expression):
        raise ArgumentError(
            f"{parameter} must be a column, as an expression such as ht.x, got {type(value).__name__}. "
            "Pass a constant in consts: consts={'name': value}"
        )
    indices = source._entry_indices if isinstance(source, hl.MatrixTable) else source._row_indices
    analyze(f"{CALLER}: args[{parameter!r}]", value, indices)
    key = next((name for name, expression in keys.items() if is_same(expression, value)), None)
    try:
        types.check_argument(value.dtype)
    except ArgumentError as error:
        raise ArgumentError(f"{CALLER}: args[{parameter!r}]: {error}") from None
    return Input(value, key)


def _holds_expressions(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_expressions, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_expressions, value))
    return isinstance(value, Expression)


def is_same(left: Any, right: Any) -> bool:
    """Tell whether two expressions are the same one, or written alike."""
    return left is right or (left.dtype == right.dtype and left._ir == right._ir)


def ordering(source: Any, order_by: Any) -> list[tuple[Any, bool]]:
    """Return the expressions of `order_by`, each with whether it descends."""
    several = order_by if isinstance(order_by, (list, tuple)) else [] if order_by is None else [order_by]
    result = []
    for item in several:
        column = item.col if isinstance(item, (Ascending, Descending)) else item
        expression = _expression("order_by", source, column)
        analyze(f"{CALLER}: order_by", expression, source._row_indices)
        _refuse_ndarrays("order_by", expression)
        result.append((expression, isinstance(item, Descending)))
    return result


def _expression(where: str, source: Any, item: Any) -> Any:
    """Return the expression that an item is: itself, or the field that it names."""
    if isinstance(item, Expression):
        return item
    if isinstance(item, Window):
        raise ArgumentError(f"{where}: a window is a key by itself, key_expr=window(…), without others beside it")
    if not isinstance(item, str):
        raise ArgumentError(f"{where} takes expressions of the rows, such as ht.gene, or names of fields; got {item!r}")
    if item not in source._fields:
        raise ArgumentError(
            f"{where}: the {type(source).__name__} has no field {item!r}. Its columns are {', '.join(source._fields)}"
        )
    return source[item]


def _refuse_ndarrays(where: str, expression: Any) -> None:
    if isinstance(expression.dtype, hl.tndarray):
        raise ArgumentError(f"{where}: Hail has no order of {expression.dtype}. Take an array of its values")
