"""Constants: the values of ``consts`` on their way to the workers.

Arrays of plain types go into one block of bytes behind the pickled function, which every machine holds once and
all its workers see; anything else is bound to the function and pickled with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beringia import _function, _shared
from beringia._job import Constant
from beringia.errors import ArgumentError

ALIGNMENT = 64
_PLAIN = "?bhilqBHILQefdFDMm"  # type characters whose values are all in the array itself


@dataclass(frozen=True)
class Payload:
    """What travels to the workers.

    Attributes
    ----------
    data : bytes or bytearray
        The pickled function; with constants, zeros up to a multiple of 64, and the block of constants.
    function_bytes : int, optional
        How many of them are the function, where there is a block.
    block : str, optional
        Names the content of the block: equal names, equal bytes.
    arrays : sequence of Constant
        The arrays in it.
    """

    data: bytes | bytearray
    function_bytes: int | None = None
    block: str | None = None
    arrays: Sequence[Constant] = ()


def pack(function: Callable[..., Any], consts: Mapping[str, Any] | None = None) -> Payload:
    """Pickle `function` with its constants.

    Parameters
    ----------
    function : callable
        Gets the constants by name.
    consts : mapping, optional
        By parameter. An ndarray of numbers, booleans, dates or times goes into the block, in C order, or in
        Fortran's where it has that one; empty arrays and all other values are bound to the function.

    Raises
    ------
    ArgumentError
        If the function, or a value bound to it, cannot be pickled.
    """
    pickled, arrays = divided(function, consts)
    if not arrays:
        return Payload(pickled)
    start = _aligned(len(pickled))
    block = laid_out(arrays)
    data = bytearray(start + block.size)
    data[: len(pickled)] = pickled
    for offset, array in block.parts:
        data[start + offset : start + offset + array.size] = array.data
    digest = hashlib.sha256(memoryview(data)[start:]).hexdigest()
    return Payload(data, len(pickled), digest, block.arrays)


def divided(function: Callable[..., Any], consts: Mapping[str, Any] | None) -> tuple[bytes, dict[str, NDArray[Any]]]:
    """Return the pickled function, with the values that are bound to it, and the arrays that go into the block."""
    arrays = {name: value for name, value in (consts or {}).items() if is_shareable(value)}
    others = {name: value for name, value in (consts or {}).items() if name not in arrays}
    return _function.dump(_shared.Bound(function, **others) if others else function), arrays


@dataclass(frozen=True)
class Block:
    """Where arrays lie in a block.

    Attributes
    ----------
    size : int
        Its bytes.
    arrays : sequence of Constant
        The arrays.
    parts : sequence of (int, ndarray)
        Where each begins, and its bytes, of shape ``(n,)``.
    """

    size: int
    arrays: Sequence[Constant]
    parts: Sequence[tuple[int, NDArray[np.uint8]]]


def laid_out(arrays: Mapping[str, NDArray[Any]]) -> Block:
    """Give each array, by parameter, its place in a block."""
    described, parts, size = [], [], 0
    for name, array in arrays.items():
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        described.append(Constant(name=name, dtype=array.dtype.str, shape=array.shape, fortran=fortran, offset=size))
        flat = np.ascontiguousarray(array.T if fortran else array).reshape(-1).view(np.uint8)
        parts.append((size, flat))
        size = _aligned(size + flat.size)
    return Block(size, described, parts)


def checked(consts: Any) -> dict[str, Any]:
    """Return the constants of a call by parameter.

    Raises
    ------
    ArgumentError
        If `consts` is neither None nor a dict by name.
    """
    if consts is None:
        return {}
    if not isinstance(consts, Mapping) or not all(isinstance(name, str) for name in consts):
        raise ArgumentError(f"consts must be a dict of values by parameter, got {type(consts).__name__}")
    return dict(consts)


def is_shareable(value: Any) -> bool:
    """Tell whether a value goes into the block: an ndarray (no subclass) of a plain type in native byte order."""
    return type(value) is np.ndarray and value.size > 0 and value.dtype.char in _PLAIN and bool(value.dtype.isnative)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
