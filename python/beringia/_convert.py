"""Conversions of results that are too rare to be native: foreign dtypes, dates and times.

The rule of all of them: a value arrives unchanged or not at all. What would be rounded, cut or
reinterpreted raises ``TypeError`` or ``ValueError``, whose text is shown as what the function returned.
"""

from __future__ import annotations

import datetime
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

_UTC = datetime.timezone.utc


Array = np.ndarray[Any, Any]
Bulk = tuple[Array, "Array | None"]
"""Values, C-contiguous, of shape (n,); and of each whether it is missing, or None where none is."""

_INTEGERS = {"f8": 53, "f4": 24, "f2": 11}  # bits of the integers that a float has all of


def numbers(array: Array, target: str, nan_as_null: bool) -> Bulk | None:
    """Return a one-dimensional array as numbers of dtype `target`.

    Parameters
    ----------
    array : ndarray or MaskedArray, shape (n,)
        What the function returned.
    target : str
        One of ``i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8``.
    nan_as_null : bool
        Whether NaN is missing.

    Returns
    -------
    tuple or None
        See :data:`Bulk`; ``None`` when each item has to be looked at, as in arrays of objects.

    Raises
    ------
    TypeError
        If values of this dtype never fit, such as floats in an integer field.
    ValueError
        If one of the values does not fit.
    """
    kind = array.dtype.kind
    if kind == "O":
        return None
    wanted = np.dtype(target)
    allowed = "biu" if wanted.kind in "iu" else "iuf"
    if kind not in allowed:
        raise TypeError(f"an ndarray of dtype {array.dtype}")
    missing = None
    if isinstance(array, np.ma.MaskedArray):
        missing = np.ascontiguousarray(np.ma.getmaskarray(array))
        array = np.asarray(np.ma.filled(array, array.dtype.type(0)))  # what lies under a mask may be anything
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.ascontiguousarray(array, dtype=wanted)
    lost = _lost(array, result)
    if lost is not None and lost.any():
        raise ValueError(f"{array[lost][0]!r} in an ndarray of dtype {array.dtype}")
    if nan_as_null and wanted.kind == "f":
        nan = np.isnan(result)
        missing = nan if missing is None else missing | nan
    return result, missing


def _lost(array: Array, result: Array) -> Array | None:
    """Return which of the numbers are others in `result`, the same array cast; None where the dtypes rule it out."""
    source, wanted = array.dtype, result.dtype
    if source.kind == "f":
        # A float is rounded to the field's precision, but nothing finite becomes infinite.
        return None if np.can_cast(source, wanted) else np.isinf(result) & ~np.isinf(array)
    if source.kind == "b":
        return None
    if wanted.kind in "iu":
        if np.can_cast(source, wanted):
            return None
        limits = np.iinfo(wanted)
        return (array < limits.min) | (array > limits.max)
    bits = _INTEGERS[wanted.str[1:]]
    limit = 1 << bits
    if np.iinfo(source).max <= limit:
        return None
    large = array > limit
    if source.kind == "i":
        large |= array < -limit
    if large.any():
        # Such an integer is there exactly if it has few enough digits before its trailing zeros, and is not too large.
        there = array[large]
        size = np.where(there < 0, np.negative(there.astype(np.uint64)), there.astype(np.uint64))
        digits = size // (size & np.negative(size))
        large[large] = (digits > limit) | np.isinf(result[large])
    return large


def time(value: Any, unit: str, zoned: bool) -> int | None:
    """Return a date or time as a count of `unit` since 1970-01-01.

    Parameters
    ----------
    value : numpy.datetime64, datetime.date or datetime.datetime
        What the function returned. A ``datetime`` with a zone is an instant; one without is taken as UTC, as NumPy
        does.
    unit : {"D", "s", "ms", "us", "ns"}
        Days for dates.
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
        If it has a finer resolution than the field, or is out of its range.
    """
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            if not zoned:
                raise TypeError("a datetime with a time zone")
            value = value.astimezone(_UTC).replace(tzinfo=None)
        # pandas' own keep their nanoseconds so.
        value = value.to_datetime64() if hasattr(value, "to_datetime64") else np.datetime64(value, "us")
    elif isinstance(value, datetime.date):
        value = np.datetime64(value, "D")
    elif not isinstance(value, np.datetime64):
        raise TypeError("no date or time")
    if np.isnat(value):
        return None
    return _count(value, f"M8[{unit}]")


