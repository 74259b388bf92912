"""Which versions of Hail what goes past it serves: those that a jar was built against.

Others are probed: the classes that it needs, then small jobs.
"""

from __future__ import annotations

from collections.abc import Callable

import hail as hl
from beringia.hail import jars, setup
from beringia.spark import lines

Trial = Callable[[], "str | None"]

_obstacles: dict[tuple[str, Trial], str | None] = {}


def groups() -> str | None:
    """Run ``numpy_map`` on rows that are grouped by their key, lie in order, and have to be shuffled."""
    ht = hl.utils.range_table(6, 2)
    ht = ht.annotate(x=[hl.float64(ht.idx)])
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
    return None


def obstacle(version: str, trial: Trial = groups) -> str | None:
    """Say why a direct path cannot be taken with this version of Hail, or return None if it can.

    Parameters
    ----------
    version : str
        As ``hl.version()`` says it.
    trial : callable
        Small jobs that take the path; says what was wrong with their results.
    """
    tried = version, trial
    if tried not in _obstacles:
        _obstacles[tried] = None  # for the jobs that try it
        try:
            if jars.jar(version, lines.running(hl.spark_context()._jvm)).hail != version.partition("-")[0]:
                _obstacles[tried] = setup.front().probe(hl.current_backend()._jbackend) or _outcome(trial)
        except BaseException:
            del _obstacles[tried]  # interrupted: not tried yet
            raise
    return _obstacles[tried]


def _outcome(trial: Trial) -> str | None:
    try:
        return trial()
    except Exception as error:
        return f"a small job failed: {str(error).partition(chr(10))[0]}"
