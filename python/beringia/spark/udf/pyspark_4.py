"""Functions over groups as the worker of PySpark 4.3 runs them: see :mod:`beringia.spark.udf.command`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, SimpleNamespace
from typing import Any

import pyarrow as pa
from pyspark import worker
from pyspark.sql.conversion import ArrowArrayToPandasConversion as Conversion
from pyspark.sql.conversion import ArrowBatchTransformer, PandasToArrowConversion
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema, to_arrow_type
from pyspark.sql.types import DataType, StructField, StructType
from pyspark.worker_message import UDFInfo

from beringia.spark.udf.offsets import sides
from beringia.spark.udf.types import as_taken

Functions = list[tuple[list[bytes], list[int], dict[str, int]]]


class _Function:
    """What PySpark's worker makes of pickled functions."""

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        read = worker.read_single_udf
        self._read: list[Any] = []

        def see(*args: Any, **kwargs: Any) -> Any:
            self._read.append(read(*args, **kwargs))
            return self._read[-1]

        self._kind = kind
        self._conf = conf = worker.RunnerConf(settings)
        infos = [UDFInfo([*map(memoryview, pickled)], offsets, named, 0) for pickled, offsets, named in functions]
        self._map = self._mapping(see, infos)
        self.by_name: bool = conf.assign_cols_by_name
        self._given = {"timezone": conf.timezone, "prefer_int_ext_dtype": conf.prefer_int_ext_dtype}
        self._taken = {
            "timezone": conf.timezone,
            "safecheck": conf.safecheck,
            "arrow_cast": True,
            "prefers_large_types": conf.use_large_var_types,
            "assign_cols_by_name": conf.assign_cols_by_name,
            "int_to_decimal_coercion_enabled": conf.int_to_decimal_coercion_enabled,
        }

    def _mapping(self, read: Callable[..., Any], infos: Sequence[Any]) -> Callable[..., Iterator[pa.RecordBatch]]:
        """Return PySpark's own loop over functions, of which `read` makes what PySpark's makes of each of `infos`."""
        original = worker.read_single_udf
        worker.read_single_udf = read
        try:
            mapping, *_ = worker.read_udfs(worker.pickleSer, infos, self._kind, self._conf, worker.EvalConf({}))
        finally:
            worker.read_single_udf = original
        return mapping  # type: ignore[no-any-return]

    def fields(self, fields: list[tuple[str, DataType]]) -> None:
        large = self._taken["prefers_large_types"]
        zone = self._taken["timezone"]
        self._fields = [StructType([StructField(name, kind)]) for name, kind in fields]
        self.types = [to_arrow_type(kind, timezone=zone, prefers_large_types=large) for _, kind in fields]

    def series(self, rows: pa.Table, _: pa.Schema) -> list[Any]:
        return ArrowBatchTransformer.to_pandas(rows, **self._given)

    def column(self, field: int, series: Any) -> pa.Array:
        return PandasToArrowConversion.convert([series], self._fields[field], **self._taken).column(0)

    def mapped(self, group: Any) -> list[pa.Array]:
        [batch] = self._map(0, iter([group]))
        return batch.columns


class _Frames(_Function):
    """A function that returns frames, or gives one after the other."""

    def of_frames(self, return_type: StructType) -> None:
        self.return_type = return_type
        self.fields([(field.name, field.dataType) for field in return_type])
        self._whole = StructType([StructField("_0", return_type)])

    def columns(self, result: Any) -> list[pa.Array]:
        """Return a frame as the fields of the result."""
        return PandasToArrowConversion.convert([result], self._whole, **self._taken).column(0).flatten()


class GroupedMap(_Frames):
    """See :class:`beringia.spark.udf.command.GroupedMap`."""

    frames = 1

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        super().__init__(kind, functions, settings)
        [(self.function, _, return_type, arguments)] = self._read
        self.takes_key = arguments != self.frames
        self.of_frames(return_type)

    def run(self, rows: pa.Table) -> list[pa.Array]:
        """Run PySpark's own loop over one group."""
        [column] = self.mapped(iter(rows.to_batches()))
        return column.flatten()


class CogroupedMap(GroupedMap):
    """See :class:`beringia.spark.udf.command.GroupedMap`."""

    frames = 2

    def run(self, *rows: pa.Table) -> list[pa.Array]:
        """Run PySpark's own loop over one group."""
        [column] = self.mapped(tuple(side.to_batches() or _nothing(side.schema) for side in rows))
        return column.flatten()


