"""The worker's end of the Hail front, results: values of types without a column of their own, taken apart into leaves.

Travels inside the function's pickle, by value, as :mod:`beringia.hail._wrapper` does.
"""

from __future__ import annotations

import operator
import reprlib

import numpy as np


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
        return [packed_call(value)]
    if kind == "locus":
        return encoded_locus(parts[0], value)
    if kind == "interval":
        return encoded_interval(parts[0], value)
    if kind == "struct":
        names, nodes = parts
        return [True, *encode_all(nodes, by_name(value, names))]
    if kind == "tuple":
        return [True, *encode_all(parts[0], in_order(value))]
    if kind == "set":
        if isinstance(value, (str, bytes, dict)):
            raise TypeError(f"a {type(value).__name__} is no set")
        return encode(parts[0], count, list(value))
    if kind == "dict":
        keys, values = parts
        items = dict(value)
        return encode_all([keys, values], [list(items), list(items.values())])
    if kind == "nd":
        ndim, _ = parts
        array = np.asarray(value)
        if array.ndim != ndim:
            raise ValueError(f"its shape is {array.shape}")
        if np.ma.is_masked(value) or (array.dtype == object and any(item is None for item in array.flat)):
            raise ValueError("an ndarray has no missing values in Hail")
        return [array.reshape(-1), np.array(array.shape, dtype=np.int64)]
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


def by_name(value, names):
    """Return parts of a value by name, as items or attributes; else by position."""
    found = named(value, names)
    if found is not None:
        return found
    if all(hasattr(value, name) for name in names):
        return [getattr(value, name) for name in names]
    found = in_order(value)
    if len(found) != len(names):
        raise ValueError(f"{', '.join(names)} are wanted, and there are {len(found)} values")
    return found


def in_order(value):
    """Return parts of a value that has them in order: a tuple, list or array."""
    if isinstance(value, (str, bytes, set, frozenset, dict)):
        raise TypeError(f"the parts of a {type(value).__name__} have no order")
    return list(value)


def encoded_locus(lengths, value):
    """Encode a locus: an object or dict with Hail's names, or (contig, position). `lengths` are the contigs'."""
    contig, position = by_name(value, ("contig", "position"))
    if contig is None or position is None:
        return [None, None]
    if not isinstance(contig, str):
        raise TypeError(f"the contig is a {type(contig).__name__}")
    if contig not in lengths:
        raise ValueError(f"the reference genome has no contig {contig!r}")
    position = operator.index(position)
    if not 1 <= position <= lengths[contig]:
        raise ValueError(f"positions of contig {contig!r} are 1 to {lengths[contig]}")
    return [contig, position]


def encoded_interval(nodes, value):
    """Encode an interval: an object or dict with Hail's names, or (start, end), then perhaps the two flags."""
    names = ("start", "end", "includes_start", "includes_end")
    if isinstance(value, (tuple, list)) and len(value) == 2:
        value = (*value, True, False)
    return encode_all(nodes, by_name(value, names))


def packed_call(value):
    """Return Hail's 32-bit form of a call: an object with alleles and phase, or a sequence of alleles.

    Alleles of -1 at the end are none, as in arguments; a call whose alleles are masked is missing.
    """
    phased = bool(getattr(value, "phased", False))
    if np.ma.is_masked(value):
        if np.ma.getmaskarray(value).all():
            return None
        raise ValueError("one of its alleles is masked")
    found = [operator.index(allele) for allele in in_order(getattr(value, "alleles", value))]
    while found and found[-1] == -1:
        found.pop()
    if len(found) > 2 or any(allele < 0 for allele in found):
        raise ValueError("a call has at most two alleles, none of them negative")
    if len(found) == 2:
        first, second = (found[0], sum(found)) if phased else sorted(found)
        number = second * (second + 1) // 2 + first
    else:
        number = found[0] if found else 0
    packed = number << 3 | len(found) << 1 | int(phased)
    return int(np.uint32(packed).view(np.int32))


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


def is_rows(value):
    """Tell whether a value is a column of several rows, rather than one value for all of them."""
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)
