"""The user's function between two conversions."""

from __future__ import annotations

from typing import Any

import numpy as np

from beringia._apart.arguments import build, leaves_of
from beringia._apart.globals import show
from beringia._apart.results import MisfitError, carried, encoded, is_rows, named
from beringia._shared import frozen, own


class Wrapper:
    """What is called for each group: the user's function, between the two conversions.

    Parameters
    ----------
    function : callable
        The user's.
    arguments : list of (str, bool, str, tuple, str)
        For each argument in the order of the call: parameter, whether it goes by name, ``"group"`` or
        ``"globals"``, its node, and the policy for missing values.
    fields : list of (str, tuple, int, str) or None
        For each field of the result its name, its node, the number of its leaves and its type, where any must
        be taken apart; else None.
    many : bool
        Whether there are any number of rows per group.
    boxed : list of bool
        For each leaf whether it comes as the one row of an array.
    shared : list
        The leaves of globals (see :func:`beringia._apart.globals.from_python`).
    """

    def __init__(self, function, arguments, fields, many, boxed, shared):
        self.function = function
        self.arguments = arguments
        self.fields = fields
        self.many = many
        self.boxed = boxed
        self.known: dict[str, Any] = {}  # arguments from globals: the same for every call
        for name, _, source, node, policy in arguments:
            if source == "globals":
                # Only its own leaves: another argument's may have another policy.
                shown = {index: show(shared[index], policy, name) for index in leaves_of(node)}
                self.known[name] = build(node, shown)

    def __call__(self, *leaves, **keywords):
        leaves = tuple(leaf[0] if boxed else leaf for leaf, boxed in zip(leaves, self.boxed, strict=True))
        positional = []
        for name, keyword, source, node, _ in self.arguments:
            value = own(frozen(self.known[name])) if source == "globals" else build(node, leaves)
            if keyword:
                keywords[name] = value
            else:
                positional.append(value)
        result = self.function(*positional, **keywords)
        return result if self.fields is None else self._taken_apart(result)

    def _taken_apart(self, result):
        if result is None:
            return None
        result = carried(result)
        if not self.many:
            return self._row(result)
        if isinstance(result, list):
            return [self._row(carried(row)) for row in result]
        columns = [carried(column) for column in self._columns(result)]
        lengths = {len(column) for column in columns if is_rows(column)}
        if len(lengths) > 1:
            shown = ", ".join(
                f"'{field[0]}' has {len(column)} rows"
                for field, column in zip(self.fields, columns, strict=True)
                if is_rows(column)
            )
            raise MisfitError(f"the fields of one group differ in length: {shown}")
        rows = lengths.pop() if lengths else 1
        leaves: list[Any] = []
        for field, column in zip(self.fields, columns, strict=True):
            _, node, count, _ = field
            if node == ("leaf",):
                leaves.append(column)
                continue
            items = list(column) if is_rows(column) else [column] * rows
            parts = [encoded(field, item) for item in items]
            leaves.extend([part[i] for part in parts] for i in range(count))
        return tuple(leaves)

    def _row(self, result):
        if result is None:
            return None
        leaves: list[Any] = []
        for field, value in zip(self.fields, self._fields(result), strict=True):
            leaves.extend([value] if field[1] == ("leaf",) else encoded(field, value))
        return tuple(leaves)

    def _fields(self, result):
        """One value for each field, from a function that returns one row."""
        names = [name for name, *_ in self.fields]
        found = named(result, names)
        if found is not None:
            return found
        if type(result) is tuple or (len(names) > 1 and isinstance(result, (tuple, list, np.ndarray))):
            if len(result) != len(names):
                raise MisfitError(f"expected {len(names)} fields ({', '.join(names)}), got a tuple of {len(result)}")
            return list(result)
        if len(names) == 1:
            return [result]
        raise MisfitError(f"expected {len(names)} fields ({', '.join(names)}), got {type(result).__name__}")

    def _columns(self, result):
        """One value for each field, from a function that returns columns."""
        names = [name for name, *_ in self.fields]
        if isinstance(result, np.ndarray) and result.dtype.names is None and len(names) == 1:
            return [result]
        return self._fields(result)
