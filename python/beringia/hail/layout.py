"""Hail's types in Spark's: which columns cross for an expression on the way through Spark, and what they make there.

A *leaf* is a column of numbers, booleans, strings or calls, or of arrays of these: what crosses. Any other type
is taken apart into leaves in Hail's IR, and put together again from them at the other end, by a *node*: a tuple
that says how, read by :mod:`beringia._apart.arguments`. Results travel the same way back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hail.expr.types import HailType

import hail as hl
from beringia.errors import ArgumentError
from beringia.hail.types import PLAIN

Node = tuple[Any, ...]


@dataclass(frozen=True)
class Leaf:
    """A column that crosses.

    Attributes
    ----------
    dtype : HailType
        Its type: one of the plain ones, or call, or arrays of them.
    of : callable
        Makes it of the expression that it is a part of.
    """

    dtype: HailType
    of: Callable[[Any], Any]


def take_apart(dtype: HailType) -> tuple[Node, list[Leaf]]:
    """Return how an argument of type `dtype` crosses.

    Raises
    ------
    ArgumentError
        If it has no NumPy form.
    """
    leaves: list[Leaf] = []
    node = _argument(dtype, lambda x: x, leaves, nested=False)
    return node, leaves


def _argument(dtype: HailType, of: Callable[[Any], Any], leaves: list[Leaf], nested: bool) -> Node:
    def part(part_type: HailType, get: Callable[[Any], Any]) -> Node:
        return _argument(part_type, lambda x: get(of(x)), leaves, nested)

    def leaf(kind: str) -> Node:
        leaves.append(Leaf(dtype, of))
        return (kind, len(leaves) - 1)

    if dtype in PLAIN:
        return leaf("leaf")
    if dtype == hl.tcall:
        return leaf("call")
    if isinstance(dtype, hl.tlocus):
        fields = {"contig": (hl.tstr, lambda x: x.contig), "position": (hl.tint32, lambda x: x.position)}
        return ("struct", {name: part(t, get) for name, (t, get) in fields.items()})
    if isinstance(dtype, hl.tinterval):
        fields = {
            "start": (dtype.point_type, lambda x: x.start),
            "end": (dtype.point_type, lambda x: x.end),
            "includes_start": (hl.tbool, lambda x: x.includes_start),
            "includes_end": (hl.tbool, lambda x: x.includes_end),
        }
        return ("struct", {name: part(t, get) for name, (t, get) in fields.items()})
    if isinstance(dtype, hl.tstruct):
        return ("struct", {name: part(t, _at(name)) for name, t in dtype.items()})
    if isinstance(dtype, hl.ttuple):
        return ("tuple", [part(t, _at(i)) for i, t in enumerate(dtype.types)])
    if isinstance(dtype, hl.tset):
        return part(hl.tarray(dtype.element_type), hl.array)
    if isinstance(dtype, hl.tdict):
        keys = part(hl.tarray(dtype.key_type), lambda x: x.keys())
        values = part(hl.tarray(dtype.value_type), lambda x: x.values())
        return ("struct", {"key": keys, "value": values})
    if isinstance(dtype, hl.tarray):
        # An array of structs is a struct of arrays.
        elements: list[Leaf] = []
        node = _argument(dtype.element_type, lambda x: x, elements, nested=True)
        start = len(leaves)
        for element in elements:
            leaves.append(Leaf(hl.tarray(element.dtype), _mapped_by(of, element.of)))
        return shifted(node, start)
    if isinstance(dtype, hl.tndarray) and dtype.element_type in PLAIN and not nested:
        leaves.append(Leaf(hl.tarray(dtype.element_type), lambda x: of(x).reshape(-1)._data_array()))
        leaves.append(Leaf(hl.tarray(hl.tint64), lambda x: _shape(of(x))))
        return ("nd", len(leaves) - 2, len(leaves) - 1)
    raise ArgumentError(f"type {dtype} has no NumPy form here")


def _shape(array: Any) -> Any:
    """Return the shape of an ndarray as an array, which is missing where that is."""
    sizes = hl.array(list(array.shape)) if array.ndim else hl.empty_array(hl.tint64)
    return hl.or_missing(hl.is_defined(array), sizes)


def with_both_axes(node: Node, leaves: Sequence[Leaf]) -> Node:
    """Return the node of an entry-indexed argument: what is no number has rows and columns of entries, too."""
    kind, *parts = node
    if kind == "struct":
        return (kind, {name: with_both_axes(part, leaves) for name, part in parts[0].items()})
    if kind == "tuple":
        return (kind, [with_both_axes(part, leaves) for part in parts[0]])
    dtype = leaves[parts[0]].dtype
    is_number = dtype == hl.tcall or (dtype in PLAIN and dtype != hl.tstr)
    return node if is_number else ("grid", node)


def _mapped(array: Any, get: Callable[[Any], Any]) -> Any:
    return array if _is_identity(get) else array.map(get)


def _mapped_by(of: Callable[[Any], Any], get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: _mapped(of(x), get)


def _at(place: str | int) -> Callable[[Any], Any]:
    return lambda x: x[place]


def _is_identity(get: Callable[[Any], Any]) -> bool:
    """Tell whether `get` returns what it is given: then there is no need to make another array of it."""
    probe = object()
    try:
        return get(probe) is probe
    except Exception:
        return False


def shifted(node: Node, start: int) -> Node:
    """Return `node` with its leaves numbered from `start` on."""
    kind, *parts = node
    if kind == "struct":
        return (kind, {name: shifted(part, start) for name, part in parts[0].items()})
    if kind == "tuple":
        return (kind, [shifted(part, start) for part in parts[0]])
    if kind == "grid":
        return (kind, shifted(parts[0], start))
    return (kind, *(index + start for index in parts))


def is_plain(dtype: HailType) -> bool:
    """Tell whether values of this type cross as they are."""
    while isinstance(dtype, hl.tarray):
        dtype = dtype.element_type
    return dtype in PLAIN


@dataclass(frozen=True)
class Field:
    """A field of the result.

    Attributes
    ----------
    name : str
        Its name in ``returns``.
    dtype : HailType
        Its type there.
    node : tuple
        How the function's value is taken apart.
    leaves : list of (str, HailType)
        What crosses, by names unique among all fields.
    restore : callable
        Makes the field of its leaves' expressions.
    """

    name: str
    dtype: HailType
    node: Node
    leaves: Sequence[tuple[str, HailType]]
    restore: Callable[[Sequence[Any]], Any]


def put_together(name: str, dtype: HailType, nan_as_null: bool) -> Field:
    """Return how the field `name` of type `dtype` comes back; `nan_as_null` says whether a NaN in it is missing then.

    Raises
    ------
    ArgumentError
        If it cannot be made of NumPy values.
    """
    leaves: list[tuple[str, HailType]] = []
    node, restore = _field(name, dtype, leaves, nan_as_null)
    return Field(name, dtype, node, leaves, restore)


Restore = Callable[[Sequence[Any]], Any]


def _field(name: str, dtype: HailType, leaves: list[tuple[str, HailType]], nan_as_null: bool) -> tuple[Node, Restore]:
    def leaf(suffix: str, leaf_type: HailType) -> Restore:
        index = len(leaves)
        leaves.append((f"{name}.{suffix}" if suffix else name, leaf_type))
        return lambda values: values[index]

    def parts(fields: dict[str, HailType]) -> tuple[list[Node], list[Restore]]:
        made = [_field(f"{name}.{part}", part_type, leaves, nan_as_null) for part, part_type in fields.items()]
        return [node for node, _ in made], [restore for _, restore in made]

    if is_plain(dtype):
        return ("leaf",), leaf("", dtype)
    if dtype == hl.tcall:
        return ("call",), leaf("", dtype)
    if isinstance(dtype, hl.tlocus):
        contig, position = leaf("contig", hl.tstr), leaf("position", hl.tint32)
        genome = dtype.reference_genome
        return ("locus", dict(genome.lengths)), lambda values: hl.locus(
            contig(values), position(values), reference_genome=genome
        )
    if isinstance(dtype, hl.tinterval):
        point = dtype.point_type
        flags = {"includes_start": hl.tbool, "includes_end": hl.tbool}
        nodes, made = parts({"start": point, "end": point, **flags})

        def interval(values: Sequence[Any]) -> Any:
            start, end, includes_start, includes_end = (restore(values) for restore in made)
            return hl.interval(start, end, includes_start=includes_start, includes_end=includes_end)

        return ("interval", nodes), interval
    if isinstance(dtype, (hl.tstruct, hl.ttuple)):
        present = leaf("present", hl.tbool)
        if isinstance(dtype, hl.tstruct):
            nodes, made = parts(dict(dtype))
            names = list(dtype)
            return ("struct", names, nodes), lambda values: hl.or_missing(
                present(values), hl.struct(**{n: restore(values) for n, restore in zip(names, made, strict=True)})
            )
        nodes, made = parts({str(i): t for i, t in enumerate(dtype.types)})
        return ("tuple", nodes), lambda values: hl.or_missing(
            present(values), hl.tuple([restore(values) for restore in made])
        )
    if isinstance(dtype, hl.tset):
        node, restore = _field(name, hl.tarray(dtype.element_type), leaves, nan_as_null)
        return ("set", node), lambda values: hl.set(restore(values))
    if isinstance(dtype, hl.tdict):
        (keys, values), (restore_keys, restore_values) = parts(
            {"key": hl.tarray(dtype.key_type), "value": hl.tarray(dtype.value_type)}
        )
        return ("dict", keys, values), lambda found: hl.dict(hl.zip(restore_keys(found), restore_values(found)))
    if isinstance(dtype, hl.tndarray) and dtype.element_type in PLAIN:
        data, shape = leaf("data", hl.tarray(dtype.element_type)), leaf("shape", hl.tarray(hl.tint64))
        ndim = dtype.ndim
        is_float = dtype.element_type in (hl.tfloat32, hl.tfloat64)

        def ndarray(values: Sequence[Any]) -> Any:
            items = data(values)
            if nan_as_null and is_float:  # nothing is missing in an ndarray
                items = items.map(lambda x: hl.or_else(x, hl.literal(float("nan"), dtype.element_type)))
            return hl.nd.array(items).reshape(tuple(shape(values)[i] for i in range(ndim)))

        return ("nd", ndim, _numpy_name(dtype.element_type)), lambda values: hl.or_missing(
            hl.is_defined(data(values)), ndarray(values)
        )
    if isinstance(dtype, hl.tarray):
        inner: list[tuple[str, HailType]] = []
        node, restore = _field(name, dtype.element_type, inner, nan_as_null)
        start = len(leaves)
        leaves.extend((label, hl.tarray(t)) for label, t in inner)

        def array(values: Sequence[Any]) -> Any:
            columns = [values[start + i] for i in range(len(inner))]
            return hl.range(hl.len(columns[0])).map(lambda i: restore([column[i] for column in columns]))

        return ("array", node, len(inner)), array
    raise ArgumentError(f"field '{name}' of returns has type {dtype}, which has no NumPy form here")


def _numpy_name(dtype: HailType) -> str:
    names = {hl.tint32: "i4", hl.tint64: "i8", hl.tfloat32: "f4", hl.tfloat64: "f8", hl.tbool: "?", hl.tstr: "O"}
    return names[dtype]


def wire_type(dtype: HailType) -> Any:
    """Return the type of a leaf as the reader of globals wants it: ``"f8"``, or a list of its element's."""
    if isinstance(dtype, hl.tarray):
        return [wire_type(dtype.element_type)]
    return {hl.tstr: "U", hl.tcall: "i4"}.get(dtype) or _numpy_name(dtype)
