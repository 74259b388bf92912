"""The session of the tests with other settings, for a while."""

from __future__ import annotations

from contextlib import contextmanager


@contextmanager
def setting(spark, **values):
    """Set, and set back: `_` stands for the points of names."""
    values = {name.replace("_", "."): str(value) for name, value in values.items()}
    before = {name: spark.conf.get(name, None) for name in values}
    for name, value in values.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.unset(name) if value is None else spark.conf.set(name, value)


@contextmanager
def spilling(spark, rows):
    """Have sorts spill that have more rows than that: they read what Spark was started with."""
    name = "spark.shuffle.spill.numElementsForceSpillThreshold"
    conf = spark._jsc.sc().conf()
    conf.set(name, str(rows))
    try:
        yield
    finally:
        conf.remove(name)