def times(array: Array, dtype: str, width: int, zoned: bool = True) -> Bulk | None:
    """Return an array of dates, times or durations as integers of `width` bytes.

    Parameters
    ----------
    array : ndarray or MaskedArray, shape (n,)
        What the function returned. NaT is missing.
    dtype : str
        The field's NumPy type, such as ``M8[us]``.
    width : {4, 8}
        Bytes of the integers.
    zoned : bool
        Whether the field takes instants.

    Returns
    -------
    tuple or None
        See :data:`Bulk`; ``None`` when each item has to be looked at: another dtype, or a conversion that would lose
        something.

    Raises
    ------
    TypeError
        If the values are instants and the field takes none.
    """
    wanted = np.dtype(dtype)
    if array.dtype.kind != wanted.kind:
        return None
    if not zoned and (array.dtype.metadata or {}).get("zoned"):  # see beringia._arrow.arrays_of
        raise TypeError(f"{array.dtype} with a time zone")
    if np.datetime_data(array.dtype)[0] == "generic" or not np.can_cast(array.dtype, wanted, "same_kind"):
        return None
    missing = np.isnat(np.ma.getdata(array))
    if isinstance(array, np.ma.MaskedArray):
        missing |= np.ma.getmaskarray(array)
        array = array.data
    converted = array.astype(wanted)
    if ((converted.astype(array.dtype) != array) & ~missing).any():
        return None
    integers = np.ascontiguousarray(converted.view(np.int64))
    integers[missing] = 0
    counts: Array = integers if width == 8 else integers.astype(np.int32)
    if (counts != integers).any():
        return None
    return counts, missing if missing.any() else None


def duration(value: Any, unit: str) -> int | None:
    """Return a duration as a count of `unit`.

    Parameters
    ----------
    value : numpy.timedelta64 or datetime.timedelta
        What the function returned.
    unit : {"s", "ms", "us", "ns"}
        The field's unit.

    Returns
    -------
    int or None
        ``None`` for NaT.

    Raises
    ------
    TypeError
        If the value is no duration, or one without a unit.
    ValueError
        If it has a finer resolution than the field, or is out of its range.
    """
    if isinstance(value, datetime.timedelta):
        value = value.to_timedelta64() if hasattr(value, "to_timedelta64") else np.timedelta64(value)
    elif not isinstance(value, np.timedelta64) or np.datetime_data(value.dtype)[0] == "generic":
        raise TypeError("no duration")
    if np.isnat(value):
        return None
    return _count(value, f"m8[{unit}]")


def _count(value: Any, dtype: str) -> int:
    """Return a date, time or duration as a count of the unit of `dtype`.

    NumPy's own conversions wrap around at 64 bits, and its comparisons too: what comes back as it was has lost nothing.
    """
    if not np.can_cast(value.dtype, dtype, "same_kind"):  # years have no fixed length
        raise TypeError("no conversion between these units")
    converted = value.astype(dtype)
    if converted.astype(value.dtype) != value:
        raise ValueError("a finer resolution than the field's, or out of its range")
    return int(converted.astype(np.int64))


def time_of_day(value: Any, unit: str) -> int | None:
    """Return a time of day as a count of `unit` since midnight.

    Parameters
    ----------
    value : numpy.timedelta64, datetime.timedelta or datetime.time
        What the function returned. A ``time`` with a zone does not fit.
    unit : {"s", "ms", "us", "ns"}
        The field's unit.

    Returns
    -------
    int or None
        ``None`` for NaT.

    Raises
    ------
    TypeError
        If the value is none of these.
    ValueError
        If it has a finer resolution than the field, or is not within a day.
    """
    if isinstance(value, datetime.time):
        if value.tzinfo is not None:
            raise TypeError("a time with a zone")
        value = datetime.timedelta(
            hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
        )
    count = duration(value, unit)
    if count is not None and not 0 <= count < _day(unit):
        raise ValueError("not within a day")
    return count


def times_of_day(array: Array, dtype: str, width: int) -> Bulk | None:
    """Return an array of times since midnight as integers; arguments and result as for :func:`times`."""
    found = times(array, dtype, width)
    if found is None or (found[0] < 0).any() or (found[0] >= _day(dtype[3:-1])).any():
        return None
    return found


def _day(unit: str) -> int:
    return int(np.timedelta64(1, "D").astype(f"m8[{unit}]").astype(np.int64))


def decimal(value: Any, precision: int, scale: int) -> int:
    """Return a decimal as an integer: its value times ten to the `scale`.

    Parameters
    ----------
    value : decimal.Decimal or int
        What the function returned.
    precision, scale : int
        Digits of the field, and of these behind the point.

    Raises
    ------
    TypeError
        If the value is neither.
    ValueError
        If it has more digits than the field holds; nothing is rounded.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (Decimal, int, np.integer)):
        raise TypeError("no decimal")
    number = Decimal(int(value)) if isinstance(value, np.integer) else Decimal(value)
    if not number.is_finite():
        raise ValueError("not finite")
    with localcontext() as context:
        context.prec = 100
        scaled = number.scaleb(scale)
        if scaled != scaled.to_integral_value() or abs(scaled) >= Decimal(10) ** precision:
            raise ValueError("more digits than the field holds")
        return int(scaled)
