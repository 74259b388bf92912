"""Functions over groups as the worker of PySpark 3.5 runs them: see :mod:`beringia.spark.udf.command`."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from pyspark import worker
from pyspark.sql.pandas.types import to_arrow_type

Functions = list[tuple[list[bytes], list[int], dict[str, int]]]


class _Function:
    """What PySpark's worker makes of pickled functions, by `wrapper`, of which :meth:`see` is given the arguments."""

    types: list[pa.DataType]
    wrapper: str

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        wrap = getattr(worker, self.wrapper)

        def see(*args: Any) -> Any:
            self.see(*args)
            return wrap(*args)

        stream = io.BytesIO(_written(functions, settings))
        setattr(worker, self.wrapper, see)
        try:
            self._map, _, _, self._serializer = worker.read_udfs(worker.pickleSer, stream, kind)
        finally:
            setattr(worker, self.wrapper, wrap)

    def see(self, *args: Any) -> None:
        raise NotImplementedError

    def series(self, rows: pa.Table, _: pa.Schema | None = None) -> list[Any]:
        return [self._serializer.arrow_to_pandas(column) for column in rows.itercolumns()]

    def column(self, field: int, series: Any) -> pa.Array:
        array = self._serializer._create_array(series, self.types[field], arrow_cast=self._serializer._arrow_cast)
        return self.put(array)

    def put(self, array: pa.Array) -> pa.Array:
        """Put a column where PySpark does, which refuses the chunks that Arrow makes of NaN for text: in a batch."""
        return pa.RecordBatch.from_arrays([array], ["_0"]).column(0)

    def mapped(self, series: Any) -> list[pa.Array]:
        [result] = self._map(0, iter([series]))
        return self._serializer._create_batch(result).columns


class GroupedMap(_Function):
    """See :class:`beringia.spark.udf.command.GroupedMap`."""

    wrapper = "wrap_grouped_map_pandas_udf"
    frames = 1

    def see(self, function: Callable[..., Any], return_type: Any, argspec: Any, settings: dict[str, str]) -> None:
        """Take note of what PySpark makes its function of."""
        self.function, self.return_type, self.takes_key = function, return_type, len(argspec.args) > self.frames
        self.by_name: bool = worker.assign_cols_by_name(settings)
        self._type = to_arrow_type(return_type)
        self.types = [field.type for field in self._type]

    def columns(self, result: Any) -> list[pa.Array]:
        """Return a frame as the fields of the result."""
        [column] = self._serializer._create_batch([(result, self._type)]).columns
        return column.flatten()

    def run(self, rows: pa.Table) -> list[pa.Array]:
        """Run PySpark's own loop over one group."""
        [column] = self.mapped(self.series(rows))
        return column.flatten()

    def put(self, array: pa.Array) -> pa.Array:
        """Put a column where PySpark does: in a struct."""
        return _put_in_struct(array)


class CogroupedMap(GroupedMap):
    """See :class:`beringia.spark.udf.command.GroupedMap`."""

    wrapper = "wrap_cogrouped_map_pandas_udf"
    frames = 2

    def run(self, *rows: pa.Table) -> list[pa.Array]:
        """Run PySpark's own loop over one group."""
        [column] = self.mapped(tuple(map(self.series, rows)))
        return column.flatten()


