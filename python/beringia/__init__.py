"""Any NumPy function on each group of a table, over shared memory.

:func:`numpy_map` runs on this machine, :mod:`beringia.spark` on Spark, :mod:`beringia.hail` on Hail; :class:`Executor`
calls single functions on this machine, :func:`spmd` one function as several ranks, and :mod:`beringia.arrays` has
NumPy's primitives on all of its cores. All are loaded when first used: importing this package imports neither NumPy nor
PySpark, as a worker process imports it before it checks its surroundings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Executor",
    "Pool",
    "__version__",
    "arrays",
    "collectives",
    "dask",
    "errors",
    "futures",
    "hail",
    "local",
    "numpy_map",
    "scatter",
    "share",
    "spark",
    "spmd",
    "window",
]

if TYPE_CHECKING:
    from beringia._window import window
    from beringia.collectives import spmd
    from beringia.futures import Executor, scatter, share
    from beringia.local import Pool, numpy_map

_SUBMODULES = ("arrays", "collectives", "dask", "errors", "futures", "hail", "local", "spark")
_FROM = {
    "Executor": "futures",
    "Pool": "local",
    "numpy_map": "local",
    "scatter": "futures",
    "share": "futures",
    "spmd": "collectives",
    "window": "_window",
}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in _FROM:
        return getattr(import_module(f"{__name__}.{_FROM[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_FROM})
