"""Beringia on Hail: ``hl.experimental.numpy_map``, which importing this package sets.

Turn the plugin on with :func:`conf` when Hail starts::

    import hail as hl, beringia.hail
    hl.init(spark_conf=beringia.hail.conf())

Importing this module also makes Hail raise the typed errors of :mod:`beringia.errors` where a function failed.
"""

import hail.experimental

from beringia.hail import failures
from beringia.hail.front import numpy_map
from beringia.hail.setup import conf

__all__ = ["conf", "numpy_map"]

failures.install()
hail.experimental.numpy_map = numpy_map
