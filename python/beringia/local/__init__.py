"""``numpy_map`` on Arrow data of this process: no Spark, no JVM, the same workers."""

from __future__ import annotations

from beringia.local.front import numpy_map
from beringia.local.pool import Pool

__all__ = ["Pool", "numpy_map"]
