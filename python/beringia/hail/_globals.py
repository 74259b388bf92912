"""The worker's end of the Hail front, globals: what all groups are shown, read from one block of bytes.

Travels inside the function's pickle, by value, as :mod:`beringia.hail._wrapper` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beringia.hail._results import packed_call


class AbsentError(ValueError):
    """An argument has a missing value that it must not have. The worker reports it as such."""

    __beringia_code__ = "missing_value"


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
