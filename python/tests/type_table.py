"""The table of types, ``docs/types.json``, as the tests of every front read it, and its page, ``docs/types.md``.

A row of the table is a type: what each front calls it, the format in which it crosses (Arrow's C interface), what a
function sees of it as an argument and as a key, one value (dates, times and decimals as Arrow's integers), and how a
message writes a key of that value.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DOCS = Path(__file__).parents[2] / "docs"
MILLISECONDS_OF_A_DAY = 86_400_000

HEAD = """# Types

Which types cross, what a function sees of them, and how messages write them. The table is made of `types.json` by
`make docs`; the tests of every language and front read it, and check their code against it.

An argument of `n` rows has the shape given; a key is a scalar of the type given, `None` where null; no type means that
it is no key there. As a result each type takes what an argument of it is, and comes back as it was. Messages call a
type as its front does, and write the key `k` of a group as in the last column. On Hail they write keys as Hail does:
floats as `1.00000e-01`, text without quotes.

Arrays of numbers and times are stacked where all of a group have one length; else, as arrays of objects always, they
come as objects that are arrays. The vectors and matrices of Spark ML, and Hail's calls, loci, intervals, sets, dicts,
structs, tuples and ndarrays, are made of the types here (see [Spark](spark.md#vectors-and-matrices-of-spark-ml),
[Hail](hail.md#what-a-function-sees)). Maps, unions and intervals of months are refused.

Text that is not UTF-8, as Spark's `cast(x'ff' as string)` and readers without checks make it, goes through as it came
in keys and kept columns. A group that would show it to its function fails with a `GroupError` that names the argument,
its bytes and the group (`on_error` as always); cast to binary, a function gets the bytes. Hail's text is always UTF-8.

| pyarrow | Spark | Hail | format | argument | key | in a message |
|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Type:
    """A row of the table: `pyarrow` is a function of it and its arguments; what a front has no type for is None.

    `hail_text` is what Hail writes of a key, where that is not `text`.
    """

    pyarrow: list[Any]
    arrow: str
    format: str
    argument: str
    value: Any
    key: str | None = None
    text: str | None = None
    spark: str | None = None
    hail: str | None = None
    hail_text: str | None = None

    @property
    def kind(self) -> pa.DataType:
        return _kind(self.pyarrow)

    def array(self) -> pa.Array:
        """An array of the value alone."""
        return _array(self.kind, self.value)


def rows() -> list[Type]:
    return [Type(**row) for row in json.loads((DOCS / "types.json").read_text(encoding="utf-8"))]


def _kind(made: list[Any]) -> pa.DataType:
    name, *arguments = made
    if name == "struct":
        return pa.struct({field: _kind(kind) for field, kind in arguments[0].items()})
    are_kinds = [isinstance(argument, list) and isinstance(argument[0], str) for argument in arguments]
    return getattr(pa, name)(*(_kind(a) if is_kind else a for a, is_kind in zip(arguments, are_kinds, strict=True)))


def _array(kind: pa.DataType, value: Any) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, _array(kind.storage_type, value))
    if pa.types.is_dictionary(kind):
        return _array(kind.value_type, value).dictionary_encode()
    if pa.types.is_run_end_encoded(kind):
        return pc.run_end_encode(_array(kind.value_type, value))
    if pa.types.is_decimal(kind):
        return pa.array([Decimal(value).scaleb(-kind.scale)], kind)
    if pa.types.is_date64(kind):
        return pa.array([value * MILLISECONDS_OF_A_DAY]).view(kind)
    if pa.types.is_temporal(kind):
        return pa.array([value], pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)
    if pa.types.is_float16(kind):
        return pa.array([np.float16(value)], kind)
    if isinstance(value, str) and "binary" in str(kind):
        return pa.array([value.encode()], kind)
    return pa.array([value], kind)


def seen(value: Any, axis: str = "n") -> str:
    """What came, in the words of the table: the size of the first axis is any."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {seen(item)}" for name, item in value.items()) + "}"
    if isinstance(value, np.ndarray):
        axes = ", ".join([axis, *map(str, value.shape[1:])]) + ("," if value.ndim == 1 else "")
        items = f"object of {seen(value.flat[0], 'p')}" if value.dtype == object else str(value.dtype)
        return f"({axes}) {items}"
    return str(value.dtype) if isinstance(value, np.generic) else type(value).__name__


def first(value: Any) -> Any:
    """The value of an argument that has one row."""
    return {name: first(item) for name, item in value.items()} if isinstance(value, dict) else value[0]


def page() -> str:
    def cell(text: str | None) -> str:
        return f"`{text}`" if text else ""

    def line(row: Type) -> str:
        text = f"k={row.text}" if row.text else None
        words = [row.arrow, row.spark, row.hail, row.format, row.argument, row.key, text]
        return f"| {' | '.join(map(cell, words))} |\n"

    return HEAD + "".join(map(line, rows()))


if __name__ == "__main__":
    (DOCS / "types.md").write_text(page(), encoding="utf-8")
