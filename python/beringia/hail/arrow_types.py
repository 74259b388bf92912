"""Hail's types as Arrow's, and back.

What Arrow has no type for is a number, struct or list whose field says in its metadata what it stands for
(``ARROW:extension:name``), under the names and with the storage of Hail's own Arrow schemas where these have one.
"""

from __future__ import annotations

import json

import pyarrow as pa
from hail.expr.types import HailType

import hail as hl
from beringia.errors import ArgumentError

NAME, PARAMETERS = b"ARROW:extension:name", b"ARROW:extension:metadata"
FLAGS = ("includes_start", "includes_end")

_PLAIN = {
    hl.tbool: pa.bool_(),
    hl.tint32: pa.int32(),
    hl.tint64: pa.int64(),
    hl.tfloat32: pa.float32(),
    hl.tfloat64: pa.float64(),
    hl.tstr: pa.large_string(),
}


def field(name: str, dtype: HailType, maps: bool = True) -> pa.Field:
    """Return the Arrow field of a Hail type.

    Parameters
    ----------
    name : str
        Its name.
    dtype : HailType
        The type.
    maps : bool
        Whether dicts are maps; else they are lists of pairs, as they are stored. Only these may have a missing key.

    Raises
    ------
    ArgumentError
        If it, or a part of it, has no Arrow form.
    """
    if dtype in _PLAIN:
        return pa.field(name, _PLAIN[dtype])
    if dtype == hl.tcall:
        return _tagged(pa.field(name, pa.uint32()), "hail.call")
    if isinstance(dtype, hl.tarray):
        return pa.field(name, pa.large_list(field("item", dtype.element_type, maps)))
    if isinstance(dtype, hl.tset):
        return _tagged(pa.field(name, pa.large_list(field("item", dtype.element_type, maps))), "hail.set")
    if isinstance(dtype, hl.tdict):
        key, value = field("key", dtype.key_type, maps), field("value", dtype.value_type, maps)
        if maps:
            return pa.field(name, pa.map_(key.with_nullable(False), value, keys_sorted=True))
        return _tagged(pa.field(name, pa.large_list(pa.field("item", pa.struct([key, value])))), "hail.dict")
    parts = parts_of(dtype)
    if parts is None:
        raise ArgumentError(f"'{name}' has type {dtype}, which has no Arrow form here")
    made = pa.field(name, pa.struct([field(part, of, maps) for part, of in parts.items()]))
    if isinstance(dtype, hl.tlocus):
        return _tagged(made, "hail.locus", json.dumps({"reference_genome": dtype.reference_genome.name}))
    if isinstance(dtype, hl.tndarray):
        return _tagged(made, "hail.ndarray", str(dtype.ndim))
    if isinstance(dtype, hl.tinterval):
        return _tagged(made, "hail.interval")
    return _tagged(made, "hail.tuple") if isinstance(dtype, hl.ttuple) else made


def parts_of(dtype: HailType) -> dict[str, HailType] | None:
    """Return the fields of what is stored as a struct, or None where a type is not."""
    if isinstance(dtype, hl.tstruct):
        return dict(dtype)
    if isinstance(dtype, hl.ttuple):
        return {str(i): part for i, part in enumerate(dtype.types)}
    if isinstance(dtype, hl.tlocus):
        return {"contig": hl.tstr, "position": hl.tint32}
    if isinstance(dtype, hl.tinterval):
        return {"start": dtype.point_type, "end": dtype.point_type, **dict.fromkeys(FLAGS, hl.tbool)}
    if isinstance(dtype, hl.tndarray):
        return {"shape": hl.tarray(hl.tint64), "data": hl.tarray(dtype.element_type)}
    return None


def _tagged(made: pa.Field, extension: str, parameters: str = "") -> pa.Field:
    return made.with_metadata({NAME: extension.encode(), **({PARAMETERS: parameters.encode()} if parameters else {})})


