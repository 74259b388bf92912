"""What comes back of a function, made values of the types that it declared, in Hail's IR.

Only Hail knows the order of its sets and dicts, and how it lays out an ndarray: these come back as arrays, and as
structs of shape and data (see ``ArrowForms.scala``). Any other type comes back as it is.
"""

from __future__ import annotations

from typing import Any

from hail.expr.types import HailType

import hail as hl
from beringia.hail import types


def is_itself(dtype: HailType) -> bool:
    """Tell whether values of this type come back as they are."""
    return not isinstance(dtype, (hl.tset, hl.tdict, hl.tndarray)) and all(map(is_itself, types.parts(dtype)))


def restored(x: Any, dtype: HailType) -> Any:
    """Return an expression of type `dtype` for the one that came back."""
    if is_itself(dtype):
        return x
    if isinstance(dtype, hl.tset):
        return hl.set(_each(x, dtype.element_type))
    if isinstance(dtype, hl.tdict):
        return hl.dict(
            x.map(lambda e: hl.tuple([restored(e.key, dtype.key_type), restored(e.value, dtype.value_type)]))
        )
    if isinstance(dtype, hl.tarray):
        return _each(x, dtype.element_type)
    if isinstance(dtype, hl.tinterval):
        start, end = restored(x.start, dtype.point_type), restored(x.end, dtype.point_type)
        return hl.interval(start, end, includes_start=x.includes_start, includes_end=x.includes_end)
    if isinstance(dtype, hl.tstruct):
        made = hl.struct(**{name: restored(x[name], part) for name, part in dtype.items()})
    elif isinstance(dtype, hl.ttuple):
        made = hl.tuple([restored(x[i], part) for i, part in enumerate(dtype.types)])
    else:
        made = hl.nd.array(x.data).reshape(tuple(x.shape[i] for i in range(dtype.ndim)))
    return hl.or_missing(hl.is_defined(x), made)


def _each(array: Any, element: HailType) -> Any:
    return array if is_itself(element) else array.map(lambda x: restored(x, element))