class MapInArrow(_Function):
    """See :class:`beringia.spark.udf.command.Pulling`."""

    wrapper = "wrap_arrow_batch_iter_udf"

    def see(self, *args: Any) -> None:
        """Take no note."""

    def pulling(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Run PySpark's own loop over batches of one struct; give batches of one struct."""
        for batch, _ in self._map(0, ([_flat(batch)] for batch in batches)):
            yield _struct(batch)


class EvalInPandas(_Function):
    """See :class:`beringia.spark.udf.command.PullingPandas`."""

    wrapper = "wrap_pandas_batch_iter_udf"

    def see(self, _: Any, return_type: Any) -> None:
        """Take note of what PySpark makes its function of."""
        self._type = to_arrow_type(return_type)
        self.types = [self._type]

    def pulling(self, portions: Iterator[Any]) -> Iterator[Any]:
        """Run PySpark's own loop over portions; give what the function gives."""
        for result, _ in self._map(0, (portion.arguments(self.given) for portion in portions)):
            yield result

    def given(self, batch: pa.RecordBatch) -> list[Any]:
        """Return what the function is given of some rows, a batch of one struct."""
        return self.series(pa.Table.from_batches([_flat(batch)]))

    def columns(self, result: Any) -> list[pa.Array]:
        """Return what it gives as the fields of the result."""
        columns: list[pa.Array] = self._serializer._create_batch([(result, self._type)]).columns
        return columns


class MapInPandas(EvalInPandas):
    """See :class:`beringia.spark.udf.command.PullingPandas`."""

    def see(self, _: Any, return_type: Any) -> None:
        """Take note of what PySpark makes its function of."""
        super().see(_, return_type)
        self.types = [field.type for field in self._type]

    def given(self, batch: pa.RecordBatch) -> list[Any]:
        """Return what the function is given of some rows, a batch of one struct."""
        return self.series(pa.Table.from_batches([batch]))

    def columns(self, result: Any) -> list[pa.Array]:
        """Return what it gives as the fields of the result."""
        [column] = super().columns(result)
        return column.flatten()

    def put(self, array: pa.Array) -> pa.Array:
        """Put a column where PySpark does: in a struct."""
        return _put_in_struct(array)


class _Together(_Function):
    """Functions that are called together."""

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        self.functions: list[tuple[Callable[..., Any], list[int], dict[str, int]]] = []
        self.types = []
        self._places = [places for _, places, _ in functions]  # by name is of Spark 4
        super().__init__(kind, functions, settings)

    def see(self, function: Callable[..., Any], return_type: Any) -> None:
        """Take note of what PySpark makes a function of."""
        self.functions.append((function, self._places[len(self.functions)], {}))
        self.types.append(to_arrow_type(return_type))

    def run(self, rows: pa.Table) -> list[pa.Array]:
        """Run PySpark's own loop over one group."""
        return self.mapped(self.series(rows))


class Aggregate(_Together):
    """See :class:`beringia.spark.udf.command.Aggregate`."""

    wrapper = "wrap_grouped_agg_pandas_udf"

    def column(self, field: int, series: Any) -> pa.Array:
        """Return a series as a field of the result."""
        return super().column(field, series.rename(None))  # as PySpark has it, which messages show


class Window(Aggregate):
    """See :class:`beringia.spark.udf.command.Window`."""

    wrapper = "wrap_window_agg_pandas_udf"

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        self.bounded = [kind == "bounded" for kind in settings["pandas_window_bound_types"].split(",")]
        super().__init__(kind, functions, settings)

    def see(self, function: Callable[..., Any], return_type: Any, *_: Any) -> None:
        """Take note of what PySpark makes a function of."""
        super().see(function, return_type)


class Scalars(_Together):
    """See :class:`beringia.spark.udf.command.Scalars`."""

    wrapper = "wrap_scalar_pandas_udf"

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        self._return_types: list[Any] = []
        super().__init__(kind, functions, settings)

    def see(self, function: Callable[..., Any], return_type: Any) -> None:
        """Take note of what PySpark makes a function of."""
        super().see(function, return_type)
        self._return_types.append(return_type)

    def replay(self, rows: int, series: list[Any], results: list[Any]) -> list[pa.Array]:  # noqa: ARG002 (4.3 asks)
        """Run PySpark's own loop over `series`, for which the first functions have returned `results`."""
        made = []
        for i, (function, places, _) in enumerate(self.functions):
            recalled = (lambda *_, result=results[i]: result) if i < len(results) else function
            wrapped = worker.wrap_scalar_pandas_udf(recalled, self._return_types[i])
            made.append(wrapped(*(series[place] for place in places)))
        return self._serializer._create_batch(made).columns


def _flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the fields of a batch of one struct."""
    struct = batch.column(0)
    return pa.RecordBatch.from_arrays(struct.flatten(), schema=pa.schema(struct.type))


def _put_in_struct(array: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays([array], ["_0"]).field(0)


def _struct(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch as one of one struct."""
    struct = pa.StructArray.from_arrays(batch.columns, fields=pa.struct(list(batch.schema)))
    return pa.RecordBatch.from_arrays([struct], ["_0"])


def _written(functions: Functions, settings: dict[str, str]) -> bytes:
    """Return what Spark would have written: settings, and for each function its arguments and its pickles."""

    def integers(*values: int) -> bytes:
        return struct.pack(f"!{len(values)}i", *values)

    def text(value: bytes) -> bytes:
        return integers(len(value)) + value

    parts = [integers(len(settings)), *(text(part.encode()) for item in settings.items() for part in item)]
    parts.append(integers(len(functions)))
    for pickled, offsets, _ in functions:
        parts += [integers(len(offsets), *offsets, len(pickled)), *map(text, pickled)]
    return b"".join(parts)
