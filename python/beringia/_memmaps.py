"""Arrays on files that are mapped to memory travel as what part of which file they are: a write goes to the file."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MODES = {"r": "r", "r+": "r+", "w+": "r+"}
"""How a file is mapped again. What was written to a copy-on-write mapping ("c") is in no file."""


def reduce(value: NDArray[Any]) -> tuple[Any, ...] | None:
    """Return what pickle makes of an array that lies in a mapped file, wherever it is a view on it; None of another."""
    mapped = _mapped(value)
    if mapped is None or not value.size or mapped.mode not in _MODES:
        return None
    if not mapped.filename or not Path(mapped.filename).exists():
        return None
    spans = [(length - 1) * stride for length, stride in zip(value.shape, value.strides, strict=True)]
    first = sum(span for span in spans if span < 0)
    size = sum(map(abs, spans)) + value.itemsize
    start = mapped.offset + value.ctypes.data + first - mapped.ctypes.data
    mode = _MODES[mapped.mode] if value.flags.writeable else "r"
    if value.flags.c_contiguous or value.flags.f_contiguous:
        order = "C" if value.flags.c_contiguous else "F"
        return np.memmap, (mapped.filename, value.dtype, mode, start, value.shape, order)
    return _strided, (mapped.filename, mode, start, size, value.dtype, value.shape, value.strides, -first)


def _mapped(value: Any) -> Any:
    """Return the mapping that an array is, or a view on."""
    while value is not None:
        base: Any = getattr(value, "base", None)
        if isinstance(value, np.memmap) and isinstance(base, mmap.mmap):
            return value
        value = base
    return None


def _strided(
    filename: str,
    mode: Any,
    start: int,
    size: int,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    first: int,
) -> NDArray[Any]:
    return np.ndarray(shape, dtype, np.memmap(filename, np.uint8, mode, start, size), first, strides)
