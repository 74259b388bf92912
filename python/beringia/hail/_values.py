"""The worker's end of the Hail front: arguments put together from what crossed, results taken apart.

Travels inside the function's pickle, by value: a worker needs neither Hail nor this module. So nothing here
imports either of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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
    fields : list of (str, tuple, int) or None
        For each field of the result its name, its node and the number of its leaves, where any must be
        taken apart; else None.
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
            value = self.known[name] if source == "globals" else build(node, leaves)
            if keyword:
                keywords[name] = value
            else:
                positional.append(value)
        result = self.function(*positional, **keywords)
        return result if self.fields is None else self._taken_apart(result)

    def learn(self, block, values=None):
        """Take the arguments that are globals from the block, or from the values themselves."""
        self.known = {}
        wanted = [argument for argument in self.arguments if argument[2] == "globals"]
        if wanted and values is None:
            reader = BlockReader(block)
            values = [reader.value(wire_type) for wire_type in self.globals_types]
        for name, _, _, node, policy in wanted:
            # Only its own leaves: another argument's may have another policy.
            shown = {index: show(values[index], policy, name) for index in leaves_of(node)}
            self.known[name] = build(node, shown)

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
            raise ValueError(f"the fields of one group differ in length: {sorted(lengths)}")
        rows = lengths.pop() if lengths else 1
        leaves: list[Any] = []
        for (_, node, count), column in zip(self.fields, columns, strict=True):
            if node == ("leaf",):
                leaves.append(column)
                continue
            items = list(column) if is_rows(column) else [column] * rows
            parts = [encode(node, count, item) for item in items]
            leaves.extend([part[i] for part in parts] for i in range(count))
        return tuple(leaves)

    def _row(self, result):
        if result is None:
            return None
        leaves: list[Any] = []
        for (_, node, count), value in zip(self.fields, self._fields(result), strict=True):
            leaves.extend([value] if node == ("leaf",) else encode(node, count, value))
        return tuple(leaves)

    def _fields(self, result):
        """One value for each field, from a function that returns one row."""
        names = [name for name, _, _ in self.fields]
        found = named(result, names)
        if found is not None:
            return found
        if type(result) is tuple or (len(names) > 1 and isinstance(result, (tuple, list, np.ndarray))):
            if len(result) != len(names):
                raise ValueError(f"expected {len(names)} fields ({', '.join(names)}), got {len(result)}")
            return list(result)
        if len(names) == 1:
            return [result]
        raise TypeError(f"expected {len(names)} fields ({', '.join(names)}), got {type(result).__name__}")

    def _columns(self, result):
        """One value for each field, from a function that returns columns."""
        names = [name for name, _, _ in self.fields]
        if isinstance(result, np.ndarray) and result.dtype.names is None and len(names) == 1:
            return [result]
        return self._fields(result)


def leaves_of(node):
    """List the leaves that an argument is made of."""
    kind, *parts = node
    if kind == "struct":
        return [leaf for part in parts[0].values() for leaf in leaves_of(part)]
    if kind == "tuple":
        return [leaf for part in parts[0] for leaf in leaves_of(part)]
    return parts


def from_python(wire_type, value):
    """Return a value of Hail's Python as :class:`BlockReader` would read it."""
    if value is None:
        return (wire_type, None)
    if isinstance(wire_type, list):
        element = wire_type[0]
        mask = np.array([item is None for item in value], dtype=bool)
        if element in ("?", "U") or isinstance(element, list):
            return (wire_type, ([from_python(element, item) for item in value], mask))
        numbers = [0 if item is None else packed_call(item) if hasattr(item, "alleles") else item for item in value]
        return (wire_type, (np.array(numbers, dtype=element), mask))
    if hasattr(value, "alleles"):
        value = packed_call(value)
    return (wire_type, value if wire_type == "U" else np.dtype(wire_type).type(value))


def named(value, names):
    """Return the fields of a value that has them by name; None where it has not."""
    if isinstance(value, dict):
        unknown = [key for key in value if key not in names]
        absent = [name for name in names if name not in value]
        if unknown or absent:
            raise ValueError(f"expected a dict with {', '.join(names)}, got one with {', '.join(map(str, value))}")
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


def build(node, leaves):
    """Make an argument of its leaves."""
    kind, *parts = node
    if kind == "leaf":
        return leaves[parts[0]]
    if kind == "struct":
        return {name: build(part, leaves) for name, part in parts[0].items()}
    if kind == "tuple":
        return tuple(build(part, leaves) for part in parts[0])
    if kind == "call":
        return alleles(leaves[parts[0]])
    return shaped(leaves[parts[0]], leaves[parts[1]])


