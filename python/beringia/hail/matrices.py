"""Ndarrays as matrix tables: ``from_numpy``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hail.expr.types import HailType

import hail as hl
from beringia.errors import ArgumentError
from beringia.hail import arrow_types, frames, imports, partitions

Array = np.ndarray[Any, Any]

ROW, COLUMN, ENTRY = "row_idx", "col_idx", "element"
"""Names that Hail's matrices from arrays have."""

_CHUNK = 64 << 20  # bytes of entries that are looked at together


def from_numpy(entries: Any, rows: Any = None, cols: Any = None) -> hl.MatrixTable:
    """Make a matrix table of ndarrays.

    Examples
    --------
    >>> mt = beringia.hail.from_numpy(
    ...     {"dosage": np.array([[0.0, 1.0], [2.0, np.nan]])}, cols=pd.DataFrame({"sample": ["a", "b"]})
    ... )
    >>> mt.aggregate_entries(hl.agg.sum(hl.if_else(hl.is_nan(mt.dosage), 0, mt.dosage)))
    3.0
    >>> mt.sample.collect()
    ['a', 'b']

    Parameters
    ----------
    entries : ndarray of shape (n, m), or dict of them
        Of integers, floats or booleans; one array becomes the entry field ``element``, a dict the fields that it
        names. What is masked is missing; NaN stays NaN. They are copied: later changes are not seen.
    rows, cols : pandas.DataFrame, pyarrow.Table or :class:`.Table`, optional
        Their fields, in the order of the arrays' axes: `n` and `m` rows. A table of Hail is computed now, and its key
        is that of the rows or columns. Else, or if the table has none, the key is ``row_idx`` or ``col_idx``, which
        count from 0 on.

    Returns
    -------
    :class:`.MatrixTable`
        As lazy as a table of :func:`from_arrow`.

    Raises
    ------
    ArgumentError
        If the lengths of entries, rows and columns differ, or one of them has no form in Hail.
    """
    arrays = {str(name): _checked(str(name), made) for name, made in _named(entries).items()}
    [(first, (n, m)), *others] = [(name, made.shape) for name, made in arrays.items()]
    for name, shape in others:
        if shape != (n, m):
            raise ArgumentError(f"from_numpy: {first} has the shape {(n, m)}, and {name} {shape}")
    of_rows = _Fields.of(rows, n, "rows", ROW)
    of_columns = _Fields.of(cols, m, "cols", COLUMN)
    for name in of_rows.types:
        if name in of_columns.types:
            raise ArgumentError(f"from_numpy: rows and cols both have a field {name!r}: rename one of them")
    taken = {*of_rows.types, *of_columns.types, ROW, COLUMN}
    for name in arrays:
        if name in taken:
            raise ArgumentError(f"from_numpy: entries and another axis have a field {name!r}: rename one of them")
    table = imports.table_of(
        {**of_rows.types, **{f"__{name}": hl.tarray(_type(made)) for name, made in arrays.items()}},
        _chunks(of_rows.columns, arrays),
        of_rows.key if of_rows.key != [ROW] else None,
        "from_numpy",
        index=ROW,
    )
    table = table.transmute(__entries=_structs(table, list(arrays), m))
    if of_rows.key != [ROW]:
        table = table.drop(ROW)
    table = table.annotate_globals(__columns=of_columns.gathered(m, COLUMN))
    mt = table._unlocalize_entries("__entries", "__columns", of_columns.key)
    return mt.select_rows(*[name for name in of_rows.types if name not in of_rows.key])


def _named(entries: Any) -> dict[Any, Any]:
    found = dict(entries) if isinstance(entries, Mapping) else {ENTRY: entries}
    if not found:
        raise ArgumentError("from_numpy: entries is empty: pass an array of shape (n, m), or a dict of them")
    return found


def _checked(name: str, made: Any) -> Array:
    if not isinstance(made, np.ndarray) or made.ndim != 2:
        what = f"an array of shape {made.shape}" if isinstance(made, np.ndarray) else f"a {type(made).__name__}"
        raise ArgumentError(f"from_numpy: {name} is to be an ndarray of two axes, rows and columns; got {what}")
    if made.dtype.kind not in "biuf" or made.dtype.itemsize > 8:
        raise ArgumentError(
            f"from_numpy: {name} has dtype {made.dtype}, and entries are integers, floats or booleans: cast it"
        )
    if made.dtype.newbyteorder("=") == np.uint64:
        raise ArgumentError(f"from_numpy: {name} has dtype uint64, and Hail has no such integers: cast it to int64")
    return made


