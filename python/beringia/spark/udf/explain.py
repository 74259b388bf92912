"""What a function raised, as PySpark's worker would report it."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from types import TracebackType

from pyspark.util import try_simplify_traceback

_OURS = str(Path(__file__).parent)


def explain(error: BaseException) -> str:
    """Return the traceback that PySpark's worker sends to the driver: with its setting, of the user's code alone."""
    if os.environ.get("SPARK_HIDE_TRACEBACK"):
        return "".join(traceback.format_exception_only(type(error), error))
    frames = _without_ours(error.__traceback__)
    if frames is not None and os.environ.get("SPARK_SIMPLIFIED_TRACEBACK"):
        simplified = try_simplify_traceback(frames)
        if simplified is not None:
            error.__cause__ = None
            return "".join(traceback.format_exception(type(error), error, simplified))
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def _without_ours(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OURS):
        frames = frames.tb_next
    return frames
