"""Whatever the user has, as one Arrow table: each value by its own protocol, and nothing of it is lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beringia.errors import ArgumentError

_FAILURES = (pa.ArrowException, TypeError, ValueError, OverflowError)


@dataclass(frozen=True)
class Data:
    """The columns that a call may use.

    Attributes
    ----------
    table : pyarrow.Table
        Those that Arrow has a form for.
    unusable : dict of str to str
        Why others have none: nobody minds unless they are used.
    """

    table: pa.Table
    unusable: Mapping[str, str] = field(default_factory=dict)

    def require(self, name: str, use: str) -> None:
        """Refuse a column that has no form in Arrow; `use` says what it is for."""
        if name in self.unusable and name not in self.table.column_names:
            raise ArgumentError(f"{use}: {self.unusable[name]}")


def data_of(data: Any) -> Data:
    """Return `data` as a table, without a copy where its memory is Arrow's already.

    Parameters
    ----------
    data : object or dict
        Anything with ``__arrow_c_stream__`` or ``__arrow_c_array__``; or columns by name: ndarrays, whose first
        axis is the rows and further axes make tensors, masked and structured ones too; series of pandas and polars;
        Arrow arrays; sequences. What is masked or missing is null.

    Raises
    ------
    ArgumentError
        If it is neither, or a column of a dict cannot be kept as it is.
    """
    if isinstance(data, Mapping):
        arrays: dict[str, Any] = {}
        for name, value in data.items():
            if str(name) in arrays:
                raise ArgumentError(f"two columns of data are called '{name}': names are texts")
            arrays[str(name)] = _column(str(name), value)
        lengths = {name: len(array) for name, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise ArgumentError(f"the columns of data differ in length: {lengths}")
        return Data(pa.table(arrays))
    if hasattr(data, "__arrow_c_stream__"):
        if hasattr(data, "get_columns") and any(map(_holds_objects, data.get_columns())):
            return _usable(_series(data))
        try:
            return Data(pa.RecordBatchReader.from_stream(data).read_all())
        except _FAILURES as error:
            series = list(_series(data))
            if not series:
                raise _no_table(data) from error
            return _usable(series)
    if hasattr(data, "__arrow_c_array__"):
        return Data(pa.Table.from_batches([pa.record_batch(data)]))
    raise _no_table(data)


def _no_table(data: Any) -> ArgumentError:
    kind = type(data).__name__
    column = hasattr(data, "__array__") or isinstance(data, (list, tuple))
    return ArgumentError(
        "data must be a dict of columns by name, or a table that has __arrow_c_stream__ (pyarrow, polars, pandas, "
        f"DuckDB), got {kind}" + (f": give it a name, {{'x': {kind}}}" if column else "")
    )


def _series(frame: Any) -> Iterable[tuple[Any, Any]]:
    """Return the columns of a frame of polars or pandas with their names; none of anything else."""
    if hasattr(frame, "get_columns"):  # polars
        return [(each.name, each) for each in frame.get_columns()]
    is_pandas = hasattr(frame, "items") and hasattr(frame, "columns")
    return frame.items() if is_pandas else ()


def _holds_objects(series: Any) -> bool:
    """Whether it has any objects of Python, which polars shows to Arrow as their addresses."""
    return type(series).__module__.startswith("polars") and str(series.dtype) == "Object"


def _usable(series: Iterable[tuple[Any, Any]]) -> Data:
    """Return the columns of a frame that Arrow takes, where it does not take all."""
    columns: dict[str, Any] = {}
    unusable: dict[str, str] = {}
    for name, each in series:
        if str(name) in columns or str(name) in unusable:
            columns.pop(str(name), None)
            unusable[str(name)] = f"data has two columns named '{name}'"
            continue
        try:
            columns[str(name)] = _column(str(name), each)
        except ArgumentError as refusal:
            unusable[str(name)] = str(refusal)
    return Data(pa.table(columns), unusable)


def _column(name: str, value: Any) -> pa.Array | pa.ChunkedArray:
    if np.isscalar(value) or (isinstance(value, np.ndarray) and value.ndim == 0):
        raise ArgumentError(f"column '{name}' of data has no rows: {value!r}")
    if _holds_objects(value):
        raise ArgumentError(f"column '{name}' of data ({_described(value)}) is of objects: cast it to a type of Arrow")
    try:
        return _arrow(value)
    except _FAILURES as error:
        raise ArgumentError(
            f"column '{name}' of data ({_described(value)}) cannot be kept as it is: {error}. Cast it to a type of "
            "Arrow, or leave it out"
        ) from error


def _described(value: Any) -> str:
    dtype = getattr(value, "dtype", None)
    return type(value).__name__ + ("" if dtype is None else f" of {dtype}")


def _arrow(value: Any) -> pa.Array | pa.ChunkedArray:
    if isinstance(value, np.ma.MaskedArray):
        return _masked(value)
    if isinstance(value, np.ndarray):
        return _ndarray(value)
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return value
    if hasattr(value, "__arrow_c_stream__"):
        return pa.chunked_array(value)
    if hasattr(value, "__arrow_c_array__"):
        return pa.array(value)
    if type(value).__module__.partition(".")[0] == "pandas":
        return pa.array(value, from_pandas=True)
    if isinstance(value, (list, tuple, range)) and not any(np.ndim(item) for item in value):
        return pa.array(value)
    return _ndarray(np.asarray(value))


def _masked(array: np.ma.MaskedArray[Any, Any]) -> pa.Array:
    return _rows(np.ma.getdata(array), lambda values: _nulled(_flat(values), np.ma.getmaskarray(array).reshape(-1)))


def _ndarray(array: np.ndarray[Any, Any]) -> pa.Array:
    return _rows(array, _flat)


def _rows(array: np.ndarray[Any, Any], of_flat: Callable[[Any], pa.Array]) -> pa.Array:
    """Return an array of any shape with one value for each row: tensors where there are more axes."""
    if array.ndim == 0:
        raise ValueError(f"it has no rows: {array!r}")
    if array.ndim == 1:
        return of_flat(array)
    shape = list(array.shape[1:])
    flat = of_flat(np.ascontiguousarray(array).reshape(-1))
    size = int(np.prod(shape))
    lists = (
        pa.FixedSizeListArray.from_arrays(flat, size) if size else pa.array([[]] * len(array), pa.list_(flat.type, 0))
    )
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(flat.type, shape), lists)


def _flat(array: np.ndarray[Any, Any]) -> pa.Array:
    """Return a one-dimensional array; values change their unit or byte order, never what they are."""
    if array.dtype.names is not None:
        return pa.StructArray.from_arrays(
            [_ndarray(array[name]) for name in array.dtype.names], list(array.dtype.names)
        )
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind in "Mm":
        array = _in_arrows_unit(array)
    return pa.array(array)


def _in_arrows_unit(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    kind, unit = array.dtype.kind, np.datetime_data(array.dtype)
    targets = (
        {"h": "s", "m": "s", "Y": "D", "M": "D", "W": "D"} if kind == "M" else {"D": "s", "h": "s", "m": "s", "W": "s"}
    )
    target = targets.get(unit[0], unit[0])
    if unit == (target, 1):
        return array
    converted = array.astype(f"{kind}8[{target}]")
    if ((converted.astype(array.dtype) != array) & ~np.isnat(array)).any():
        raise ValueError("a time is out of the range of its unit in Arrow")
    return converted


def _nulled(array: pa.Array, mask: np.ndarray[Any, Any]) -> pa.Array:
    """Return an array with null where the mask says so."""
    return pc.if_else(pa.array(mask), pa.scalar(None, array.type), array) if mask.any() else array
