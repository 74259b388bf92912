"""Constants of the local front: arrays go to shared memory at once, and what is there already is not copied again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from beringia import _consts, _native


@dataclass(frozen=True)
class Placed:
    """A function with its constants.

    Attributes
    ----------
    payload : Payload
        The pickled function, and what is in the block.
    block : Constants, optional
        The block: it stays for as long as this does.
    """

    payload: _consts.Payload
    block: _native.Constants | None = None


def place(function: Callable[..., Any], consts: Mapping[str, Any], pool: _native.Pool) -> Placed:
    """Pickle `function`, and put the arrays of its constants where the workers of `pool` see them.

    An array that lies where it lay, and whose content has the same hash, is not copied again. All of it is looked at:
    what is written to it between two calls is seen by the second.

    Raises
    ------
    ArgumentError
        If the function, or a value bound to it, cannot be pickled.
    ResourceError
        If there is no memory for the arrays.
    """
    pickled, arrays = _consts.divided(function, consts)
    if not arrays:
        return Placed(_consts.Payload(pickled))
    laid = _consts.laid_out(arrays)
    lie = " ".join(f"{a.ctypes.data:x} {a.dtype.str} {a.shape} {a.strides}" for a in arrays.values())
    block = _native.Constants(pool, lie, laid.parts, laid.size)
    return Placed(_consts.Payload(pickled, len(pickled), block.name, laid.arrays), block)
