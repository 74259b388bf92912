"""The way through Spark's rows, for a version of Hail that the direct path does not know.

The same groups, function and results: only the transport differs. The grouped table is given to Spark with a number
for each group (`to_spark`), run there by Beringia's Spark front, and read back (`from_spark`). Spark keeps neither
Hail's key nor its types: both are restored here. Slower, for every value becomes an object twice.

A group is one row here, and is grouped by its number again. That is not in vain: the tasks of a query over
`from_spark` share what makes Spark's rows of Hail's values, and it is not made for several threads. Without an exchange
behind it, values of one task get into the rows of another (in Hail 0.2.139, `from_spark(ht.to_spark())` shows it).
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hail.expr.types import HailType
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

import hail as hl
from beringia.hail.grouping import Rows
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


def run(
    groups: Rows,
    keys: Sequence[str],
    plan: Mapping[str, Any],
    leaves: Mapping[str, HailType],
    function: bytes | bytearray,
) -> hl.Table:
    """Run the job over a table with one row per group.

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
    frame = rows.to_spark(flatten=False)
    session = frame.sparkSession
    spec = copy.deepcopy(plan["spec"])
    for argument in spec["options"]["arguments"]:
        del argument["type"]  # as Spark calls it
    front = spark_setup.front(session)
    names = [
        columns[argument.pop("column") - 1] for argument in spec["options"]["arguments"]
    ]  # after the group's number
    java = front.map(
        frame.groupBy(*keys, GROUP, *groups.key_columns)._jgd,
        jvm.function_bytes(front, function),
        json.dumps(spec),
        jvm.java_list(session._jvm, [F.col(name)._jc for name in names]),
        jvm.java_list(session._jvm, []),
        jvm.java_list(session._jvm, []),
        json.dumps(_schema(leaves, plan["many"])),
        None,
        None if plan["batchBytes"] is None else str(plan["batchBytes"]),
    )
    result = hl.Table.from_spark(DataFrame(java, session).drop(*keys, *groups.key_columns))
    by_number = table.key_by(GROUP).select(*keys)
    result = result.annotate(__key=by_number[result[GROUP]])
    result = result.annotate(**{name: result["__key"][name] for name in keys})
    result = result.key_by(*keys)
    typed = {name: _each_call(result[name], _unpacked, dtype) for name, dtype in leaves.items()}
    return result.select(**typed).annotate_globals(**table.index_globals())


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
