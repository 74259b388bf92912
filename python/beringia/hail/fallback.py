"""The way through Spark's rows, for a version of Hail that the direct path does not know.

The same groups, function and results: only the transport differs. The grouped table is given to Spark with a number
for each group (`to_spark`), run there by Beringia's Spark front, and read back (`from_spark`): by ours, if they go well
with this Hail, else by Hail's own, where every value becomes an object twice. Spark keeps neither Hail's key nor its
types: both are restored here.

A group is one row here, and is grouped by its number again. That is not in vain: the tasks of a query over Hail's own
`from_spark` share what makes Spark's rows of Hail's values, and it is not made for several threads. Without an exchange
behind it, values of one task get into the rows of another (in Hail 0.2.139, `from_spark(ht.to_spark())` shows it).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hail.expr.types import HailType
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

import hail as hl
from beringia import _signature
from beringia._apart.globals import AbsentError, from_python
from beringia._apart.wrapper import Wrapper
from beringia._job import Argument, Job
from beringia.errors import MissingValueError
from beringia.hail import expressions, grouping, layout, spark_frames
from beringia.spark import jvm
from beringia.spark import setup as spark_setup

GROUP = "__group"

_warned: set[str] = set()


def warn(reason: str) -> None:
    """Say once that this way is taken."""
    if reason not in _warned:
        _warned.add(reason)
        warnings.warn(
            f"numpy_map does not know Hail {hl.version()} ({reason}): values go through Spark's rows, which is slower. "
            "Results are the same",
            UserWarning,
            stacklevel=4,
        )


@dataclass(frozen=True)
class Groups:
    """What is to be mapped.

    Attributes
    ----------
    source : Table or MatrixTable
        Where it comes from.
    keys : dict of str to Expression
        What makes the groups.
    arguments : list of Argument
        What the function gets of each.
    order : list of (Expression, bool)
        The order of their rows, each with whether it descends.
    """

    source: Any
    keys: Mapping[str, Any]
    arguments: Sequence[_signature.Argument[expressions.Input]]
    order: Sequence[tuple[Any, bool]]


def names_of(fields: Mapping[str, HailType]) -> list[str]:
    """List the names that the fields of a result have on this way, where each part of them is a column."""
    return [name for field, dtype in fields.items() for name, _ in layout.put_together(field, dtype, False).leaves]


def run(
    groups: Groups,
    function: Callable[..., Any],
    fields: Mapping[str, HailType],
    added: Mapping[str, HailType],
    many: bool,
    nan_as_null: bool,
    job: Callable[..., tuple[Job, bytes | bytearray]],
    batch_bytes: int | None,
) -> hl.Table:
    """Run a function over groups.

    Returns
    -------
    hl.Table
        Keyed by the groups' keys, with `fields` and `added`.
    """
    arguments = [_Apart.of(argument) for argument in groups.arguments]
    leaves = [leaf for argument in arguments for leaf in argument.leaves]
    made = grouping.rows(groups.source, groups.keys, leaves, groups.order, lambda _: False)
    results = [layout.put_together(name, dtype, nan_as_null) for name, dtype in fields.items()]
    called, passed = _wrapped(function, arguments, made, results, many)
    crossing = {**{name: dtype for field in results for name, dtype in field.leaves}, **added}
    of_leaf = [field.dtype for field in results for _ in field.leaves]
    spec, payload = job(called, [argument for argument, _ in passed], of_leaf)
    table = _through_spark(
        made, list(groups.keys), spec, [leaf.place for _, leaf in passed], crossing, many, payload, batch_bytes
    )
    if all(field.node == ("leaf",) for field in results):
        return table
    restored = {field.name: field.restore([table[name] for name, _ in field.leaves]) for field in results}
    return table.select(**restored, **{name: table[name] for name in added})


@dataclass
class _Apart:
    """An argument, the leaves that it is made of, and how."""

    argument: _signature.Argument[expressions.Input]
    node: layout.Node
    leaves: list[expressions.Input]
    types: list[HailType]

    @classmethod
    def of(cls, argument: _signature.Argument[expressions.Input]) -> _Apart:
        whole = argument.column
        node, leaves = layout.take_apart(whole.expression.dtype)
        if whole.is_entries:
            node = layout.with_both_axes(node, leaves)
        parts = [expressions.Input(whole.expression, whole.key, leaf.of) for leaf in leaves]
        return cls(argument, node, parts, [leaf.dtype for leaf in leaves])


def _wrapped(
    function: Callable[..., Any],
    arguments: Sequence[_Apart],
    rows: grouping.Rows,
    fields: Sequence[layout.Field],
    many: bool,
) -> tuple[Callable[..., Any], list[tuple[Argument, expressions.Input]]]:
    """Return the function as the workers call it, and its arguments, each with the leaf that it shows."""
    passed: list[tuple[Argument, expressions.Input]] = []
    described = []
    shared: list[Any] = []
    names = rows.global_columns
    found = hl.eval(hl.tuple([rows.table[name] for name in names])) if names else ()
    values = dict(zip(names, found, strict=True))
    for item in arguments:
        argument = item.argument
        is_global = argument.column.is_global
        start = len(shared) if is_global else len(passed)
        described.append(
            (
                argument.name,
                argument.keyword,
                "globals" if is_global else "group",
                layout.shifted(item.node, start),
                argument.missing,
            )
        )
        for leaf, dtype in zip(item.leaves, item.types, strict=True):
            if is_global:
                of_all = hl.tarray(dtype) if "column" in leaf.axes else dtype
                shared.append(from_python(layout.wire_type(of_all), values[leaf.place]))
            else:
                passed.append((Argument(name=argument.name, keyword=False, missing=argument.missing), leaf))
    taken_apart = any(field.node != ("leaf",) for field in fields)
    returned = [(x.name, x.node, len(x.leaves), str(x.dtype)) for x in fields] if taken_apart else None
    boxed = [leaf.key is None for _, leaf in passed]
    try:
        return Wrapper(function, described, returned, many, boxed, shared), passed
    except AbsentError as error:
        raise MissingValueError(str(error)) from None


def _through_spark(
    groups: grouping.Rows,
    keys: Sequence[str],
    job: Job,
    places: Sequence[str],
    leaves: Mapping[str, HailType],
    many: bool,
    function: bytes | bytearray,
    batch_bytes: int | None,
) -> hl.Table:
    """Run the job over a table with one row per group; its arguments are the columns `places`.

    Returns
    -------
    hl.Table
        Keyed as `groups`, with the fields `leaves`.
    """
    columns = [*groups.key_columns, *groups.value_columns]
    table = groups.table.add_index(GROUP)
    rows = table.key_by()
    shown = {name: hl.str(rows[name]) for name in keys}  # for messages
    rows = rows.select(GROUP, **shown, **{name: _each_call(rows[name], _packed) for name in columns})
    to_spark, from_spark = _ways()
    frame = to_spark(rows, flatten=False)
    session = frame.sparkSession
    front = spark_setup.front(session)
    java = front.map(
        frame.groupBy(*keys, GROUP, *groups.key_columns)._jgd,
        jvm.function_bytes(front, function),
        job.json(),
        jvm.java_list(session._jvm, [F.col(name)._jc for name in places]),
        jvm.java_list(session._jvm, []),
        jvm.java_list(session._jvm, []),
        json.dumps(_schema(leaves, many)),
        None,
        None if batch_bytes is None else str(batch_bytes),
        None,
        None,
    )
    result = from_spark(DataFrame(java, session).drop(*keys, *groups.key_columns))
    by_number = table.key_by(GROUP).select(*keys)
    result = result.annotate(__key=by_number[result[GROUP]])
    result = result.annotate(**{name: result["__key"][name] for name in keys})
    result = result.key_by(*keys)
    typed = {name: _each_call(result[name], _unpacked, dtype) for name, dtype in leaves.items()}
    return result.select(**typed).annotate_globals(**table.index_globals())


def _ways() -> tuple[Callable[..., DataFrame], Callable[[DataFrame], hl.Table]]:
    """Return what makes a table a DataFrame, and what makes one of that."""
    if spark_frames.are_ours():
        return spark_frames.to_spark, spark_frames.from_spark
    return hl.Table.to_spark, hl.Table.from_spark


def _schema(leaves: Mapping[str, HailType], many: bool) -> dict[str, Any]:
    """Return the result's type as Spark writes it in JSON."""
    fields = [
        {"name": name, "type": _spark_type(dtype), "nullable": True, "metadata": {}} for name, dtype in leaves.items()
    ]
    struct = {"type": "struct", "fields": fields}
    return {"type": "array", "elementType": struct, "containsNull": True} if many else struct


