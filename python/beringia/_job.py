"""A job as every front writes it: one specification, in the JSON of docs/jvm-boundary.md.

What a front does not know yet, such as the number of a column that only its engine can tell, stays None and is left
out; the JVM fills it in.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Program:
    """What runs.

    Attributes
    ----------
    name : str
        The function's name, for messages.
    function : str
        ``"pickle"``, ``"module:qualname"`` or ``"source:name"``.
    function_bytes : int, optional
        How many bytes of the payload are the function, where a block follows.
    interpreter : str, optional
        The Python to run.
    python_version : str
        The minor version that it must have.
    paths : sequence of str
        Entries for ``sys.path``.
    convention : str
        How the function is called.
    """

    name: str
    function: str = "pickle"
    function_bytes: int | None = None
    interpreter: str | None = None
    python_version: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    paths: Sequence[str] | None = None
    convention: str = "numpy"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """From what to what it maps; the types are said beside it.

    Attributes
    ----------
    rows : {"one", "many"}, optional
        How many result rows a group has.
    keys : int, optional
        How many leading columns of the input are keys.
    keep : sequence of int, optional
        Columns of the input that the output carries through.
    mapping : {"readOnly", "private"}
        Whether the function may write to its arguments, which are then its own.
    """

    rows: str | None = None
    keys: int | None = None
    keep: Sequence[int] | None = None
    mapping: str = "readOnly"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What becomes of what goes wrong.

    Attributes
    ----------
    on_error : {"raise", "null", "column"}
        What becomes of a group that fails.
    timeout : float, optional
        Seconds that one call may take.
    """

    on_error: str = "raise"
    timeout: float | None = None


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument of a call.

    Attributes
    ----------
    name : str
        The parameter.
    keyword : bool
        Whether it is passed by name.
    missing : {"nan", "mask", "error"}
        What a missing value becomes.
    column : int, optional
        The column of the input that it shows.
    type : str, optional
        What the engine calls that column's type.
    """

    name: str
    keyword: bool
    missing: str
    column: int | None = None
    type: str | None = None


@dataclass(frozen=True, kw_only=True)
class Constant:
    """An array in the block that all workers see.

    Attributes
    ----------
    name : str
        The parameter.
    dtype : str
        NumPy's type string.
    shape : sequence of int
        The shape.
    fortran : bool
        Whether the first axis varies fastest.
    offset : int
        Where it begins in the block.
    """

    name: str
    dtype: str
    shape: Sequence[int]
    fortran: bool
    offset: int


@dataclass(frozen=True, kw_only=True)
class TypeNames:
    """What an engine calls types, in messages.

    Attributes
    ----------
    fields : sequence of str
        The types of the fields that the function returns.
    float64 : str
        The type that has NaN for a missing value.
    cast : str, optional
        What makes a value that type, where it is no column.
    """

    fields: Sequence[str]
    float64: str
    cast: str | None = None


@dataclass(frozen=True, kw_only=True)
class NumpyOptions:
    """How a function is called with arrays.

    Attributes
    ----------
    arguments : sequence of Argument
        In the order of the call.
    arrays : sequence of Constant, optional
        Constants that are passed by name after the arguments.
    nan_as_null : bool
        Whether NaN in a result becomes null.
    type_names : TypeNames, optional
        Where they are not Spark's.
    """

    arguments: Sequence[Argument]
    arrays: Sequence[Constant] = ()
    nan_as_null: bool = False
    type_names: TypeNames | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job.

    Attributes
    ----------
    program : Program
        What runs.
    options : NumpyOptions
        How it is called.
    shape : Shape
        From what to what.
    policy : Policy
        What becomes of what goes wrong.
    block : str, optional
        Names the content of the block that follows the function.
    """

    program: Program
    options: NumpyOptions
    shape: Shape = field(default_factory=Shape)
    policy: Policy = field(default_factory=Policy)
    block: str | None = None

    def spec(self) -> dict[str, Any]:
        """Return it as the core reads it, without what is None."""
        spec: dict[str, Any] = _plain(self)
        return spec

    def json(self) -> str:
        """Return the spec as JSON."""
        return json.dumps(self.spec())


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        parts = {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
        return {_camel_case(name): _plain(part) for name, part in parts.items() if part is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
