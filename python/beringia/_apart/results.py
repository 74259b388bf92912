"""Results: values of types without a column of their own, taken apart into leaves."""

from __future__ import annotations

import reprlib

import numpy as np

from beringia import _array_likes, _tagged


class MisfitError(ValueError):
    """What the function returned does not fit. The worker reports it as such, not as an error of the function."""

    __beringia_code__ = "result_mismatch"


def encoded(field, value):
    """Take the value of a field apart, or say what is wrong with it."""
    name, node, count, dtype = field
    try:
        return encode(node, count, value)
    except (TypeError, ValueError, OverflowError) as error:
        shown = " ".join(reprlib.repr(value).split())
        raise MisfitError(f"field '{name}': expected {dtype}, got {shown}: {error}") from error


def encode(node, count, value):
    """Take one value of a result apart into `count` leaves."""
    kind, *parts = node
    if value is None or value is np.ma.masked:
        return [False if kind in ("struct", "tuple") and i == 0 else None for i in range(count)]
    if kind == "leaf":
        return [value]
    if kind == "call":
        return [_tagged.call(value)]
    if kind == "locus":
        return list(_tagged.locus(value, parts[0]) or (None, None))
    if kind == "interval":
        found = _tagged.interval(value)
        return [None] * count if found is None else encode_all(parts[0], found)
    if kind == "struct":
        names, nodes = parts
        return [True, *encode_all(nodes, _tagged.by_name(value, names))]
    if kind == "tuple":
        return [True, *encode_all(parts[0], _tagged.in_order(value))]
    if kind == "set":
        return encode(parts[0], count, _tagged.elements(value))
    if kind == "dict":
        items = _tagged.items(value)
        return encode_all(parts, [[key for key, _ in items], [item for _, item in items]])
    if kind == "nd":
        shape, elements = _tagged.ndarray(value, parts[0])
        return [elements, shape]
    element, width = parts
    rows = [encode(element, width, item) for item in value]
    return [[row[i] for row in rows] for i in range(width)]


def encode_all(nodes, values):
    """Encode several parts one after another."""
    if len(values) != len(nodes):
        raise ValueError(f"{len(nodes)} parts are wanted, and there are {len(values)}")
    return [leaf for node, value in zip(nodes, values, strict=True) for leaf in encode(node, width_of(node), value)]


def width_of(node):
    """How many leaves a node has."""
    kind, *parts = node
    if kind in ("leaf", "call"):
        return 1
    if kind in ("locus", "nd"):
        return 2
    if kind == "interval":
        return sum(map(width_of, parts[0]))
    if kind == "struct":
        return 1 + sum(map(width_of, parts[1]))
    if kind == "tuple":
        return 1 + sum(map(width_of, parts[0]))
    if kind == "set":
        return width_of(parts[0])
    if kind == "dict":
        return width_of(parts[0]) + width_of(parts[1])
    return parts[1]


def named(value, names):
    """Return the fields of a value that has them by name; None where it has not."""
    if isinstance(value, dict):
        unknown = [key for key in value if key not in names]
        absent = [name for name in names if name not in value]
        if unknown or absent:
            raise MisfitError(f"expected a dict with {', '.join(names)}, got one with {', '.join(map(str, value))}")
        return [value[name] for name in names]
    if isinstance(value, (np.ndarray, np.void)) and value.dtype.names is not None:
        return [value[name] for name in names]
    fields = getattr(value, "_fields", None) or getattr(value, "__dataclass_fields__", None)
    if fields is not None and all(name in fields for name in names):
        return [getattr(value, name) for name in names]
    return None


def carried(value):
    """Return the arrays of something array-like; anything else as it is."""
    try:
        return _array_likes.unless_plain(value)
    except TypeError as error:
        raise MisfitError(f"got {error}") from error


def is_rows(value):
    """Tell whether a value is a column of several rows, rather than one value for all of them."""
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)