class GroupedArrow(_Function):
    """See :class:`beringia.spark.udf.command.GroupedArrow`."""

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        super().__init__(kind, functions, settings)
        [(self._called, offsets, return_type, arguments)] = self._read
        self._sides = sides(offsets)
        self._takes_key = arguments != len(self._sides)
        large = self._taken["prefers_large_types"]
        self.schema = pa.schema(list(to_arrow_type(return_type, timezone="UTC", prefers_large_types=large)))

    def run(self, *given: list[pa.RecordBatch]) -> pa.Table:
        """Call it with the rows of one group, of each side; return its result."""
        select = ArrowBatchTransformer.select_columns
        arguments: list[Any] = [
            pa.Table.from_batches([select(batch, values) for batch in batches])
            for batches, (_, values) in zip(given, self._sides, strict=True)
        ]
        if self._takes_key:
            # The first one's that has rows.
            both = zip(given, self._sides, strict=True)
            first, keys = next((batches[0], keys) for batches, (keys, _) in both if batches[0].num_rows)
            arguments.insert(0, tuple(first.column(i)[0] for i in keys))
        result = self._called(*arguments)
        worker.verify_return_type(result, pa.Table)
        return ArrowBatchTransformer.enforce_schema(result, self.schema, arrow_cast=False, reorder_by_name=self.by_name)


class MapInArrow(_Function):
    """See :class:`beringia.spark.udf.command.Pulling`."""

    def pulling(self, batches: Iterator[Any]) -> Iterator[pa.RecordBatch]:
        """Run PySpark's own loop over batches of one struct, or over groups of such; give batches of one struct."""
        return self._map(0, batches)


