"""What all groups are shown: values of Python, as leaves of the types that arguments are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from beringia._tagged import call


class AbsentError(ValueError):
    """An argument has a missing value that it must not have. The worker reports it as such."""

    __beringia_code__ = "missing_value"


def show(value, policy, name):
    """Return a value of :func:`from_python` as a function sees it; missing ones by `policy`."""
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
    """Return a value with its type: None where it is missing, ``(data, mask)`` for an array."""
    if value is None:
        return (wire_type, None)
    if isinstance(wire_type, list):
        element = wire_type[0]
        mask = np.array([item is None for item in value], dtype=bool)
        if element in ("?", "U") or isinstance(element, list):
            return (wire_type, ([from_python(element, item) for item in value], mask))
        numbers = [0 if item is None else call(item) if hasattr(item, "alleles") else item for item in value]
        return (wire_type, (np.array(numbers, dtype=element), mask))
    if hasattr(value, "alleles"):
        value = call(value)
    return (wire_type, value if wire_type == "U" else np.dtype(wire_type).type(value))
