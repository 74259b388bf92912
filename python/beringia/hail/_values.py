"""The worker's end of the Hail front: the user's function between two conversions, and arguments put together.

Travels inside the function's pickle, by value: a worker needs neither Hail nor this module. So nothing here
imports either of them, and of :mod:`beringia.hail._results` nothing but classes and functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beringia.hail._results import MisfitError, encoded, is_rows, named, packed_call

GLOBALS = "__globals"
"""The keyword by which the block of globals comes. The JVM's ``MapPlan`` has the same name."""


class AbsentError(ValueError):
    """An argument has a missing value that it must not have. The worker reports it as such."""

    __beringia_code__ = "missing_value"


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


def leaves_of(node):
    """List the leaves that an argument is made of."""
    kind, *parts = node
    if kind == "struct":
        return [leaf for part in parts[0].values() for leaf in leaves_of(part)]
    if kind == "tuple":
        return [leaf for part in parts[0] for leaf in leaves_of(part)]
    if kind == "grid":
        return leaves_of(parts[0])
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


def frozen(value):
    """Make the arrays in a value read-only: every group is shown the same ones."""
    if isinstance(value, dict):
        return {name: frozen(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(map(frozen, value))
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
        if np.ma.getmask(value) is not np.ma.nomask:
            np.ma.getmask(value).flags.writeable = False
        if value.dtype == object:
            for item in np.asarray(value).flat:
                frozen(item)
    return value


def shell(value):
    """Return the same arrays in dicts, and masked arrays, of their own, for one call."""
    if isinstance(value, dict):
        return {name: shell(part) for name, part in value.items()}
    if isinstance(value, np.ma.MaskedArray):
        return value.view()  # else a mask may be put on the array that all calls share
    return tuple(map(shell, value)) if isinstance(value, tuple) else value


def build(node, leaves):
    """Make an argument of its leaves."""
    kind, *parts = node
    if kind == "leaf":
        return leaves[parts[0]]
    if kind == "grid":
        return grid(build(parts[0], leaves))
    if kind == "struct":
        return {name: build(part, leaves) for name, part in parts[0].items()}
    if kind == "tuple":
        return tuple(build(part, leaves) for part in parts[0])
    if kind == "call":
        return alleles(leaves[parts[0]])
    return shaped(leaves[parts[0]], leaves[parts[1]])


def grid(rows):
    """Give entries that come row by row, such as strings and arrays, their two axes at least.

    Arrays of one length have an axis more; among floats, missing ones are NaN. Others are objects.
    """
    if not (isinstance(rows, np.ndarray) and rows.dtype == object and rows.ndim == 1 and len(rows)):
        return rows
    masked = isinstance(rows, np.ma.MaskedArray)
    shapes = {row.shape for row in rows if isinstance(row, np.ndarray) and row.dtype != object}
    if len(shapes) == 1 and not masked:
        (shape,) = shapes
        first = next(row for row in rows if isinstance(row, np.ndarray) and row.dtype != object)
        if len(shape) > 1 and first.dtype.kind == "f":
            filled = [np.full_like(first, np.nan) if is_empty(row) else row for row in rows]
            if all(isinstance(row, np.ndarray) and row.shape == shape for row in filled):
                return np.stack(filled)
    result = np.empty((len(rows), len(rows[0])), dtype=object)
    for i, row in enumerate(rows):
        for j, item in enumerate(row):
            result[i, j] = item
    if masked or any(isinstance(row, np.ma.MaskedArray) for row in rows):
        # The mask of a row of objects says which are missing; that of numbers is about what is in the arrays.
        absent = [np.ma.getmaskarray(row) if row.dtype == object else np.zeros(len(row), dtype=bool) for row in rows]
        return np.ma.MaskedArray(result, np.stack(absent))
    return result


def is_empty(row):
    """Tell whether all entries of a row are missing."""
    return isinstance(row, np.ndarray) and row.dtype == object and all(item is None for item in row)


def shaped(data, shape):
    """Give flattened ndarrays their shapes: one array where all have the same, else objects."""
    if data is None or shape is None:
        return None
    if data is np.ma.masked or shape is np.ma.masked:
        return np.ma.masked
    if isinstance(shape, np.ndarray) and shape.dtype != object:
        leading = shape.shape[:-1]
        if not leading:
            return np.asarray(data).reshape(tuple(shape))
        sizes = shape.reshape(int(np.prod(leading)), shape.shape[-1])
        flat = isinstance(data, np.ndarray) and data.dtype != object and data.ndim == len(leading) + 1
        if flat and len(sizes) and (sizes == sizes[0]).all():
            return data.reshape(*leading, *sizes[0])
    result = np.empty(len(shape), dtype=object)
    for i in range(len(shape)):
        result[i] = shaped(data[i], shape[i])
    if isinstance(shape, np.ma.MaskedArray) and shape.dtype == object:
        return np.ma.MaskedArray(result, np.ma.getmaskarray(shape))
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
        masked = isinstance(calls, np.ma.MaskedArray)
        return np.ma.MaskedArray(result, np.ma.getmaskarray(calls)) if masked else result
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
            raise AbsentError(missing_message(name, policy))
        if policy == "mask":
            return np.ma.masked
        return np.dtype(wire_type).type("nan") if wire_type in ("f4", "f8") else None
    if not isinstance(wire_type, list):
        return found
    data, mask = found
    element = wire_type[0]
    if mask.any() and policy == "error":
        raise AbsentError(missing_message(name, policy))
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
            raise AbsentError(missing_message(name, policy))
        array = np.array([bool(item) for _, item in data], dtype=bool)
    else:
        array = data
        if mask.any() and policy == "nan":
            if element in ("i4", "i8"):
                raise AbsentError(missing_message(name, policy))
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
