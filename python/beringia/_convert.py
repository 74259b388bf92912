"""Conversions of results that are too rare to be native: foreign dtypes, dates and times.

The rule of all of them: a value arrives unchanged or not at all. What would be rounded, cut or
reinterpreted raises ``TypeError`` or ``ValueError``, whose text is shown as what the function returned.
"""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

_UTC = datetime.timezone.utc


def numbers(array: np.ndarray[Any, Any], target: str) -> np.ndarray[Any, Any] | None:
    """Return a one-dimensional array as a C-contiguous array of dtype `target`.

    Parameters
    ----------
    array : ndarray, shape (n,)
        What the function returned.
    target : str
        One of ``i1 i2 i4 i8 f4 f8``.

    Returns
    -------
    ndarray or None
        ``None`` when each item has to be looked at: object arrays and masked arrays.

    Raises
    ------
    TypeError
        If values of this dtype never fit, such as floats in an integer field.
    ValueError
        If one of the values does not fit.
    """
    kind = array.dtype.kind
    if kind == "O" or isinstance(array, np.ma.MaskedArray):
        return None
    wanted = np.dtype(target)
    allowed = "biu" if wanted.kind == "i" else "iuf"
    if kind not in allowed:
        raise TypeError(f"an ndarray of dtype {array.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.ascontiguousarray(array, dtype=wanted)
    if kind == "f":
        lost = np.isinf(result) & ~np.isinf(array)
    elif kind == "b" or np.can_cast(array.dtype, wanted):
        return result
    elif wanted.kind == "i":
        limits = np.iinfo(wanted)
        lost = (array < limits.min) | (array > limits.max)
    else:
        # Through Python's integers: comparing int64 with float64 would round the integer first.
        lost = np.array([int(value) != int(cast) for value, cast in zip(array, result, strict=True)], dtype=bool)
    if lost.any():
        raise ValueError(f"{array[lost][0]!r} in an ndarray of dtype {array.dtype}")
    return result


def time(value: Any, unit: str, zoned: bool) -> int | None:
    """Return a date or time as a count of `unit` since 1970-01-01.

    Parameters
    ----------
    value : numpy.datetime64, datetime.date or datetime.datetime
        What the function returned. A ``datetime`` with a zone is an instant; one without is taken as UTC, as NumPy
        does.
    unit : {"D", "us"}
        Days for dates, microseconds for timestamps.
    zoned : bool
        Whether the field is an instant. A ``datetime`` with a zone does not fit a field without.

    Returns
    -------
    int or None
        ``None`` for NaT.

    Raises
    ------
    TypeError
        If the value is no date or time.
    ValueError
        If it has a finer resolution than the field.
    """
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            if not zoned:
                raise TypeError("a datetime with a time zone")
            value = value.astimezone(_UTC).replace(tzinfo=None)
        value = np.datetime64(value, "us")
    elif isinstance(value, datetime.date):
        value = np.datetime64(value, "D")
    elif not isinstance(value, np.datetime64):
        raise TypeError("no date or time")
    if np.isnat(value):
        return None
    converted = value.astype(f"M8[{unit}]")
    if converted != value:
        raise ValueError("a finer resolution than the field's")
    return int(converted.astype(np.int64))
