"""The worker's end of the Hail front: the user's function between two conversions.

Travels inside the function's pickle, by value: a worker needs neither Hail nor this module. So nothing here
imports either of them, and of the modules that it is made of nothing but classes and functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beringia.hail._arguments import build, leaves_of
from beringia.hail._globals import BlockReader, frozen, shell, show
from beringia.hail._results import MisfitError, encoded, is_rows, named

GLOBALS = "__globals"
"""The keyword by which the block of globals comes. The JVM's ``MapPlan`` has the same name."""


class Wrapper:
    """What is called for each group: the user's function, between the two conversions.

    Parameters
    ----------
    function : callable
        The user's.
    arguments : list of (str, bool, str, tuple, str)
        For each argument in the order of the call: parameter, whether it goes by name, ``"group"`` or
        ``"globals"``, its node, and the policy for missing values.
    globals_types : list
        The types of the leaves of globals, in the order in which they are in the block.
    fields : list of (str, tuple, int, str) or None
        For each field of the result its name, its node, the number of its leaves and its type, where any must
        be taken apart; else None.
    many : bool
        Whether there are any number of rows per group.
    boxed : list of bool
        For each leaf whether it comes as the one row of an array, as through Spark; else none.
    """

    def __init__(self, function, arguments, globals_types, fields, many, boxed=()):
        self.function = function
        self.arguments = arguments
        self.globals_types = globals_types
        self.fields = fields
        self.many = many
        self.boxed = boxed
        self.known: Any = None  # arguments from globals: the same for every call

    def __call__(self, *leaves, **keywords):
        block = keywords.pop(GLOBALS, None)
        if self.known is None:
            self.learn(block)
        if self.boxed:
            leaves = tuple(leaf[0] if boxed else leaf for leaf, boxed in zip(leaves, self.boxed, strict=True))
        positional = []
        for name, keyword, source, node, _ in self.arguments:
            value = shell(self.known[name]) if source == "globals" else build(node, leaves)
            if keyword:
                keywords[name] = value
            else:
                positional.append(value)
        result = self.function(*positional, **keywords)
        return result if self.fields is None else self._taken_apart(result)

    def learn(self, block, values=None):
        """Take the arguments that are globals from the block, or from the values themselves."""
        known = {}
        wanted = [argument for argument in self.arguments if argument[2] == "globals"]
        if wanted and values is None:
            reader = BlockReader(block)
            values = [reader.value(wire_type) for wire_type in self.globals_types]
        for name, _, _, node, policy in wanted:
            # Only its own leaves: another argument's may have another policy.
            shown = {index: show(values[index], policy, name) for index in leaves_of(node)}
            known[name] = frozen(build(node, shown))
        self.known = known  # all of them, or none: the next group is to fail as this one does

    def _taken_apart(self, result):
        if result is None:
            return None
        if not self.many:
            return self._row(result)
        if isinstance(result, list):
            return [self._row(row) for row in result]
        columns = self._columns(result)
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
