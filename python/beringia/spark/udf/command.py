"""PySpark's command: what its own worker reads from its socket before the data, read here from memory.

What becomes of it (conversions, checks and their messages) is PySpark's code, and so follows the version installed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pyspark import SparkFiles, worker
from pyspark.accumulators import _accumulatorRegistry
from pyspark.broadcast import Broadcast, _broadcastRegistry
from pyspark.resource import ResourceInformation
from pyspark.taskcontext import TaskContext

from beringia.errors import ConfigError


class Command:
    """A function of a task.

    Parameters
    ----------
    payload : bytes
        What PySpark's worker reads after the kind of function: settings, arguments, the pickled functions.
    options : bytes
        JSON (``org.beringia.spark.accelerate.PythonJob``).

    Attributes
    ----------
    function : callable
        The user's; a StopIteration that it raises is another error, as in PySpark.
    arguments : list of str
        Names of its parameters.
    return_type : pyspark.sql.types.StructType
        What it was said to return.
    serializer
        PySpark's: how a column becomes a series and back.
    """

    function: Callable[..., Any]
    arguments: list[str]
    return_type: Any
    by_name: bool

    def __init__(self, payload: bytes, options: bytes) -> None:
        given = json.loads(options)
        os.environ.update(given["environment"])
        _enter(given["task"])
        with self._seen():
            # With Spark 3.5: the function over what the serializer reads, a profiler, and the serializers.
            function, _, _, self.serializer = worker.read_udfs(worker.pickleSer, io.BytesIO(payload), given["evalType"])
        self.keys: int = given["keys"]
        self.key_columns: list[int] = given["keyColumns"]
        self.value_columns: list[int] = given["valueColumns"]
        self.time_zone: str = given["timeZone"]
        self._input: list[Any] = []
        # PySpark's function is a map over its input: what is put there comes out at the next step.
        self._results: Iterator[Any] = function(given["task"]["partition"], iter(self._input.pop, None))

    def __call__(self, series: list[Any]) -> Any:
        """Map one item of the input, as PySpark's serializer would have read it."""
        self._input.append(series)
        return next(self._results)

    @staticmethod
    def check() -> None:
        """Refuse what cannot be taken back to the driver."""
        if _accumulatorRegistry:
            raise ConfigError(
                "the function refers to an accumulator, which accelerated functions cannot add to: "
                "set spark.beringia.accelerate to false for this query"
            )

    @contextlib.contextmanager
    def _seen(self) -> Iterator[None]:
        """See what PySpark makes its function of."""
        wrap = worker.wrap_grouped_map_pandas_udf

        def see(function: Any, return_type: Any, argspec: Any, settings: Any) -> Any:
            self.function, self.return_type, self.arguments = function, return_type, argspec.args
            self.by_name = worker.assign_cols_by_name(settings)
            return wrap(function, return_type, argspec, settings)

        worker.wrap_grouped_map_pandas_udf = see
        try:
            yield
        finally:
            worker.wrap_grouped_map_pandas_udf = wrap


def _enter(task: dict[str, Any]) -> None:
    """Make PySpark's own state of a task: what ``TaskContext.get()``, ``SparkFiles.get`` and broadcasts answer from."""
    context = TaskContext._getOrCreate()
    context._stageId = task["stage"]
    context._partitionId = task["partition"]
    context._attemptNumber = task["attemptNumber"]
    context._taskAttemptId = task["attemptId"]
    context._cpus = task["cpus"]
    context._localProperties = task["localProperties"]
    context._resources = {
        key: ResourceInformation(resource["name"], resource["addresses"]) for key, resource in task["resources"].items()
    }
    SparkFiles._root_directory = task["files"]
    SparkFiles._is_running_on_worker = True
    files = Path(task["files"])
    for entry in reversed([str(files), *(str(files / name) for name in task["includes"])]):
        if entry not in sys.path:
            sys.path.insert(1, entry)
    importlib.invalidate_caches()
    broadcasts = {int(name): path for name, path in task["broadcasts"].items()}
    for gone in set(_broadcastRegistry) - set(broadcasts):
        del _broadcastRegistry[gone]
    for name, path in broadcasts.items():
        if name not in _broadcastRegistry:
            _broadcastRegistry[name] = Broadcast(path=path)
    _accumulatorRegistry.clear()
