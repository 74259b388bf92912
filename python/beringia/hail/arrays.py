"""Expressions as ndarrays: ``to_numpy``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from hail.expr.expressions import Expression
from hail.expr.types import HailType

import hail as hl
from beringia.errors import ArgumentError
from beringia.hail import apart, ndarrays, partitions, tables
from beringia.hail.expressions import axes_of

Array = np.ndarray[Any, Any]
ENTRIES = "__entries"


def to_numpy(expr: Any, missing: str = "nan", out: Any = None) -> Any:
    """Return the values of expressions as ndarrays, in the order of the rows.

    Examples
    --------
    >>> mt = hl.utils.range_matrix_table(3, 2)
    >>> beringia.hail.to_numpy(mt.row_idx * 10.0 + mt.col_idx)
    array([[ 0.,  1.],
           [10., 11.],
           [20., 21.]])
    >>> beringia.hail.to_numpy({"row": mt.row_idx, "col": mt.col_idx})
    {'row': array([0, 1, 2], dtype=int32), 'col': array([0, 1], dtype=int32)}

    Notes
    -----
    With `n` rows and `m` columns: row-indexed ``(n,)``, entry-indexed ``(n, m)``, column-indexed ``(m,)``,
    global-indexed without an axis; then the axes of the type. The forms are those of :func:`.numpy_map`: a string is
    an object, a call its two alleles, arrays and ndarrays of one shape have axes, others are objects that are arrays;
    a struct, a locus and an interval are dicts of their fields, a tuple a tuple, a set the array of its elements, a
    dict the arrays of its ``key`` and ``value``.

    Parameters
    ----------
    expr : :class:`.Expression`, or a list or dict of them
        Of one table or matrix table. All that are indexed by rows or entries are computed in one pass.
    missing : ``"nan"``, ``"mask"``, ``"error"``
        What a missing value becomes. ``"nan"``: NaN, or None among objects; an error for integers, booleans and
        calls, which are never silently made floats. ``"mask"``: masked arrays, of objects too. ``"error"``: an
        error.
    out : :class:`numpy.ndarray`, or a list or dict of them, optional
        Where the values go, for expressions of numbers, booleans, calls and arrays of them: of the shape of the
        result, and of a dtype that has all of its values. A :class:`numpy.memmap` may be larger than memory. Rows are
        written from the first on, each whole; after an error, those that were not reached are what they were.

    Returns
    -------
    ndarray, or a list or dict of them
        As `expr`; `out` itself where given.

    Raises
    ------
    MissingValueError
        If a value is missing where it cannot be.
    ResourceError
        If it takes more than the memory of this machine: give `out`.
    """
    if missing not in ("nan", "mask", "error"):
        raise ArgumentError(f"to_numpy: missing is 'nan', 'mask' or 'error'; got {missing!r}")
    given = _named(expr)
    for name, expression in given.items():
        if not isinstance(expression, Expression):
            raise ArgumentError(f"to_numpy takes expressions of Hail; {name} is a {type(expression).__name__}")
    if out is not None and (type(out) in (list, tuple, dict)) != (type(expr) in (list, tuple, dict)):
        raise ArgumentError("to_numpy: out is an array for one expression, a list or dict of them for a list or dict")
    wanted = {} if out is None else _named(out)
    if out is not None and list(wanted) != list(given):
        raise ArgumentError(f"to_numpy: expr has {', '.join(given)}, and out has {', '.join(wanted)}")
    source = next((e._indices.source for e in given.values() if e._indices.source is not None), None)
    made = _Passes(source, missing, tables.Budget("to_numpy: the result", "give out=, such as a numpy.memmap"))
    for name, expression in given.items():
        made.add(name, expression, wanted.get(name))
    found = made.run()
    if isinstance(expr, Mapping):
        return found
    return list(found.values()) if isinstance(expr, (list, tuple)) else found["expr"]


def _named(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    return {f"expr[{i}]": item for i, item in enumerate(given)} if isinstance(given, (list, tuple)) else {"expr": given}


class _Passes:
    """What is computed of the rows, of the columns and of the globals, each in one query."""

    def __init__(self, source: Any, missing: str, budget: tables.Budget):
        self._source, self._missing, self._budget = source, missing, budget
        self._together: dict[str, tuple[list[Target], apart.Together]] = {}
        self._expressions: dict[str, Any] = {}
        self._targets: dict[str, Target] = {}
        self._entries: dict[str, str] = {}  # what each matrix is called among the entries

    def add(self, name: str, expression: Any, out: Array | None) -> None:
        """Add an expression; `out` is where its values go."""
        leaves, together = apart.taken(expression)
        if out is not None and (len(leaves) != 1 or ndarrays.dtype_of(leaves[0].dtype).kind == "O"):
            raise ArgumentError(
                f"to_numpy: {name} has type {expression.dtype}, which goes into no array: leave out out="
            )
        targets = []
        for leaf in leaves:
            place = f"__{len(self._targets)}"
            axes = axes_of(leaf)
            if axes and self._source is None:
                raise ArgumentError(f"to_numpy: {name} is random and of no table: there is no number of its values")
            target = Target(name, leaf.dtype, self._missing, axes, out, self._budget)
            self._expressions[place], self._targets[place] = leaf, target
            if {"row", "column"} <= axes:
                self._entries[place] = self._entry_field(leaf, place)
            targets.append(target)
        self._together[name] = targets, together

    def run(self) -> dict[str, Any]:
        """Return the values by name."""
        for axes, table in (({"row"}, self._rows), ({"column"}, self._columns), (set(), self._globals)):
            places = [
                place
                for place, target in self._targets.items()
                if ({"row"} if "row" in target.axes else target.axes) == axes
            ]
            if places:
                self._fill(table({place: self._expressions[place] for place in places}))
        return {
            name: together([target.result() for target in targets])
            for name, (targets, together) in self._together.items()
        }

    def _fill(self, table: Any) -> None:
        for partition in partitions.of(table):
            for arrays in partition.batches:
                for name, made in zip(table.row, arrays, strict=True):
                    if name == ENTRIES:
                        self._append_entries(made, partition.expected)
                    else:
                        self._targets[name].append(made, partition.expected)

    def _append_entries(self, entries: pa.LargeListArray, expected: int) -> None:
        fields = dict(zip((part.name for part in entries.values.type), entries.values.flatten(), strict=True))
        for place, field in self._entries.items():
            self._targets[place].append(type(entries).from_arrays(entries.offsets, fields[field]), expected)

    def _entry_field(self, expression: Any, place: str) -> str:
        """Return what an expression is called among the entries: a field by its own name is not written once more."""
        name: str = self._source._fields_inverse.get(expression, place)
        return place if name.startswith("__") else name

    def _rows(self, expressions: Mapping[str, Any]) -> Any:
        if not isinstance(self._source, hl.MatrixTable):
            return self._source.select(**expressions).key_by().select(*expressions)
        entries = {field: expressions[place] for place, field in self._entries.items()}
        computed = {field: made for field, made in entries.items() if field in expressions}
        rows = {place: made for place, made in expressions.items() if place not in self._entries}
        mt = self._source._annotate_all(row_exprs=rows, entry_exprs=computed)
        if not entries:
            return mt.rows().key_by().select(*rows)
        # Entries cross as they lie in the row: Hail would have to write them once more to take them apart.
        mt = mt._select_entries("to_numpy", mt.entry.select(*entries))
        return mt.localize_entries(ENTRIES, "__columns").key_by().select(ENTRIES, *rows).select_globals()

    def _columns(self, expressions: Mapping[str, Any]) -> Any:
        return self._source.annotate_cols(**expressions).key_cols_by().cols().select(*expressions)

    def _globals(self, expressions: Mapping[str, Any]) -> Any:
        one = hl.utils.range_table(1, 1).key_by()
        if self._source is None:
            return one.select(**expressions)
        values = self._source.annotate_globals(**expressions).index_globals()
        return one.select(**{place: values[place] for place in expressions})


class Target:
    """Where the values of one expression go, batch after batch."""

    def __init__(
        self, name: str, dtype: HailType, missing: str, axes: set[str], out: Array | None, budget: tables.Budget
    ):
        self.axes = axes
        self._name, self._dtype, self._missing, self._budget = name, dtype, missing, budget
        self._out = out
        self._whole: Array | None = None
        self._chunks: list[Array] = []  # instead, where values have no one form
        self._is_missing: list[Array] = []  # of those that may have several
        self._rows = 0
        if out is not None:
            self._check_out(out)

    def _check_out(self, out: Array) -> None:
        if not isinstance(out, np.ndarray) or not out.flags.writeable:
            raise ArgumentError(f"to_numpy: out of {self._name} is no array that can be written to")
        dtype = ndarrays.dtype_of(self._dtype)
        if not np.can_cast(dtype, out.dtype, "safe"):
            raise ArgumentError(f"to_numpy: {self._name} has values of {dtype}, which {out.dtype} of out cannot have")
        if self._missing == "mask" and not isinstance(out, np.ma.MaskedArray):
            raise ArgumentError(f"to_numpy: missing='mask' wants a masked array for out of {self._name}")

    def append(self, made: pa.Array, expected: int) -> None:
        """Take the values of the next rows, of about so many in all."""
        rows = len(made)
        if rows == 0:
            return
        lead = [rows]
        if {"row", "column"} <= self.axes:
            made = made.values
            lead.append(len(made) // rows)
        found = ndarrays.of_array(made, self._dtype, self._missing, self._name)
        found = found.reshape(*lead, *found.shape[1:])
        if self._out is not None:
            self._write(self._out if self.axes else self._out[np.newaxis], found)
        else:
            self._budget.take(found.nbytes)
            self._keep(found, expected)
            if isinstance(self._dtype, (hl.tarray, hl.tndarray)):
                self._is_missing.append(np.asarray(made.is_null()).reshape(lead))
        self._rows += rows

    def _keep(self, found: Array, expected: int) -> None:
        if self._rows == 0 and self._missing != "mask" and found.dtype != object:
            self._whole = np.empty((max(expected, len(found)), *found.shape[1:]), found.dtype)
        if self._whole is None:
            self._chunks.append(found)
        elif found.shape[1:] != self._whole.shape[1:] or found.dtype != self._whole.dtype:
            self._chunks = [self._whole[: self._rows], found]
            self._whole = None
        else:
            end = self._rows + len(found)
            if end > len(self._whole):
                larger = np.empty((end + end // 2, *found.shape[1:]), found.dtype)
                larger[: self._rows] = self._whole[: self._rows]
                self._whole = larger
            self._whole[self._rows : end] = found

    def _write(self, out: Array, found: Array) -> None:
        end = self._rows + len(found)
        if found.shape[1:] != out.shape[1:] or end > len(out) or found.dtype == object:
            raise ArgumentError(
                f"to_numpy: {self._name} has rows of shape {found.shape[1:]}, at least {end} of them, and out has "
                f"the shape {out.shape}"
            )
        out[self._rows : end] = found

    def result(self) -> Any:
        """Return all values."""
        if self._out is not None:
            if self.axes and self._rows != len(self._out):
                raise ArgumentError(f"to_numpy: {self._name} has {self._rows} rows, and out has {len(self._out)}")
            return self._out
        if self._whole is not None:
            return self._whole[: self._rows] if self.axes else self._whole[0]
        chunks = self._chunks or [
            np.empty((0, 0) if {"row", "column"} <= self.axes else 0, ndarrays.dtype_of(self._dtype))
        ]
        if len({(chunk.shape[1:], chunk.dtype) for chunk in chunks}) > 1:
            return ndarrays.mixed(chunks, np.concatenate(self._is_missing), self._missing)
        whole: Array = np.concatenate(chunks)
        if self._missing == "mask":
            whole = np.ma.masked_array(whole, np.concatenate([np.ma.getmaskarray(chunk) for chunk in chunks]))
        return whole if self.axes else whole[0]