def _spark_type(dtype: HailType) -> Any:
    if isinstance(dtype, hl.tarray):
        return {"type": "array", "elementType": _spark_type(dtype.element_type), "containsNull": True}
    return {
        hl.tint32: "integer",
        hl.tcall: "integer",
        hl.tint64: "long",
        hl.tfloat32: "float",
        hl.tfloat64: "double",
        hl.tbool: "boolean",
        hl.tstr: "string",
    }[dtype]


def _each_call(expression: Any, convert: Callable[[Any], Any], dtype: HailType | None = None) -> Any:
    """Convert the calls in a leaf, however deep they lie; leave any other leaf alone."""
    dtype = expression.dtype if dtype is None else dtype
    depth, element = 0, dtype
    while isinstance(element, hl.tarray):
        depth, element = depth + 1, element.element_type
    if element != hl.tcall:
        return expression
    made = convert
    for _ in range(depth):
        made = _each(made)
    return made(expression)


def _packed(call: Any) -> Any:
    """Return a call as the 32-bit number that Hail keeps it as."""
    second = hl.if_else(call.phased, call[0] + call[1], call[1])
    number = (
        hl.case()
        .when(call.ploidy == 2, second * (second + 1) // 2 + call[0])
        .when(call.ploidy == 1, call[0])
        .default(0)
    )
    return number * 8 + call.ploidy * 2 + hl.int32(call.phased)


def _unpacked(packed: Any) -> Any:
    number, ploidy, phased = packed // 8, packed // 2 % 4, packed % 2 == 1
    second = hl.int32((hl.sqrt(8.0 * number + 1) - 1) / 2)
    first = number - second * (second + 1) // 2
    diploid = hl.if_else(phased, hl.call(first, second - first, phased=True), hl.call(first, second))
    return hl.case().when(ploidy == 2, diploid).when(ploidy == 1, hl.call(number)).default(hl.call())


def _each(inner: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what does to every element of an array what `inner` does to one."""
    return lambda array: array.map(inner)
