"""Tables as pandas frames, and frames as tables: ``to_pandas`` and ``from_pandas``, which give what Hail's give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from hail.expr.types import HailType

import hail as hl
from beringia.errors import ArgumentError
from beringia.hail import arrow_types, imports, pandas_columns, partitions, tables, values

_DTYPES: dict[HailType, Any] = {
    hl.tstr: "string",
    hl.tint32: "Int32",
    hl.tint64: "Int64",
    hl.tfloat32: "Float32",
    hl.tfloat64: "Float64",
    hl.tbool: "boolean",
}


def to_pandas(table: hl.Table, flatten: bool = True, types: Mapping[Any, str] | None = None) -> pd.DataFrame:
    """Return the rows of a table as a pandas frame: as :meth:`.Table.to_pandas` does, faster.

    Examples
    --------
    >>> beringia.hail.to_pandas(hl.utils.range_table(2).annotate(x="a", y=hl.missing(hl.tint64)))
       idx  x     y
    0    0  a  <NA>
    1    1  a  <NA>

    Parameters
    ----------
    table : :class:`.Table`
        Its rows come in their order.
    flatten : :class:`bool`
        Whether the fields of structs become columns.
    types : :class:`dict`, optional
        Dtypes of pandas by name of a field, or by Hail type. By default numbers, booleans and strings get pandas'
        nullable dtypes, and other columns hold objects of Hail: calls, loci, intervals, structs, lists, sets, dicts,
        ndarrays.

    Returns
    -------
    pandas.DataFrame
        With a :class:`pandas.RangeIndex`.

    Raises
    ------
    ResourceError
        If it takes more than the memory of this machine.
    """
    rows = partitions.rows_of(table, "to_pandas")
    if flatten:
        rows = rows.flatten()
    fields = dict(rows.row.dtype)
    given = dict(types or {})
    budget = tables.Budget("to_pandas: the result", "to_batches takes it in parts")
    found: dict[str, list[pa.Array]] = {name: [] for name in fields}
    length = 0
    for partition in partitions.of(rows):
        budget.take(partition.nbytes)
        length += sum(partition.lengths)
        for batch in partition.batches:
            for column, made in zip(found.values(), batch, strict=True):
                column.append(made)
    frame = {
        name: _column(chunks, fields[name], given.get(name, given.get(fields[name]))) for name, chunks in found.items()
    }
    return pd.DataFrame(frame) if frame else pd.DataFrame(index=range(length))


def _column(chunks: list[pa.Array], dtype: HailType, wanted: Any) -> Any:
    if wanted is None and dtype in _DTYPES:
        made = pa.chunked_array(chunks, arrow_types.field("", dtype, maps=False).type)
        if dtype in (hl.tfloat32, hl.tfloat64):
            made = pc.if_else(pc.is_nan(made), None, made)  # as pandas makes of a list
        return pd.Series(pd.array([], _DTYPES[dtype]).dtype.__from_arrow__(made))
    objects = [value for chunk in chunks for value in values.of_array(chunk, dtype)]
    if wanted is None:
        wanted = _DTYPES.get(dtype, dtype.to_numpy())
    return pd.Series(objects, dtype=wanted)


def from_pandas(
    frame: pd.DataFrame, key: str | Sequence[str] | None = None, types: Mapping[str, HailType | str] | None = None
) -> hl.Table:
    """Make a table of a pandas frame: as :meth:`.Table.from_pandas` does, faster.

    Examples
    --------
    >>> ht = beringia.hail.from_pandas(pd.DataFrame({"id": ["b", "a"], "x": [1.5, 2.5]}), key="id")
    >>> ht.x.collect()
    [2.5, 1.5]

    Notes
    -----
    Numbers keep the width of their dtype, smaller integers become ``int32``, unsigned ones ``int64`` if they are large;
    of objects, the type is what Hail infers of the values. A NaN stays a NaN among floats, and is missing among texts.
    The index is left out.

    Parameters
    ----------
    frame : pandas.DataFrame
        It is copied: later changes of it are not seen.
    key : :class:`str` or list of :class:`str`, optional
        Fields of the key.
    types : :class:`dict`, optional
        Hail types by name of a column, as in :func:`from_arrow`.

    Returns
    -------
    :class:`.Table`
        See :func:`from_arrow`.

    Raises
    ------
    ArgumentError
        If a column has no form in Hail: with its name, its dtype and what to cast it to.
    """
    if not isinstance(frame, pd.DataFrame):
        raise ArgumentError(f"from_pandas takes a pandas.DataFrame, and got {type(frame).__name__}")
    arrays, fields = columns_of(frame, types, "from_pandas")
    return imports.table_of(fields, iter([arrays]), key, "from_pandas")


def columns_of(
    frame: pd.DataFrame, types: Mapping[str, HailType | str] | None, caller: str
) -> tuple[list[pa.Array], dict[str, HailType]]:
    """Return the columns of a frame, and their types by name."""
    names = list(frame.columns)
    for name in names:
        if not isinstance(name, str):
            raise ArgumentError(f"{caller}: the column {name!r} is no text: rename it")
    if len(set(names)) < len(names):
        raise ArgumentError(f"{caller}: two columns have the same name, of {', '.join(names)}")
    wanted = imports.checked_types(types, names, caller)
    made = [pandas_columns.converted(frame[name], wanted.get(name), name) for name in names]
    return [array for array, _ in made], {name: of for name, (_, of) in zip(names, made, strict=True)}
