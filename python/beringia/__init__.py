"""Any NumPy function on each group of a Spark DataFrame, over shared memory.

The fronts are submodules, loaded when first used: :mod:`beringia.spark` for PySpark. Importing this
package imports neither NumPy nor PySpark: a worker process imports it before it checks its surroundings.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"
__all__ = ["__version__", "errors", "spark"]

_SUBMODULES = ("errors", "spark")


def __getattr__(name: str) -> ModuleType:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBMODULES])