def shaped(data, shape):
    """Give flattened ndarrays their shapes: one array where all have the same."""
    if data is None or shape is None:
        return None
    if isinstance(shape, np.ndarray) and shape.ndim == 1 and shape.dtype != object:
        return np.asarray(data).reshape(tuple(shape))
    shapes = [None if row is None else tuple(int(size) for size in row) for row in shape]
    present = {row for row in shapes if row is not None}
    if len(present) == 1 and getattr(data, "ndim", 1) == 2:
        return data.reshape(len(shapes), *present.pop())
    result = np.empty(len(shapes), dtype=object)
    for i, row in enumerate(shapes):
        result[i] = None if row is None else np.asarray(data[i]).reshape(row)
    return result


def alleles(calls):
    """Return the alleles of Hail's 32-bit calls.

    Returns
    -------
    ndarray
        Of type int8 (int32 where an allele needs it) and one more axis than `calls`, of length 2. A haploid
        call has -1 in the second place. Masked where `calls` is.
    """
    if calls is None:
        return None
    if isinstance(calls, np.ndarray) and calls.dtype == object:
        result = np.empty(calls.shape, dtype=object)
        for index in np.ndindex(calls.shape):
            result[index] = alleles(calls[index])
        return result
    if calls is np.ma.masked:
        return np.ma.masked
    packed = np.asarray(calls).astype(np.int32, copy=False).view(np.uint32)
    number = (packed >> 3).astype(np.int64)
    ploidy = (packed >> 1) & 3
    # The number of a diploid genotype is that of the pair (j, k), j <= k, in the order 00, 01, 11, 02, …
    k = ((np.sqrt(8.0 * number + 1) - 1) / 2).astype(np.int64)
    j = number - k * (k + 1) // 2
    second = np.where((packed & 1) == 1, k - j, k)
    first = np.where(ploidy == 2, j, np.where(ploidy == 1, number, -1))
    second = np.where(ploidy == 2, second, -1)
    result = np.stack([first, second], axis=-1)
    result = result.astype(np.int8 if result.size == 0 or result.max() < 128 else np.int32)
    mask = np.ma.getmask(calls)
    if isinstance(calls, np.ma.MaskedArray):
        wide = np.repeat(np.ma.getmaskarray(calls)[..., np.newaxis], 2, axis=-1) if mask is not np.ma.nomask else mask
        return np.ma.MaskedArray(result, wide)
    return result


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
        contig, position = by_name(value, ("contig", "position"))
        return [str(contig), position]
    if kind == "interval":
        return encoded_interval(parts[0], value)
    if kind == "struct":
        names, nodes = parts
        return [True, *encode_all(nodes, by_name(value, names))]
    if kind == "tuple":
        return [True, *encode_all(parts[0], list(value))]
    if kind == "set":
        return encode(parts[0], count, sorted(value) if isinstance(value, (set, frozenset)) else value)
    if kind == "dict":
        keys, values = parts
        items = dict(value)
        return encode_all([keys, values], [list(items), list(items.values())])
    if kind == "nd":
        ndim, _ = parts
        array = np.asarray(value)
        if array.ndim != ndim:
            raise ValueError(f"expected an ndarray of {ndim} dimensions, got shape {array.shape}")
        return [array.reshape(-1), np.array(array.shape, dtype=np.int64)]
    element, width = parts
    rows = [encode(element, width, item) for item in value]
    return [[row[i] for row in rows] for i in range(width)]


def encode_all(nodes, values):
    """Encode several parts one after another."""
    if len(values) != len(nodes):
        raise ValueError(f"expected {len(nodes)} parts, got {len(values)}")
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
    found = list(value)
    if len(found) != len(names):
        raise ValueError(f"expected {', '.join(names)}, got {len(found)} values")
    return found


def encoded_interval(nodes, value):
    """Encode an interval: an object or dict with Hail's names, or (start, end), then perhaps the two flags."""
    names = ("start", "end", "includes_start", "includes_end")
    if isinstance(value, (tuple, list)) and len(value) == 2:
        value = (*value, True, False)
    return encode_all(nodes, by_name(value, names))


