"""Beringia on Hail: ``hl.experimental.numpy_map``, which importing this package sets, and data in and out.

Turn the plugin on with :func:`conf` when Hail starts::

    import hail as hl, beringia.hail
    hl.init(spark_conf=beringia.hail.conf())

Importing this module also makes Hail raise the typed errors of :mod:`beringia.errors` where a function failed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import hail.experimental

from beringia.hail import failures
from beringia.hail.front import numpy_map
from beringia.hail.setup import conf
from beringia.hail.windows import window

if TYPE_CHECKING:
    from beringia.hail.arrays import to_numpy
    from beringia.hail.frames import from_pandas, to_pandas
    from beringia.hail.imports import from_arrow
    from beringia.hail.matrices import from_numpy
    from beringia.hail.spark_frames import from_spark, to_spark
    from beringia.hail.tables import to_arrow, to_batches

__all__ = [
    "conf",
    "from_arrow",
    "from_numpy",
    "from_pandas",
    "from_spark",
    "numpy_map",
    "to_arrow",
    "to_batches",
    "to_numpy",
    "to_pandas",
    "to_spark",
    "window",
]

# Most of these need pyarrow, which numpy_map does without: they are loaded when first used.
_EXCHANGE = {
    "from_arrow": "imports",
    "from_numpy": "matrices",
    "from_pandas": "frames",
    "from_spark": "spark_frames",
    "to_arrow": "tables",
    "to_batches": "tables",
    "to_numpy": "arrays",
    "to_pandas": "frames",
    "to_spark": "spark_frames",
}


def __getattr__(name: str) -> Any:
    if name in _EXCHANGE:
        return getattr(import_module(f"{__name__}.{_EXCHANGE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


failures.install()
hail.experimental.numpy_map = numpy_map
