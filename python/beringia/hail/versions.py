"""Which versions of Hail the direct path serves: those that a jar was built against.

Others are probed: the classes that it needs, then small jobs.
"""

from __future__ import annotations

import hail as hl
from beringia.hail import jars, setup
from beringia.spark import lines

_obstacles: dict[str, str | None] = {}


def obstacle(version: str) -> str | None:
    """Say why the direct path cannot be taken with this version of Hail, or return None if it can."""
    if version not in _obstacles:
        _obstacles[version] = None  # for the jobs that try it
        try:
            if jars.jar(version, lines.running(hl.spark_context()._jvm)).hail != version.partition("-")[0]:
                _obstacles[version] = setup.front().probe(hl.current_backend()._jbackend) or _failure()
        except BaseException:
            del _obstacles[version]  # interrupted: not tried yet
            raise
    return _obstacles[version]


def _failure() -> str | None:
    """Run a job on rows that are grouped by their key, lie in order, and have to be shuffled; say what was wrong."""
    ht = hl.utils.range_table(6, 2)
    ht = ht.annotate(x=[hl.float64(ht.idx)])
    try:
        for key, sums in (
            (ht.idx, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
            (ht.idx // 2, [1.0, 5.0, 9.0]),
            (ht.idx % 2, [6.0, 9.0]),
        ):
            fields = hl.tstruct(s=hl.tfloat64)
            table = hl.experimental.numpy_map(lambda x: float(x.sum()), key, fields, args=dict(x=ht.x))
            found = [tuple(row.values()) for row in table.collect()]
            if found != list(enumerate(sums)):
                return f"a small job gave {found}"
    except Exception as error:
        return f"a small job failed: {str(error).partition(chr(10))[0]}"
    return None
