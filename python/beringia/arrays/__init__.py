"""Primitives on large arrays, on all cores, under NumPy's names and with NumPy's results.

:func:`map`, :func:`reduce`, :func:`accumulate`, :func:`compress` and :func:`inner` divide an array into parts. Those of
ufuncs are threads' of this process, wherever the array lies: NumPy works on them without the interpreter. Those of
Python functions are calls of workers, which an array that was shared (:func:`beringia.share`) is not copied for.
"""

from beringia.arrays.mapping import map  # noqa: A004
from beringia.arrays.packing import compress
from beringia.arrays.reduction import inner, reduce
from beringia.arrays.scan import accumulate

__all__ = ["accumulate", "compress", "inner", "map", "reduce"]