class EvalInArrow(_Function):
    """See :class:`beringia.spark.udf.command.Pulling`."""

    def pulling(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Run PySpark's own loop over batches of one struct; give batches of one struct."""
        for result in self._map(0, map(ArrowBatchTransformer.flatten_struct, batches)):
            yield ArrowBatchTransformer.wrap_struct(result)


class MapInPandas(_Frames):
    """See :class:`beringia.spark.udf.command.PullingPandas`."""

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        super().__init__(kind, functions, settings)
        [(*_, return_type)] = self._read
        self.of_frames(return_type)

    def series(self, rows: pa.Table, beside: pa.Schema) -> list[Any]:
        """Return some columns as series: all of a frame are converted in one of two ways."""
        if Conversion._prefer_convert_numpy(from_arrow_schema(beside), df_for_struct=True):
            return super().series(rows, beside)
        how = {"timezone": self._given["timezone"], "struct_in_pandas": "dict"}
        return [
            Conversion.convert_legacy(column, field.dataType, **how)
            for column, field in zip(rows.columns, from_arrow_schema(rows.schema), strict=True)
        ]

    def pulling(self, portions: Iterator[Any]) -> Iterator[Any]:
        """Run PySpark's own loop over portions; give what the function gives."""
        return _unconverted(self._map, lambda batch: batch)(0, portions)


class EvalInPandas(_Function):
    """See :class:`beringia.spark.udf.command.PullingPandas`."""

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        super().__init__(kind, functions, settings)
        [(*_, return_type)] = self._read
        self.fields([("_0", return_type)])

    def pulling(self, portions: Iterator[Any]) -> Iterator[Any]:
        """Run PySpark's own loop over portions; give what the function gives."""
        return _unconverted(self._map, ArrowBatchTransformer.flatten_struct)(0, portions)

    def columns(self, result: Any) -> list[pa.Array]:
        """Return what it gives as the field of the result."""
        return [self.column(0, result)]


class GroupsInPandas(_Frames):
    """See :class:`beringia.spark.udf.command.PullingPandas`: of each group."""

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        super().__init__(kind, functions, settings)
        [(_, _, return_type, _)] = self._read
        self.of_frames(return_type)

    def pulling(self, portions: Iterator[Iterator[Any]]) -> Iterator[Any]:
        """Run PySpark's own loop over the portions of each group; give what the function gives."""
        return _unconverted(self._map, ArrowBatchTransformer.flatten_struct)(0, portions)


def _unconverted(
    loop: Callable[..., Iterator[Any]], shape: Callable[[pa.RecordBatch], pa.RecordBatch]
) -> Callable[..., Iterator[Any]]:
    """Return PySpark's own loop over batches as one over portions: what these have is given, what it gets is given on.

    PySpark's conversions are called, as it calls them, for portions of which nothing is made, with their batches in the
    `shape` that it has them in.
    """

    class Given:
        @staticmethod
        def to_pandas(portion: Any, **how: Any) -> list[Any]:
            return portion.arguments(  # type: ignore[no-any-return]
                lambda batch: ArrowBatchTransformer.to_pandas(shape(batch), **how)
            )

    class Returned:
        @staticmethod
        def convert(results: list[Any], *_: Any, **__: Any) -> Any:
            [result] = results
            return result

    return _looking_up(loop, ArrowBatchTransformer=Given, PandasToArrowConversion=Returned)


def _looking_up(loop: Callable[..., Iterator[Any]], **names: Any) -> Callable[..., Iterator[Any]]:
    """Return PySpark's own loop, with `names` among its globals, where a function looks up its conversions."""
    return FunctionType(
        loop.__code__, {**loop.__globals__, **names}, loop.__name__, loop.__defaults__, loop.__closure__
    )


class Aggregate(_Function):
    """See :class:`beringia.spark.udf.command.Aggregate`."""

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        super().__init__(kind, functions, settings)
        self.functions = [(function, places, named) for function, places, named, _ in self._read]
        self.fields([(f"_{i}", return_type) for i, (*_, return_type) in enumerate(self._read)])

    def run(self, rows: pa.Table) -> list[pa.Array]:
        """Run PySpark's own loop over one group."""
        return self.mapped(iter(rows.to_batches()))


class Window(Aggregate):
    """See :class:`beringia.spark.udf.command.Window`."""

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        super().__init__(kind, functions, settings)
        self.bounded = [bounds == "bounded" for bounds in settings["window_bound_types"].split(",")]


class ArrowAggregate(_Function):
    """See :class:`beringia.spark.udf.command.GroupedArrow`."""

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        super().__init__(kind, functions, settings)
        fields = StructType([StructField(f"_{i}", return_type) for i, (*_, return_type) in enumerate(self._read)])
        large = self._taken["prefers_large_types"]
        self.schema = to_arrow_schema(fields, timezone="UTC", prefers_large_types=large)

    def run(self, batches: list[pa.RecordBatch]) -> pa.Table:
        """Run PySpark's own loop over one group; return its result."""
        [result] = self._map(0, iter([iter(batches)]))
        return pa.Table.from_batches([result])


class Portions(ArrowAggregate):
    """See :class:`beringia.spark.udf.command.GroupedArrow`: a function of what a group's rows come in."""

    def run(self, batches: list[pa.RecordBatch]) -> pa.Table:
        """Run PySpark's own loop over one group; return its result."""
        [column] = super().run(batches).columns
        return pa.table([as_taken(column, self.schema.types[0])], schema=self.schema)


def _nothing(schema: pa.Schema) -> list[pa.RecordBatch]:
    return [pa.record_batch([pa.array([], field.type) for field in schema], schema=schema)]


class Scalars(Aggregate):
    """See :class:`beringia.spark.udf.command.Scalars`."""

    def run(self, rows: pa.Table) -> list[pa.Array]:
        """Run PySpark's own loop over some rows, which it is given in batches."""
        [batch] = self._map(0, iter(rows.to_batches()))
        return batch.columns

    def replay(self, rows: int, series: list[Any], results: list[Any]) -> list[pa.Array]:
        """Run PySpark's own loop over `series` of some rows, for which the first functions have returned `results`."""

        class Given:
            @staticmethod
            def to_pandas(*_: Any, **__: Any) -> list[Any]:
                return series

        def recalled(_: Any, place: int, *__: Any, **___: Any) -> Any:
            function, *others = self._read[place]
            return (lambda *_: results[place]) if place < len(results) else function, *others

        loop = _looking_up(self._mapping(recalled, range(len(self._read))), ArrowBatchTransformer=Given)
        [batch] = loop(0, iter([SimpleNamespace(num_rows=rows)]))
        return batch.columns


class ArrowScalars(_Function):
    """See :class:`beringia.spark.udf.command.GroupedArrow`: functions of columns, a portion of rows at a time."""

    def __init__(self, kind: int, functions: Functions, settings: dict[str, str]) -> None:
        super().__init__(kind, functions, settings)
        large = self._taken["prefers_large_types"]
        results = StructType([StructField(f"_{i}", return_type) for i, (*_, return_type) in enumerate(self._read)])
        self.schema = pa.schema(list(to_arrow_type(results, timezone="UTC", prefers_large_types=large)))

    def run(self, batches: list[pa.RecordBatch]) -> pa.Table:
        """Run PySpark's own loop over the rows of one portion."""
        return pa.Table.from_batches(list(self._map(0, iter(batches))))
