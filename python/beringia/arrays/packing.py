"""``compress``, the pack: the values where a mask is true, each part's to where the counts before it say."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from beringia.arrays import parts

if TYPE_CHECKING:
    from beringia.local import Pool


def compress(
    mask: Any, x: Any, axis: int | None = None, out: Any = None, *, executor: Executor | Pool | None = None
) -> Any:
    """Return ``np.compress(mask, x, axis)``, of which parts are worked on at once.

    Parameters
    ----------
    mask : array_like of bool
        Of shape ``(n,)``. As with NumPy, it may be shorter than the axis: what is behind is left out.
    x : array_like
        The array.
    axis : int, optional
        Along which to select; by default, of the flattened array.
    out : ndarray, optional
        Where the result goes, of its shape and type.
    executor : ThreadPoolExecutor, optional
        Whose threads do it; by default threads of this process. Another executor's workers are not used: all of it is
        moving memory.

    Returns
    -------
    ndarray
        NumPy's to the bit.

    Raises
    ------
    ArgumentError
        If an array is more than values.
    ValueError, IndexError
        As NumPy's.

    Examples
    --------
    >>> beringia.arrays.compress([True, False, True], np.arange(3.0))
    array([0., 2.])
    """
    chosen, array = parts.array_of(mask, "mask"), parts.array_of(x, "x")
    if array.ndim == 0 or chosen.ndim != 1 or chosen.size < 2 or array.size < parts.SMALL or array.dtype.hasobject:
        return np.compress(chosen, array, axis, out)
    rows = array.ravel() if axis is None else np.moveaxis(array, axis, 0)
    chosen = chosen.astype(bool, copy=False)
    if chosen[len(rows) :].any():
        return np.compress(chosen, array, axis, out)  # which raises
    blocks = parts.slices(min(len(chosen), len(rows)), parts.BLOCK * len(rows) // rows.size)
    run = max(parts.PART // parts.BLOCK, 1)
    runs = [blocks[start : start + run] for start in range(0, len(blocks), run)]
    counts = parts.run_here(executor, [partial(_count, chosen, each) for each in runs])
    ends = np.cumsum(counts)
    shape = list(rows.shape if axis is None else array.shape)
    shape[0 if axis is None else axis] = int(ends[-1])
    if out is None:
        out = np.empty(shape, array.dtype)
    elif type(out) is not np.ndarray or out.shape != tuple(shape) or out.dtype != array.dtype:
        return np.compress(chosen, array, axis, out)
    elif np.may_share_memory(out, array):
        out[...] = compress(chosen, array, axis, executor=executor)
        return out
    to = out if axis is None else np.moveaxis(out, axis, 0)
    starts = ends - counts
    parts.run_here(
        executor, [partial(_pack, chosen, rows, each, to, int(at)) for each, at in zip(runs, starts, strict=True)]
    )
    return out


def _count(chosen: parts.Array, blocks: list[slice]) -> int:
    return int(np.count_nonzero(chosen[blocks[0].start : blocks[-1].stop]))


def _pack(chosen: parts.Array, rows: parts.Array, blocks: list[slice], to: parts.Array, at: int) -> None:
    for block in blocks:
        places = np.flatnonzero(chosen[block])
        # None is out of bounds: told to check, NumPy would write to memory of its own first.
        rows[block].take(places, 0, to[at : at + len(places)], "clip")
        at += len(places)
