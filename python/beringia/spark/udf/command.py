"""PySpark's command: what its own worker reads from its socket before the data, read here from memory.

What becomes of it (conversions, checks and their messages) is PySpark's code, and so follows the version installed.
"""

from __future__ import annotations

import importlib
import io
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from pyspark import Broadcast, SparkFiles, __version__
from pyspark.accumulators import _accumulatorRegistry
from pyspark.resource import ResourceInformation
from pyspark.sql.types import StructType
from pyspark.taskcontext import TaskContext

from beringia import _modules
from beringia.spark.udf.accumulators import Accumulators
from beringia.spark.udf.offsets import sides
from beringia.spark.udf.types import as_given

# Of the line of Spark that is installed.
_worker = importlib.import_module(f"beringia.spark.udf.pyspark_{__version__.partition('.')[0]}")
_broadcasts: dict[int, Any] = vars(sys.modules[Broadcast.__module__])["_broadcastRegistry"]


class Function(Protocol):
    """What is called, with PySpark's conversions; each version of PySpark has its own.

    Attributes
    ----------
    types : list of pyarrow.DataType
        Of the fields of the result.
    """

    types: list[pa.DataType]

    def series(self, rows: pa.Table, beside: pa.Schema) -> list[Any]:
        """Return some columns of some rows as series; `beside` are all columns that the function is given."""

    def column(self, field: int, series: Any) -> pa.Array:
        """Return a series as a field of the result."""

    def run(self, *rows: pa.Table) -> list[pa.Array]:
        """Run PySpark's own loop over one group, of each side its rows; return the fields of its result."""


class GroupedMap(Function, Protocol):
    """A function of a frame of each side.

    Attributes
    ----------
    function : callable
        The user's; a StopIteration that it raises is another error, as in PySpark.
    takes_key : bool
        Whether it is given the key before.
    return_type : pyspark.sql.types.StructType
        What it was said to return.
    by_name : bool
        Whether columns of a result are known by their names.
    """

    function: Callable[..., Any]
    takes_key: bool
    return_type: Any
    by_name: bool

    def columns(self, result: Any) -> list[pa.Array]:
        """Return a frame as the fields of the result."""


class GroupedArrow(Protocol):
    """A function of a table of each side; see :class:`Function`.

    Attributes
    ----------
    schema : pyarrow.Schema
        Of its results.
    """

    schema: pa.Schema

    def run(self, *sides: list[pa.RecordBatch]) -> pa.Table:
        """Call it with the rows of one group, of each side; return its result."""


class Pulling(Protocol):
    """A function of all rows of a partition, or of one group of it after the other."""

    def pulling(self, batches: Iterator[Any]) -> Iterator[pa.RecordBatch]:
        """Run PySpark's own loop over batches of one struct, a generator; give batches of one struct."""


class PullingPandas(Function, Protocol):
    """The same of frames or series."""

    def pulling(self, portions: Iterator[Any]) -> Iterator[Any]:
        """Run PySpark's own loop over portions (:class:`beringia.spark.udf.pulling.Portion`), a generator.

        It gives what the function gives, checked and yet to be converted.
        """

    def columns(self, result: Any) -> list[pa.Array]:
        """Return what it gives as the fields of the result."""


class Aggregate(Function, Protocol):
    """Functions of series.

    Attributes
    ----------
    functions : list of (callable, list of int, dict)
        Each with the columns that it is given, by place and by name.
    """

    functions: list[tuple[Callable[..., Any], list[int], dict[str, int]]]


class Window(Aggregate, Protocol):
    """Functions of series, over windows.

    Attributes
    ----------
    bounded : list of bool
        Of each whether it has a window for each row: then its first two columns say where that begins and ends.
    """

    bounded: list[bool]


class Scalars(Aggregate, Protocol):
    """Functions of series, which return as many values as they are given."""

    def replay(self, rows: int, series: list[Any], results: list[Any]) -> list[pa.Array]:
        """Run PySpark's own loop over `series` of some rows, for which the first functions have returned `results`."""