def packed_call(value):
    """Return Hail's 32-bit form of a call: an object with alleles and phase, or a sequence of alleles."""
    phased = bool(getattr(value, "phased", False))
    found = [int(allele) for allele in getattr(value, "alleles", value)]
    found = [allele for i, allele in enumerate(found) if not (i == 1 and allele == -1)]
    if len(found) > 2 or any(allele < 0 for allele in found):
        raise ValueError(f"a call has at most two alleles, none of them negative, got {found}")
    if len(found) == 2:
        first, second = (found[0], sum(found)) if phased else sorted(found)
        number = second * (second + 1) // 2 + first
    else:
        number = found[0] if found else 0
    packed = number << 3 | len(found) << 1 | int(phased)
    return int(np.uint32(packed).view(np.int32))


class BlockReader:
    """Reads values out of a block of globals (``GlobalsBlock.scala`` says how they lie there)."""

    def __init__(self, block):
        self.block = block
        self.at = 0

    def value(self, wire_type):
        """Read a value: a NumPy scalar or str, None where missing, or ``(data, mask)`` for an array."""
        missing = self.byte()
        if missing:
            return (wire_type, None)
        if wire_type == "?":
            return (wire_type, np.bool_(self.byte()))
        if wire_type == "U":
            size = self.length()
            text = self.take(size).tobytes().decode()
            return (wire_type, text)
        if isinstance(wire_type, list):
            return (wire_type, self.elements(wire_type[0]))
        self.pad(8)
        return (wire_type, self.take(np.dtype(wire_type).itemsize).view(wire_type)[0])

    def elements(self, wire_type):
        """Read an array's elements: the data, and where they are missing."""
        n = self.length()
        mask = self.take(n).view(bool)
        if wire_type in ("?", "U") or isinstance(wire_type, list):
            return [self.value(wire_type) for _ in range(n)], mask
        self.pad(64)
        return self.take(n * np.dtype(wire_type).itemsize).view(wire_type), mask

    def byte(self):
        return int(self.take(1)[0])

    def length(self):
        self.pad(8)
        return int(self.take(8).view("<i8")[0])

    def pad(self, alignment):
        self.at += -self.at % alignment

    def take(self, size):
        taken = self.block[self.at : self.at + size]
        self.at += size
        return taken


def show(value, policy, name):
    """Return a value from a block as a function sees it; missing ones by `policy`."""
    wire_type, found = value
    if found is None:
        if policy == "error" or (policy == "nan" and wire_type in ("i4", "i8", "?")):
            raise ValueError(missing_message(name, policy))
        if policy == "mask":
            return np.ma.masked
        return np.dtype(wire_type).type("nan") if wire_type in ("f4", "f8") else None
    if not isinstance(wire_type, list):
        return found
    data, mask = found
    element = wire_type[0]
    if mask.any() and policy == "error":
        raise ValueError(missing_message(name, policy))
    if isinstance(element, list):
        lists: list[Any] = [
            None if absent else show(item, policy, name) for item, absent in zip(data, mask, strict=True)
        ]
        present = [item for item in lists if item is not None]
        stackable = present and all(
            isinstance(item, np.ndarray) and item.dtype != object and item.shape == present[0].shape for item in present
        )
        if stackable and len(present) == len(lists):
            return np.ma.stack(lists) if policy == "mask" else np.stack(lists)
        if stackable and present[0].dtype.kind == "f" and policy == "nan":
            return np.stack([np.full_like(present[0], np.nan) if item is None else item for item in lists])
        result = np.empty(len(lists), dtype=object)
        result[:] = lists
        return np.ma.MaskedArray(result, mask) if policy == "mask" else result
    if element == "U":
        array = np.array([text for _, text in data], dtype=object)
    elif element == "?":
        if mask.any() and policy == "nan":
            raise ValueError(missing_message(name, policy))
        array = np.array([bool(item) for _, item in data], dtype=bool)
    else:
        array = data
        if mask.any() and policy == "nan":
            if element in ("i4", "i8"):
                raise ValueError(missing_message(name, policy))
            array = np.where(mask, np.nan, data).astype(element)
    if policy == "mask":
        return np.ma.MaskedArray(array, mask if mask.any() else np.ma.nomask)
    return array


def missing_message(name, policy):
    """Say which argument misses a value, and what helps."""
    if policy == "error":
        return f"argument '{name}' has a missing value; missing='error' refuses missing values"
    return (
        f"argument '{name}' has a missing value; NumPy has no missing value for this type: cast it with "
        "hl.float64 to get NaN, or pass missing='mask' for masked arrays, or fill or drop the missing values first"
    )
