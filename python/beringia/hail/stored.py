"""Arrow arrays of any origin, made what the JVM reads as values of a Hail type.

That is the form in which :func:`arrow_types.field` has them, but for dicts, which are lists of pairs. What is not
exactly a value of the type is an error with the column, the value and its row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hail.expr.types import HailType

import hail as hl
from beringia import _arrow
from beringia.errors import ArgumentError
from beringia.hail import arrow_types
from beringia.hail.arrow_types import is_text

Indices = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Place:
    """Where values are, for messages.

    Attributes
    ----------
    column : str
        The column, and the way within it.
    row : callable
        Of a value's index in its array, the number of its row.
    """

    column: str
    row: Callable[[int], int]

    def part(self, name: str) -> Place:
        """Return the place of a part of these values."""
        return replace(self, column=f"{self.column}.{name}")

    def elements(self, ends: Indices) -> Place:
        """Return the place of the elements of lists that end there."""
        return Place(f"{self.column}[]", lambda index: self.row(int(np.searchsorted(ends, index, "right")) - 1))

    def refuse(self, wrong: Any, values: pa.Array, reason: str) -> None:
        """Raise an error for the first of `values` of which `wrong` is true, if there is one."""
        found = pc.index(wrong, True).as_py()
        if found >= 0:
            raise ArgumentError(f"column {self.column}, row {self.row(found)}: {_shown(values[found])} {reason}")


def _shown(value: pa.Scalar) -> str:
    text = repr(value.as_py())
    return text if len(text) <= 80 else f"{text[:77]}..."


def array(made: pa.Array, dtype: HailType, place: Place) -> pa.Array:
    """Return the values as they are stored.

    Raises
    ------
    ArgumentError
        If one of them is no value of `dtype`.
    """
    made = _unwrapped(made)
    if pa.types.is_null(made.type):
        made = pa.nulls(len(made), arrow_types.field("", dtype, maps=False).type)
    if dtype == hl.tcall:
        return _calls(made, place)
    if isinstance(dtype, (hl.tarray, hl.tset)):
        return _lists(made, dtype, dtype.element_type, place)
    if isinstance(dtype, hl.tdict):
        return _dicts(made, dtype, place)
    parts = arrow_types.parts_of(dtype)
    if parts is None:
        return _plain(made, dtype, place)
    if isinstance(dtype, hl.tlocus) and is_text(made.type):
        made = _parsed_loci(made, place)
    if isinstance(dtype, hl.tndarray) and dtype.ndim == 1 and arrow_types.is_list(made.type):
        made = _vectors(made)
    if not pa.types.is_struct(made.type):
        raise _misfit(made, dtype, place)
    columns = _fields(made, dtype, parts, place)
    stored = _struct(made, [array(columns[name], of, place.part(name)) for name, of in parts.items()], list(parts))
    _check(stored, dtype, place)
    return stored


def _unwrapped(made: pa.Array) -> pa.Array:
    """Return values that are no parts of a dictionary or run, nor views of texts, of which pyarrow takes none."""
    if isinstance(made, pa.ExtensionArray):
        return _unwrapped(made.storage)
    if isinstance(made, pa.DictionaryArray):
        return _unwrapped(made.dictionary).take(made.indices)
    if pa.types.is_run_end_encoded(made.type):
        return _unwrapped(made.values).take(_arrow.runs(made))
    return made.cast(pa.large_string()) if made.type == pa.string_view() else made


def _misfit(made: pa.Array, dtype: HailType, place: Place, reason: object = "") -> ArgumentError:
    told = f": {reason}" if reason else ""
    return ArgumentError(f"column {place.column}: {made.type} does not become {dtype}{told}. Cast it, or see types=")


def _plain(made: pa.Array, dtype: HailType, place: Place) -> pa.Array:
    wanted = arrow_types.field("", dtype).type
    if made.type == wanted:
        return made
    if pa.types.is_nested(made.type):
        raise _misfit(made, dtype, place)
    if made.type == pa.float16():
        made = made.cast(pa.float32())  # pyarrow compares no others
    if not (pa.types.is_floating(wanted) or pa.types.is_boolean(wanted)):
        return _cast(made, wanted, made, dtype, place)  # pyarrow rounds and cuts nothing here
    is_decimal = pa.types.is_decimal(made.type)
    if pa.types.is_floating(wanted) and (is_decimal or is_text(made.type)):
        # Parsed, to the nearest number: pyarrow's own of a decimal is often another.
        parsed = made.cast(pa.large_string())
        found = _cast(parsed, wanted, made, dtype, place)
        is_over = pc.and_(pc.is_inf(found), pc.match_substring_regex(parsed, "[0-9]"))
        place.refuse(is_over, made, f"is too large for {dtype}")
    else:
        found = _cast(made, wanted, made, dtype, place)
    if is_decimal or pa.types.is_integer(made.type) or pa.types.is_floating(made.type):
        is_other = pc.not_equal(_cast(found, made.type, made, dtype, place), made)
        if pa.types.is_floating(made.type) and pa.types.is_floating(wanted):
            is_other = pc.and_(is_other, pc.invert(pc.is_nan(made)))
        place.refuse(is_other, made, f"is no {dtype} exactly: cast it, or see types=")
    return found


def _cast(values: pa.Array, wanted: pa.DataType, made: pa.Array, dtype: HailType, place: Place) -> pa.Array:
    """Return the values cast, on the way of `made` to `dtype`."""
    try:
        return values.cast(wanted)
    except pa.ArrowException as error:
        raise _misfit(made, dtype, place, error) from error


def _validity(made: pa.Array) -> pa.Buffer | None:
    return None if made.null_count == 0 else pc.is_valid(made).buffers()[1]


def _struct(made: pa.Array, columns: list[pa.Array], names: list[str]) -> pa.Array:
    fields = [pa.field(name, column.type) for name, column in zip(names, columns, strict=True)]
    return pa.Array.from_buffers(pa.struct(fields), len(made), [_validity(made)], children=columns)


def _list(made: pa.Array, ends: Indices, items: pa.Array) -> pa.Array:
    return pa.Array.from_buffers(
        pa.large_list(pa.field("item", items.type)), len(made), [_validity(made), pa.py_buffer(ends)], children=[items]
    )


def _large(made: pa.Array, dtype: HailType, place: Place) -> pa.Array:
    """Return lists of any kind as those with offsets of 64 bits."""
    if pa.types.is_large_list(made.type) or pa.types.is_list(made.type):
        return made
    if not arrow_types.is_list(made.type):
        raise _misfit(made, dtype, place)
    if pa.types.is_fixed_size_list(made.type):
        return made.cast(pa.large_list(made.type.value_field))
    return _arrow.lists(made, pa.large_list(made.type.value_field))  # pyarrow's own cast makes invalid arrays of views


def _ends(made: pa.Array) -> Indices:
    return np.asarray(made.offsets).astype(np.int64)


def _lists(made: pa.Array, dtype: HailType, element: HailType, place: Place) -> pa.Array:
    made = _large(made, dtype, place)
    ends = _ends(made)
    return _list(made, ends, array(made.values, element, place.elements(ends)))


def _dicts(made: pa.Array, dtype: Any, place: Place) -> pa.Array:
    if not pa.types.is_map(made.type):
        return _lists(made, dtype, hl.tstruct(key=dtype.key_type, value=dtype.value_type), place)
    ends = _ends(made)
    inner = place.elements(ends)
    parts = [array(made.keys, dtype.key_type, inner), array(made.items, dtype.value_type, inner)]
    pairs = pa.StructArray.from_arrays(parts, ["key", "value"])
    return _list(made, ends, pairs)


def _calls(made: pa.Array, place: Place) -> pa.Array:
    """Return calls as the 32 bits that Hail keeps them as: of these, of lists of alleles, or of alleles and phase."""
    phased: Any = False
    if pa.types.is_struct(made.type) and {part.name for part in made.type} == {"alleles", "phased"}:
        phased = np.asarray(pc.fill_null(made.field("phased"), False))
        made_of = made.field("alleles")
        place.refuse(pc.and_(made.is_valid(), made_of.is_null()), made, "has no alleles")
    elif arrow_types.is_list(made.type):
        made_of = made
    elif pa.types.is_integer(made.type):
        bits = made if made.type == pa.int32() else _cast(made, pa.uint32(), made, hl.tcall, place)
        packed = bits.view(pa.int32())
        place.refuse(pc.equal(pc.bit_wise_and(packed, 6), 6), packed, "is no call: its ploidy is 3")
        return packed
    else:
        raise _misfit(made, hl.tcall, place)
    made_of = _large(made_of, hl.tcall, place)
    ends = _ends(made_of)
    alleles = _plain(made_of.values, hl.tint32, place.elements(ends))
    is_missing = ~np.asarray(made.is_valid())
    count = np.where(is_missing, 0, np.diff(ends))
    place.refuse(pa.array(count > 2), made, "is no call: it has more than two alleles")
    place.elements(ends).refuse(pc.is_null(alleles), alleles, "is an allele of a call, and missing")
    place.elements(ends).refuse(pc.less(alleles, 0), alleles, "is no allele")
    padded = np.append(np.asarray(alleles.fill_null(0)), [0, 0]).astype(np.int64)
    first, second = padded[ends[:-1]], padded[np.minimum(ends[:-1] + 1, len(padded) - 1)]
    low, high = (
        np.where(phased, first, np.minimum(first, second)),
        np.where(phased, first + second, np.maximum(first, second)),
    )
    number = np.where(count == 2, high * (high + 1) // 2 + low, np.where(count == 1, first, 0))
    place.refuse(pa.array(number >= 1 << 29), made, "is a call that Hail has no room for")
    bits = (number << 3 | count << 1 | np.asarray(phased, np.int64)).astype(np.uint32).view(np.int32)
    return pa.array(bits, mask=is_missing)


def _parsed_loci(made: pa.Array, place: Place) -> pa.Array:
    """Return contig and position of texts such as ``1:2345``."""
    found = pc.extract_regex(made.cast(pa.large_string()), r"^(?P<contig>.+):(?P<position>[0-9]{1,9})$")
    place.refuse(pc.and_(made.is_valid(), found.is_null()), made, "is no locus: expected contig:position")
    position = pc.if_else(found.is_valid(), found.field("position"), None)  # a text of no length, where there is none
    return _struct(found, [found.field("contig"), position], ["contig", "position"])


def _vectors(made: pa.Array) -> pa.Array:
    """Return the ndarrays of one axis that lists are."""
    large = _large(made, hl.tndarray(hl.tfloat64, 1), Place("", lambda index: index))
    counts = np.diff(_ends(large))
    shapes = _list(pa.array(counts), np.arange(len(made) + 1, dtype=np.int64), pa.array(counts))
    return _struct(made, [shapes, large], ["shape", "data"])


def _fields(made: pa.Array, dtype: HailType, parts: dict[str, HailType], place: Place) -> dict[str, pa.Array]:
    found = [part.name for part in made.type]
    if isinstance(dtype, hl.ttuple) and len(found) == len(parts):
        return {name: made.field(i) for i, name in enumerate(parts)}
    columns = {name: made.field(i) for i, name in enumerate(found)}
    if isinstance(dtype, hl.tinterval) and set(found) == {"start", "end"}:
        columns["includes_start"] = pa.array(np.ones(len(made), bool))  # as in hl.interval
        columns["includes_end"] = pa.array(np.zeros(len(made), bool))
    if set(columns) != set(parts):
        raise _misfit(made, dtype, place, f"expected the fields {', '.join(parts)}")
    return columns


def _check(stored: pa.Array, dtype: HailType, place: Place) -> None:
    """Refuse structs of which Hail can make no value."""
    needed = []
    if isinstance(dtype, hl.tlocus):
        needed = ["contig", "position"]
    elif isinstance(dtype, hl.tinterval):
        needed = list(arrow_types.FLAGS)
    elif isinstance(dtype, hl.tndarray):
        needed = ["shape", "data"]
    for name in needed:
        place.refuse(pc.and_(stored.is_valid(), stored.field(name).is_null()), stored, f"has no {name}")
    if isinstance(dtype, hl.tlocus):
        _check_loci(stored, dtype.reference_genome, place)
    elif isinstance(dtype, hl.tndarray):
        _check_ndarrays(stored, dtype, place)


def _check_loci(stored: pa.Array, genome: Any, place: Place) -> None:
    contigs = pa.array(genome.contigs, pa.large_string())
    lengths = pa.array([genome.lengths[contig] for contig in genome.contigs], pa.int32())
    number = pc.index_in(stored.field("contig"), contigs)
    place.refuse(pc.and_(stored.is_valid(), number.is_null()), stored, f"is on no contig of {genome.name}")
    position, length = stored.field("position"), lengths.take(number)
    is_out = pc.fill_null(pc.or_(pc.less(position, 1), pc.greater(position, length)), False)
    place.refuse(pc.and_(stored.is_valid(), is_out), stored, f"is outside of its contig in {genome.name}")


def _check_ndarrays(stored: pa.Array, dtype: Any, place: Place) -> None:
    shapes, data = stored.field("shape"), stored.field("data")
    place.refuse(
        pc.and_(stored.is_valid(), pc.not_equal(pc.list_value_length(shapes), dtype.ndim)),
        stored,
        f"has no {dtype.ndim} axes",
    )
    elements = data.values
    place.part("data").elements(_ends(data)).refuse(
        elements.is_null(), elements, "is missing, and nothing is missing in an ndarray"
    )
    sizes = np.append(np.asarray(shapes.values.fill_null(0)), 1)
    starts = _ends(shapes)[:-1]
    product = np.ones(len(stored), np.int64)
    for axis in range(dtype.ndim):
        product *= sizes[np.minimum(starts + axis, len(sizes) - 1)]
    is_other = pa.array(product != np.diff(_ends(data)))
    place.refuse(pc.and_(stored.is_valid(), is_other), stored, "has a shape for another number of elements")