class Command:
    """The functions of a task.

    Parameters
    ----------
    pickled : bytes
        Of each, the function and the type that it returns; behind those whose result it is given, if there are any.
    options : bytes
        JSON (``org.beringia.spark.accelerate.PythonJob``).
    kind : str
        The class that they are here, of :mod:`beringia.spark.udf.pyspark_3` or its kin.
    """

    def __init__(self, pickled: bytes, options: bytes, kind: str) -> None:
        given = json.loads(options)
        os.environ.update(given["environment"])
        _enter(given["task"])
        self.keys: int = given["keys"]
        limit: int = given["batchRows"]
        self.batch_rows = limit if limit > 0 else sys.maxsize
        self._time_zone: str = given["timeZone"]
        self._has_large_types: bool = given["largeTypes"]
        self._offsets: list[list[int]] = [function["offsets"] for function in given["functions"]]
        self._columns = StructType.fromJson(given["columns"])
        stream = io.BytesIO(pickled)
        functions = [
            ([stream.read(size) for size in one["bytes"]], one["offsets"], one["named"]) for one in given["functions"]
        ]
        self.function: Any = getattr(_worker, kind)(given["evalType"], functions, given["settings"])
        self.accumulators = Accumulators()

    def sides(self) -> list[tuple[list[int], list[int]]]:
        """Return, for each frame that a grouped map gets, which columns are the key and which are the frame."""
        [offsets] = self._offsets
        return sides(offsets)

    def given(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return of a batch the keys, and lists of what functions are given, as PySpark's worker would get it.

        Other columns are carried through.
        """
        end = self.keys + len(self._columns)
        lists = [
            pa.LargeListArray.from_arrays(
                column.offsets, as_given(column.values, field.dataType, self._time_zone, self._has_large_types)
            )
            for column, field in zip(batch.columns[self.keys : end], self._columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays([*batch.columns[: self.keys], *lists], batch.schema.names[:end])

    def nullable(self) -> list[bool]:
        """Tell of each column that functions are given whether Spark says that it may have nulls."""
        return [field.nullable for field in self._columns]

    def of_sides(self, batch: pa.RecordBatch) -> list[pa.RecordBatch]:
        """Return a batch as those of each side: the columns of the key, then the lists of its own columns."""
        parts = []
        end = self.keys
        for columns in self.sides():
            start, end = end, end + len(set(itertools.chain(*columns)))
            parts.append(batch.select([*range(self.keys), *range(start, end)]))
        return parts

    def rows(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[int]]:
        """Return the rows of all groups of what :meth:`given` gave, and where each group begins and ends."""
        lists = batch.columns[self.keys :]
        columns = [column.values for column in lists]
        bounds = lists[0].offsets.to_numpy().tolist()
        return pa.RecordBatch.from_arrays(columns, batch.schema.names[self.keys :]), bounds


def _enter(task: dict[str, Any]) -> None:
    """Make PySpark's own state of a task: what ``TaskContext.get()``, ``SparkFiles.get`` and broadcasts answer from."""
    context: Any = TaskContext._getOrCreate()
    context._stageId = task["stage"]
    context._partitionId = task["partition"]
    context._attemptNumber = task["attemptNumber"]
    context._taskAttemptId = task["attemptId"]
    context._cpus = task["cpus"]
    context._cpuAmount = Decimal(task["cpus"])  # of Spark 4.3
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
    _modules.look_again()
    broadcasts = {int(name): path for name, path in task["broadcasts"].items()}
    for gone in set(_broadcasts) - set(broadcasts):
        del _broadcasts[gone]
    for name, path in broadcasts.items():
        if name not in _broadcasts:
            _broadcasts[name] = Broadcast(path=path)
    _accumulatorRegistry.clear()
