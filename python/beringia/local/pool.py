"""The workers of this process: an explicit pool, or the default one that calls share."""

from __future__ import annotations

import atexit
import os
import threading
from types import TracebackType
from typing import Any

from beringia import _native

_PREFIX = "spark.beringia."
_BATCH_BYTES = "2m"
"""Less than on Spark: a batch costs less without a JVM, and a small one stays in the processor's cache."""


class Pool:
    """Worker processes that calls of ``numpy_map`` use one after the other.

    Parameters
    ----------
    workers : int, optional
        The most processes at once; by default the cores that this process may use. Each starts when it is
        needed.
    **settings
        As in the configuration of Spark, without the prefix, with ``_`` for ``.``:
        ``Pool(segment_backend="posix")``.

    Raises
    ------
    ConfigError
        If a setting is unknown or has a bad value.

    Examples
    --------
    >>> with Pool(workers=2) as pool:
    ...     table = numpy_map(np.sum, data, schema, by="gene", args=["x"], pool=pool)  # doctest: +SKIP
    """

    def __init__(self, workers: int | None = None, **settings: Any) -> None:
        named = {_PREFIX + name.replace("_", "."): str(value) for name, value in settings.items()}
        named.setdefault(_PREFIX + "batchBytes", _BATCH_BYTES)
        self._native: _native.Pool | None = _native.Pool(named, workers or cores())

    @property
    def native(self) -> _native.Pool:
        """The pool behind it.

        Raises
        ------
        ValueError
            If the pool is closed.
        """
        if self._native is None:
            raise ValueError("the pool is closed")
        return self._native

    def close(self) -> None:
        """End the workers. Closing twice is nothing."""
        native, self._native = self._native, None
        if native is not None:
            native.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


_default: dict[int, Pool] = {}
_lock = threading.Lock()


def default(workers: int | None) -> Pool:
    """Return the pool that calls share, one for each number of workers; it ends with this process."""
    count = workers or cores()
    with _lock:
        if count not in _default:
            _default[count] = Pool(count)
            atexit.register(_default[count].close)
        return _default[count]


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