def _type(made: Array) -> HailType:
    return arrow_types.hail_type(pa.field("", pa.from_numpy_dtype(made.dtype.newbyteorder("="))), "entries")


def _chunks(columns: list[pa.Array], arrays: Mapping[str, Array]) -> Iterator[list[pa.Array]]:
    """Give some rows at a time: the columns, then of each array a list for every row."""
    n, m = next(iter(arrays.values())).shape
    width = m * sum(made.itemsize for made in arrays.values())
    step = max(1, _CHUNK // max(1, width))
    for start in range(0, n, step):
        end = min(n, start + step)
        yield [
            *(column.slice(start, end - start) for column in columns),
            *(_lists(made[start:end]) for made in arrays.values()),
        ]


def _lists(rows: Array) -> pa.Array:
    mask = np.ma.getmask(rows)
    flat = np.ascontiguousarray(np.ma.getdata(rows), rows.dtype.newbyteorder("=")).reshape(-1)  # Arrow has no other
    items = pa.array(flat, mask=None if mask is np.ma.nomask else np.ascontiguousarray(mask).reshape(-1))
    ends = np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1]
    return pa.LargeListArray.from_arrays(ends, items)


def _structs(table: hl.Table, names: list[str], m: int) -> Any:
    """Return the entries of a row: structs, made when they are used."""
    if len(names) == 1:
        return table[f"__{names[0]}"].map(lambda value: hl.struct(**{names[0]: value}))
    return hl.range(m).map(lambda i: hl.struct(**{name: table[f"__{name}"][i] for name in names}))


class _Fields:
    """The fields of the rows, or of the columns."""

    def __init__(self, columns: list[pa.Array], types: dict[str, HailType], key: list[str]):
        self.columns, self.types, self.key = columns, types, key

    @classmethod
    def of(cls, given: Any, length: int, caller: str, index: str) -> _Fields:
        """Return what was given as a frame or table of this length; `index` is the key where it has none."""
        if given is None:
            return cls([], {}, [index])
        key: list[str] = []
        if isinstance(given, hl.Table):
            key, types = list(given.key or {}), dict(given.row.dtype)
            chunks = [arrays for partition in partitions.of(given) for arrays in partition.batches]
            made = [
                pa.chunked_array(found, arrow_types.field("", of, maps=False).type)
                for found, of in zip(
                    zip(*chunks, strict=True) if chunks else [[]] * len(types), types.values(), strict=True
                )
            ]
            columns = [column.combine_chunks() for column in made]
        elif isinstance(given, pd.DataFrame):
            columns, types = frames.columns_of(given, None, f"from_numpy: {caller}")
        elif hasattr(given, "__arrow_c_stream__"):
            table = pa.table(given).combine_chunks()
            types = {f.name: arrow_types.hail_type(f, f"from_numpy: {caller}, column {f.name!r}") for f in table.schema}
            columns = [column.combine_chunks() for column in table.columns]
        else:
            raise ArgumentError(f"from_numpy: {caller} is a frame or a Table of Hail; got {type(given).__name__}")
        if index in types:
            raise ArgumentError(f"from_numpy: {caller} has a field {index!r}, which is made here: rename it")
        found = len(columns[0]) if columns else length
        if found != length:
            axis = 0 if caller == "rows" else 1
            raise ArgumentError(f"from_numpy: entries have {length} {caller} (axis {axis}), and {caller} has {found}")
        return cls(columns, types, key or [index])

    def gathered(self, length: int, index: str) -> Any:
        """Return an expression of all of them: an array of structs."""
        if not self.types:
            return hl.range(length).map(lambda i: hl.struct(**{index: hl.int64(i)}))
        table = imports.table_of(self.types, iter([self.columns]), None, "from_numpy", index=index)
        fields = [*self.types, index] if self.key == [index] else list(self.types)
        found = table.key_by().select(*fields).collect(_localize=False)
        return hl.literal(hl.eval(found), found.dtype)
