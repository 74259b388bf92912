"""Arrays that are placed in shared memory once, for all calls that get them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from beringia import _native
from beringia.errors import ArgumentError


def share(x: ArrayLike) -> NDArray[Any]:
    """Copy an array to shared memory, where calls of every executor and pool of this process see it.

    A call that gets the array, or a contiguous part of it, is told where it lies: nothing is copied, and unlike other
    arrays it is not looked at whether its content has changed.

    Parameters
    ----------
    x : array_like
        Of any shape, and of a type without Python objects.

    Returns
    -------
    numpy.ndarray
        Of the same shape, type and order; read-only here and in calls. Its memory is freed when nobody has it or a view
        of it any more.

    Raises
    ------
    ArgumentError
        If its values are objects, or more than values, such as a mask.
    ResourceError
        If there is no memory for it.

    Examples
    --------
    >>> table = beringia.share(np.ones((1000, 500)))
    >>> with beringia.Executor(2) as executor:
    ...     sums = list(executor.map(lambda column: table[:, column].sum(), range(3)))
    >>> sums
    [1000.0, 1000.0, 1000.0]
    """
    if isinstance(x, np.ndarray) and not isinstance(x, np.memmap) and type(x) is not np.ndarray:
        raise ArgumentError(f"share takes arrays of values alone, got {type(x).__name__}: share its parts")
    array = np.asarray(x)
    if array.dtype.hasobject:
        raise ArgumentError(f"share takes arrays of values, got dtype {array.dtype}: its values are Python objects")
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    order: Literal["C", "F"] = "F" if fortran else "C"
    data = array.ravel(order=order)
    shared: NDArray[Any] = _native.share(data.view(np.uint8)).view(array.dtype).reshape(array.shape, order=order)
    return shared
