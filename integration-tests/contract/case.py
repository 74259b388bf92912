"""A case of the contract: what is called, and the rows or the error that must come. It knows no front.

Columns, fields and expected values are Arrow's and Python's; what differs from front to front (how types are called,
which types there are, whether the order of groups is defined) is the front's to say.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from beringia._function import name_of
from beringia._window import Window
from beringia.errors import BeringiaError


@dataclass(frozen=True)
class Fails:
    """An error: exactly this class, with all these words in its message.

    Attributes
    ----------
    kind : type
        The class itself, none derived from it.
    words : tuple
        What the message contains; an Arrow type stands for what the front calls it, a tuple for its parts together.
    group : str, optional
        The key of the group at fault, as the error's field has it.
    """

    kind: type[BeringiaError]
    words: tuple[str | pa.DataType | tuple[str | pa.DataType, ...], ...]
    group: str | None = None


@dataclass(frozen=True)
class Case:
    """One call of ``numpy_map``, and what must come of it.

    Attributes
    ----------
    name : str
        A sentence that is true.
    f : callable
        The function.
    data : pyarrow.Table
        The input.
    returns : pyarrow.Schema or pyarrow.DataType
        A schema for one row per group, a list of struct for many.
    rows : list of tuple, optional
        Keys, kept columns, fields: Python's values, times as ``datetime`` (with UTC where they are instants). Rows of
        one group are in order, groups in any.
    error : Fails, optional
        What is raised instead.
    by : tuple of str and Window, optional
        The grouping columns; ``()``: all rows are one group; None: no groups, and `options` has ``per``.
    options : dict
        Whatever else ``numpy_map`` takes, in the form that all fronts share: columns by name, ``order_by`` as a list of
        ``(name, "ascending" | "descending")``.
    """

    name: str
    f: Callable[..., Any]
    data: pa.Table
    returns: pa.Schema | pa.DataType
    rows: Sequence[tuple[Any, ...]] | None = None
    error: Fails | None = None
    by: tuple[str | Window, ...] | None = ("k",)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name.replace(" ", "_")

    @property
    def has_windows(self) -> bool:
        """Whether windows make the groups."""
        return any(isinstance(key, Window) for key in self.by or ())

    def types(self) -> list[pa.DataType]:
        """Every type that the case has to do with: of columns, and of fields."""
        return [*self.data.schema.types, *(each.type for each in fields(self.returns)[0])]


def fields(returns: Any) -> tuple[list[pa.Field], bool]:
    """Return the fields of `returns`, and whether there may be many rows a group."""
    if isinstance(returns, pa.Schema):
        return list(returns), False
    many = pa.types.is_list(returns)
    return list((returns.value_type if many else returns).fields), many


def check(front: Any, case: Case) -> None:
    """Run a case on a front, and compare; skip what the front cannot do, with its reason."""
    reason = front.lacks(case)
    if reason is not None:
        pytest.skip(f"{front.name}: {reason}")
    if case.error is None:
        keys = 0 if case.by is None else len(case.by)
        assert _sorted(front.run(case), keys) == _sorted(case.rows, keys)
        return
    with pytest.raises(BeringiaError) as caught:
        front.run(case)
    error = caught.value
    assert type(error) is case.error.kind, error
    for word in case.error.words:
        parts = word if isinstance(word, tuple) else (word,)
        expected = "".join(part if isinstance(part, str) else front.type_name(part) for part in parts)
        assert expected in str(error), f"no {expected!r} in: {error}"
    if case.error.group is not None:
        assert error.group == case.error.group
        assert error.group in str(error)
        assert error.function == name_of(case.f)


def _sorted(rows: Any, keys: int) -> list[tuple[Any, ...]]:
    """Rows in the order of their keys; without keys those of the only group as they are, all rows otherwise."""
    shown = [tuple(_canonical(value) for value in row) for row in rows]
    return sorted(shown, key=lambda row: repr(row[:keys] if keys else ()))


def _canonical(value: Any) -> Any:
    """A form that compares as it should: NaN equals itself, 0.0 is not -0.0, True is not 1."""
    if isinstance(value, bool | float) or value is None:
        return "nan" if isinstance(value, float) and math.isnan(value) else repr(value)
    if hasattr(value, "tolist"):
        return _canonical(value.tolist())
    if isinstance(value, Mapping):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc).isoformat()
    return value
