"""What belongs to an engine's driver and must not travel in a function: refused by name, with what to use instead.

Some of it would pickle all the same: an accumulator that stays zero without a word, a broadcast variable that no worker
can read.
"""

from __future__ import annotations

import traceback
from types import TracebackType

_FIELD = "a worker's additions would be lost: return what it counts as a field of the result, and sum that field"
_CONSTS = "pass its value in consts, which has one copy on each machine: consts={'name': broadcast.value}"
_SESSION = "a worker has no session: do what needs one before the call, and pass the outcome in consts"
_ROWS = "a function gets data by its arguments: join it to the data, or collect it and pass it in consts"
_COLUMN = "pass it in args: args={'name': expression}"
_FILES = (
    "a worker finds no files by it: read the file before the call and pass its content in consts, or give its path on "
    "a file system that all machines see"
)

_ADVICE = {
    "pyspark.accumulators.Accumulator": _FIELD,
    "pyspark.broadcast.Broadcast": _CONSTS,
    "pyspark.context.SparkContext": _SESSION,
    "pyspark.sql.context.SQLContext": _SESSION,
    "pyspark.sql.session.SparkSession": _SESSION,
    "pyspark.rdd.RDD": _ROWS,
    "pyspark.rdd.PipelinedRDD": _ROWS,
    "pyspark.sql.dataframe.DataFrame": _ROWS,
    "pyspark.sql.group.GroupedData": _ROWS,
    "pyspark.sql.column.Column": _COLUMN,
    "pyspark.sql.connect.session.SparkSession": _SESSION,
    "pyspark.sql.connect.group.GroupedData": _ROWS,
    "hail.context.HailContext": _SESSION,
    "hail.table.Table": _ROWS,
    "hail.table.GroupedTable": _ROWS,
    "hail.matrixtable.MatrixTable": _ROWS,
    "hail.matrixtable.GroupedMatrixTable": _ROWS,
    "hail.linalg.blockmatrix.BlockMatrix": _ROWS,
    "hail.expr.expressions.base_expression.Expression": _COLUMN,
}


def advice(value: object) -> str | None:
    """Return what to use in place of `value`; None if it may travel."""
    if isinstance(value, type):
        return _FILES if (value.__module__, value.__qualname__) == ("pyspark.files", "SparkFiles") else None
    if type(value).__module__.partition(".")[0] not in ("pyspark", "hail"):
        return None
    names = (f"{cls.__module__}.{cls.__qualname__}" for cls in type(value).__mro__)
    return next((_ADVICE[name] for name in names if name in _ADVICE), None)


def hint(raised_at: TracebackType | None) -> str | None:
    """Return what to use in place of what raised, if a class that lives on the driver did."""
    frames = [frame for frame, _ in traceback.walk_tb(raised_at)]
    return f"SparkFiles: {_FILES}" if frames and frames[-1].f_globals.get("__name__") == "pyspark.files" else None
