"""Results that are no ndarrays: whatever carries its values by a protocol, as the arrays that results are made of.

Objects of pandas say themselves what they miss. Those of Arrow (pyarrow, polars, DuckDB) come by the PyCapsule
interface, anything else by ``__array__``, or ``__dlpack__`` on the CPU. Nothing changes on the way: times keep their
unit, integers their width, and what is missing is masked, or None among objects.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_PROTOCOLS = ("__array__", "__arrow_c_stream__", "__arrow_c_array__", "__dlpack__")


def arrays_of(value: Any) -> Any:
    """Return the values that an object carries.

    Parameters
    ----------
    value : object
        Something with ``__arrow_c_stream__``, ``__arrow_c_array__``, ``__array__`` or ``__dlpack__``.

    Returns
    -------
    ndarray, MaskedArray or dict
        Of a column, an array whose first axis is its values. Of a table, or a column of structs, a dict of arrays.

    Raises
    ------
    TypeError
        If they cannot be had as they are, with the object's own reason.
    """
    try:
        return _arrays_of(value)
    except Exception as error:  # whatever the object's own code raises
        raise TypeError(f"{type(value).__name__}, whose values cannot be read: {error}") from error


def unless_plain(value: Any) -> Any:
    """Return the same for something array-like, and anything else as it is."""
    plain = (np.ndarray, np.generic, type, str, bytes, list, tuple, dict, int, float)
    if isinstance(value, plain) or not any(hasattr(value, protocol) for protocol in _PROTOCOLS):
        return value
    return arrays_of(value)


def row_of(value: Any, names: Sequence[str]) -> Any:
    """Return the same for one row of fields: a series of pandas is read by its labels, where all names are there."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(value, pandas.Series) and len(names) > 1:
        labelled = all(name in value.index for name in names)
        return _of_columns(value.items()) if labelled else _of_pandas(value)
    return arrays_of(value)


def _arrays_of(value: Any) -> Any:
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if isinstance(value, pandas.DataFrame):
            return _of_columns((name, _of_pandas(series)) for name, series in value.items())
        if isinstance(value, (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)):
            return _of_pandas(value)
    if hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__"):
        return _of_arrow(value)
    array = np.asarray(value) if hasattr(value, "__array__") else np.from_dlpack(value)
    if array.ndim == 0 and array.dtype == object:
        raise TypeError("it is no array")
    return array


def _of_columns(columns: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for name, values in columns:
        if name in found:
            raise ValueError(f"there are two columns named {name!r}")
        found[name] = values
    return found


def _of_pandas(values: Any) -> Array:
    missing = np.asarray(values.isna())
    if not missing.any():
        return np.asarray(values)
    # Of pandas' nullable types this is NumPy's: without it, they come as objects.
    dtype = getattr(values.dtype, "numpy_dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return np.ma.array(values.to_numpy(dtype=dtype, na_value=dtype.type(0)), mask=missing)
    array = np.array(values)
    if array.dtype == object:
        array[missing] = None
        return array
    return np.ma.array(array, mask=missing)


def _of_arrow(value: Any) -> Any:
    try:
        import pyarrow as pa

        from beringia import _arrow
    except ImportError as error:
        raise TypeError("values of Arrow take pyarrow in the Python of the workers: pip install pyarrow") from error
    column = pa.chunked_array(value) if hasattr(value, "__arrow_c_stream__") else pa.chunked_array([pa.array(value)])
    try:
        wanted = _arrow.plain(column.type)
    except KeyError:
        raise TypeError(f"type {column.type} has no NumPy form") from None
    return _arrow.arrays_of(_arrow.cast(column, wanted).combine_chunks())
