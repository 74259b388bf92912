"""Arguments, put together from the leaves that crossed."""

from __future__ import annotations

import numpy as np


def build(node, leaves):
    """Make an argument of its leaves."""
    kind, *parts = node
    if kind == "leaf":
        return leaves[parts[0]]
    if kind == "grid":
        return grid(build(parts[0], leaves))
    if kind == "struct":
        return {name: build(part, leaves) for name, part in parts[0].items()}
    if kind == "tuple":
        return tuple(build(part, leaves) for part in parts[0])
    if kind == "call":
        return alleles(leaves[parts[0]])
    return shaped(leaves[parts[0]], leaves[parts[1]])


def grid(rows):
    """Give entries that come row by row, such as strings and arrays, their two axes at least.

    Arrays of one length have an axis more, where none is missing. Others are objects.
    """
    if not (isinstance(rows, np.ndarray) and rows.dtype == object and rows.ndim == 1 and len(rows)):
        return rows
    masked = isinstance(rows, np.ma.MaskedArray)
    result = np.empty((len(rows), len(rows[0])), dtype=object)
    for i, row in enumerate(rows):
        for j, item in enumerate(row):
            result[i, j] = item
    if masked or any(isinstance(row, np.ma.MaskedArray) for row in rows):
        # The mask of a row of objects says which are missing; that of numbers is about what is in the arrays.
        absent = [np.ma.getmaskarray(row) if row.dtype == object else np.zeros(len(row), dtype=bool) for row in rows]
        return np.ma.MaskedArray(result, np.stack(absent))
    return result


def shaped(data, shape):
    """Give flattened ndarrays their shapes: one array where all have the same, else objects."""
    if data is None or shape is None:
        return None
    if data is np.ma.masked or shape is np.ma.masked:
        return np.ma.masked
    if isinstance(shape, np.ndarray) and shape.dtype != object:
        leading = shape.shape[:-1]
        if not leading:
            return np.asarray(data).reshape(tuple(shape))
        sizes = shape.reshape(int(np.prod(leading)), shape.shape[-1])
        flat = isinstance(data, np.ndarray) and data.dtype != object and data.ndim == len(leading) + 1
        if flat and len(sizes) and (sizes == sizes[0]).all():
            return data.reshape(*leading, *sizes[0])
    result = np.empty(len(shape), dtype=object)
    for i in range(len(shape)):
        result[i] = shaped(data[i], shape[i])
    if isinstance(shape, np.ma.MaskedArray) and shape.dtype == object:
        return np.ma.MaskedArray(result, np.ma.getmaskarray(shape))
    return result


def alleles(calls):
    """Return the alleles of Hail's 32-bit calls.

    Returns
    -------
    ndarray
        Of type int8 (int32 where an allele needs it) and one more axis than `calls`, of length 2. A haploid
        call has -1 in the second place. Masked where `calls` is.
    """
    if calls is None:
        return None
    if isinstance(calls, np.ndarray) and calls.dtype == object:
        result = np.empty(calls.shape, dtype=object)
        for index in np.ndindex(calls.shape):
            result[index] = alleles(calls[index])
        masked = isinstance(calls, np.ma.MaskedArray)
        return np.ma.MaskedArray(result, np.ma.getmaskarray(calls)) if masked else result
    if calls is np.ma.masked:
        return np.ma.masked
    result = pairs(np.asarray(calls))
    result = result.astype(np.int8 if result.size == 0 or result.max() < 128 else np.int32)
    mask = np.ma.getmask(calls)
    if isinstance(calls, np.ma.MaskedArray):
        wide = np.repeat(np.ma.getmaskarray(calls)[..., np.newaxis], 2, axis=-1) if mask is not np.ma.nomask else mask
        return np.ma.MaskedArray(result, wide)
    return result


def pairs(packed):
    """Return the alleles of calls, each a number of 32 bits, in one more axis of length 2: -1 where there is none."""
    packed = packed.astype(np.int64) & 0xFFFFFFFF
    number, ploidy, is_phased = packed >> 3, packed >> 1 & 3, packed & 1 == 1
    # The number of a diploid genotype is that of the pair (j, k), j <= k, in the order 00, 01, 11, 02, …
    # With its 29 bits, floats give the right k.
    k = ((np.sqrt(8.0 * number + 1) - 1) / 2).astype(np.int64)
    j = number - k * (k + 1) // 2
    first = np.where(ploidy == 2, j, np.where(ploidy == 1, number, -1))
    second = np.where(ploidy == 2, np.where(is_phased, k - j, k), -1)
    return np.stack([first, second], axis=-1)


def leaves_of(node):
    """List the leaves that an argument is made of."""
    kind, *parts = node
    if kind == "struct":
        return [leaf for part in parts[0].values() for leaf in leaves_of(part)]
    if kind == "tuple":
        return [leaf for part in parts[0] for leaf in leaves_of(part)]
    if kind == "grid":
        return leaves_of(parts[0])
    return parts
