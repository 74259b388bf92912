"""Windows over a locus or a number, as the key of ``numpy_map``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hail.expr.expressions import Expression, analyze
from hail.expr.types import HailType

import hail as hl
from beringia import _window
from beringia._window import Window, is_duration, is_whole
from beringia.errors import ArgumentError
from beringia.hail.expressions import CALLER, Input

CONTIG, POSITION = "__contig", "__position"


def window(position: Any, *, size: float, step: float | None = None, unit: str | None = None) -> Window:
    """Describe windows over the rows of a table or matrix table, as `key_expr` of ``numpy_map``.

    Examples
    --------
    Windows of a million base pairs, a new one every half million:

    >>> mt = hl.balding_nichols_model(2, 10, 100, n_partitions=3)  # on contig 1, positions 1 to 100
    >>> counts = hl.experimental.numpy_map(
    ...     lambda x: len(x), window(mt.locus, size=50, step=25), hl.tstruct(n=hl.tint32), args=dict(x=mt.ancestral_af)
    ... )
    >>> [(row.contig, row.start, row.end, row.n) for row in counts.collect()][:3]
    [('1', 0, 50, 49), ('1', 25, 75, 50), ('1', 50, 100, 50)]

    Notes
    -----
    A window has the rows from a multiple of `step` on, to before `size` more, in the order of their positions; none
    has rows of two contigs, and none begins before 0. The result is keyed by ``contig``, ``start`` and ``end``, which
    are scalars for parameters of these names.

    `size` and `step` are those of sgkit's ``window_by_position``, with its default of an `offset` of 0, and with
    ``unit="rows"`` those of its ``window_by_variant``, where windows end with the rows of their contig too. Ours
    differ in this: windows without rows are left out; a window that begins at the last position of a contig is not;
    and ``start`` and ``end`` are base pairs, or row numbers within the contig, where sgkit has row numbers within the
    data set.

    Rows that lie in the order of the position, as those of a matrix table do, are not moved, and each is written once
    for all of its windows. Others are sorted by Hail first. Rows whose locus is missing, or whose number is missing,
    NaN or infinite, are in no window.

    Parameters
    ----------
    position : :class:`.LocusExpression` or :class:`.NumericExpression`
        A locus; or a number, such as centimorgans: then the contig is that of the locus in the row key, if there is
        one, and windows may begin before 0.
    size : :class:`int` or :class:`float`
        How large they are: in base pairs, or in the unit of the number.
    step : :class:`int` or :class:`float`, optional
        How far apart they begin; `size` if not given.
    unit : ``"rows"``, optional
        `size` and `step` are numbers of rows, in the order of `position`.

    Raises
    ------
    :class:`beringia.errors.ArgumentError`
        If `position` is neither, or `size` or `step` is no number above zero.
    """
    if not isinstance(position, Expression):
        raise ArgumentError(
            f"window: expected a locus or a number, as an expression such as mt.locus; got {type(position).__name__}"
        )
    if unit not in (None, "rows"):
        raise ArgumentError(f"window: unit is 'rows' or not given, got {unit!r}")
    made = _window.checked(position, size, step, of_rows=unit == "rows")
    kind = position.dtype
    if not isinstance(kind, hl.tlocus) and kind not in (hl.tint32, hl.tint64, hl.tfloat32, hl.tfloat64):
        raise ArgumentError(f"window: expected a locus or a number, got {kind}")
    for name, value in (("size", made.size), ("step", made.step)):
        if is_duration(value):
            raise ArgumentError(f"window: {name} is a number, got {value!r}")
        if not made.of_rows and kind not in (hl.tfloat32, hl.tfloat64) and not is_whole(value):
            raise ArgumentError(f"window: {name} is {value}, and the position a whole number. Make it hl.float64(…)")
    return made


@dataclass(frozen=True)
class Over:
    """Windows over the rows of a source.

    Attributes
    ----------
    fields : dict of str to Expression
        What the node needs of each row.
    keys : dict of str to HailType
        The fields of a window's key.
    plan : dict
        What the node is told.
    """

    fields: Mapping[str, Any]
    keys: Mapping[str, HailType]
    plan: Mapping[str, Any]

    def scalar(self, name: str) -> Input:
        """Return a field of the key as an argument."""
        return Input(hl.missing(self.keys[name]), name)


def over(source: Any, made: Window) -> Over:
    """Return what the node needs for windows over rows of `source`."""
    expression = made.column
    analyze(f"{CALLER}: window", expression, source._row_indices)
    is_locus = isinstance(expression.dtype, hl.tlocus)
    contig = expression.contig if is_locus else _contig_of_key(source)
    position = expression.position if is_locus else expression
    bound = hl.tint64 if made.of_rows or position.dtype == hl.tint64 else hl.tint32
    if not made.of_rows and position.dtype in (hl.tfloat32, hl.tfloat64):
        bound = hl.tfloat64
    fields = {POSITION: position} if contig is None else {CONTIG: contig, POSITION: position}
    plan = {
        "contig": None if contig is None else CONTIG,
        "position": POSITION,
        "ofRows": made.of_rows,
        "fromZero": is_locus,
        **{
            name: int(size) if is_whole(size) else float(size)
            for name, size in (("size", made.size), ("step", made.step))
        },
    }
    return Over(fields, {**({} if contig is None else {"contig": hl.tstr}), "start": bound, "end": bound}, plan)


def _contig_of_key(source: Any) -> Any:
    key = source.row_key if isinstance(source, hl.MatrixTable) else source.key
    return next((field.contig for field in (key or {}).values() if isinstance(field.dtype, hl.tlocus)), None)