def hail_type(column: pa.Field, where: str) -> HailType:
    """Return the Hail type of an Arrow field, by what it says it stands for, else by its type.

    Parameters
    ----------
    column : pa.Field
        The field, or a part of one.
    where : str
        What messages call it.

    Raises
    ------
    ArgumentError
        If Hail has no such type: with what to cast it to.
    """
    metadata = column.metadata or {}
    made, extension = column.type, metadata.get(NAME, b"").decode()
    parameters = metadata.get(PARAMETERS, b"").decode()
    if isinstance(made, pa.BaseExtensionType):
        extension = made.extension_name
        parameters = made.__arrow_ext_serialize__().decode() if isinstance(made, pa.ExtensionType) else ""
        made = made.storage_type
    if extension.startswith("hail."):
        return _extension_type(extension, parameters, made, where)
    return _type_by_storage(made, where)


def _extension_type(extension: str, parameters: str, made: pa.DataType, where: str) -> HailType:
    def part(name: str) -> HailType:
        return hail_type(made.field(name), f"{where}.{name}")

    try:
        if extension == "hail.call":
            return hl.tcall
        if extension == "hail.locus":
            return hl.tlocus(json.loads(parameters)["reference_genome"])
        if extension == "hail.interval":
            return hl.tinterval(part("start"))
        if extension == "hail.ndarray":
            return hl.tndarray(part("data").element_type, int(parameters))
        if extension == "hail.set":
            return hl.tset(_type_by_storage(made, where).element_type)
        if extension == "hail.dict":
            pair = _type_by_storage(made, where).element_type
            return hl.tdict(pair["key"], pair["value"])
        if extension == "hail.tuple":
            return hl.ttuple(*[hail_type(made.field(i), f"{where}[{i}]") for i in range(made.num_fields)])
        if extension == "hail.struct":
            return _type_by_storage(made, where)
    except (AttributeError, KeyError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(f"{where}: {made} is no {extension} with parameters {parameters!r}: {error}") from error
    raise ArgumentError(f"{where}: Hail has no extension type {extension!r}")


def _type_by_storage(made: pa.DataType, where: str) -> HailType:
    kinds = pa.types
    if kinds.is_dictionary(made) or kinds.is_run_end_encoded(made):
        return _type_by_storage(made.value_type, where)
    if kinds.is_boolean(made):
        return hl.tbool
    if kinds.is_integer(made) and made != pa.uint64():
        return hl.tint64 if made in (pa.int64(), pa.uint32()) else hl.tint32
    if kinds.is_floating(made):
        return hl.tfloat64 if made == pa.float64() else hl.tfloat32
    if is_text(made):
        return hl.tstr
    if kinds.is_map(made):
        return hl.tdict(hail_type(made.key_field, f"{where}.key"), hail_type(made.item_field, f"{where}.value"))
    if is_list(made):
        return hl.tarray(hail_type(made.value_field, f"{where}[]"))
    if kinds.is_struct(made):
        return hl.tstruct(**{part.name: hail_type(part, f"{where}.{part.name}") for part in made})
    raise ArgumentError(f"{where} has type {made}, and Hail has no such type{_advice(made)}")


def is_text(made: pa.DataType) -> bool:
    """Tell whether a type is one of Arrow's strings."""
    return bool(pa.types.is_string(made) or pa.types.is_large_string(made) or made == pa.string_view())


def is_list(made: pa.DataType) -> bool:
    """Tell whether a type is one of Arrow's lists."""
    kinds = pa.types
    return bool(
        kinds.is_list(made)
        or kinds.is_large_list(made)
        or kinds.is_fixed_size_list(made)
        or kinds.is_list_view(made)
        or kinds.is_large_list_view(made)
    )


def _advice(made: pa.DataType) -> str:
    kinds = pa.types
    if kinds.is_temporal(made):
        return ": cast it to int64 (its number), or to string"
    if kinds.is_decimal(made):
        return ": cast it to float64, or to string"
    if made == pa.uint64():
        return ": cast it to int64, or give types={…: hl.tint64}"
    if kinds.is_binary(made) or kinds.is_large_binary(made) or kinds.is_fixed_size_binary(made):
        return ": cast it to string, if it is text"
    if kinds.is_null(made):
        return " of nothing but missing values: give it one, types={…: hl.tstr}"
    return ": cast it to a type of docs/types.md, or leave it out"
