"""Arrow data as tables: ``from_arrow``, and the rows of any import, written to a file that tasks read.

The file is an Arrow stream; the JVM is told where in it the buffers of each column lie.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
from hail.expr.types import HailType, dtype

import hail as hl
from beringia.errors import ArgumentError
from beringia.hail import arrow_types, nodes, partitions, restore, setup, stored, tables, types
from beringia.hail.shared_file import SharedFile

BATCH_BYTES = 4 << 20  # what a task holds at once
PARTITION_BYTES = 64 << 20


def from_arrow(
    data: Any, key: str | Sequence[str] | None = None, types: Mapping[str, HailType | str] | None = None
) -> hl.Table:
    """Make a table of Arrow data.

    Examples
    --------
    >>> ht = beringia.hail.from_arrow(
    ...     pa.table({"locus": ["1:10", "1:20"], "GT": [[0, 1], [1, 1]], "x": [0.5, None]}),
    ...     key="locus",
    ...     types={"locus": hl.tlocus("GRCh37"), "GT": hl.tcall},
    ... )
    >>> ht.collect()[1]
    Struct(locus=Locus(contig=1, position=20, reference_genome=GRCh37), GT=Call(alleles=[1, 1], phased=False), x=None)

    Notes
    -----
    The data are written once, to memory that they have as long as the table or one that was made of it lives; on a
    cluster, to a file in Hail's temporary folder, which is removed then. Every query reads them again.

    Fields that say what they stand for, as those of :func:`to_arrow` do, become that. Other types become the Hail
    type that has all their values: small integers ``int32``, ``uint32`` ``int64``, ``halffloat`` ``float32``; lists
    arrays, maps dicts. `types` gives another one, if that has each value exactly: as ``float32`` 0.5, not 0.1; as
    ``bool`` 0 and 1. A text is parsed, as Hail parses it, and becomes the nearest number; so does a decimal, if that is
    the decimal again, rounded to as many digits. A locus can then be a struct of ``contig`` and ``position``, or a text
    such as ``1:2345``; a call a list of alleles, or a struct of ``alleles`` and ``phased``; an interval a struct of
    ``start`` and ``end``, and perhaps ``includes_start`` and ``includes_end``; a set and an ndarray of one axis a list.

    Parameters
    ----------
    data : pyarrow.Table, pandas.DataFrame, polars.DataFrame, or iterable of pyarrow.RecordBatch
        Or anything else that has ``__arrow_c_stream__``.
    key : :class:`str` or list of :class:`str`, optional
        Fields of the key. Nothing is shuffled if the rows lie in its order.
    types : :class:`dict`, optional
        Hail types by name of a column.

    Returns
    -------
    :class:`.Table`
        With the columns as fields, in the order of the rows if there is no key.

    Raises
    ------
    ArgumentError
        If a column, or a value of it, has no form in Hail: with its name, its type and what to cast it to.
    """
    batches = _batches(data)
    first = next(batches, None)
    if first is None:
        raise ArgumentError("from_arrow: there is no batch, and so no column: pass a pyarrow.Table, which has a schema")
    schema = first.schema
    wanted = checked_types(types, schema.names, "from_arrow")
    fields = {f.name: wanted.get(f.name) or arrow_types.hail_type(f, f"column {f.name}") for f in schema}
    if len(fields) < len(schema):
        raise ArgumentError(f"from_arrow: two columns have the same name, of {', '.join(schema.names)}")

    def chunks() -> Iterator[list[pa.Array]]:
        for batch in chain([first], batches):
            if batch.schema != schema:
                raise ArgumentError(f"from_arrow: a batch has the schema\n{batch.schema}\nafter others with\n{schema}")
            batch.validate(full=True)
            yield batch.columns

    return table_of(fields, chunks(), key, "from_arrow")


def _batches(data: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(data, pa.RecordBatch):
        yield data
    elif hasattr(data, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(data)
        yield pa.RecordBatch.from_arrays([pa.nulls(0, of) for of in reader.schema.types], schema=reader.schema)
        yield from reader
    elif isinstance(data, Iterable) and not isinstance(data, (str, bytes, Mapping)):
        for batch in data:
            if not isinstance(batch, pa.RecordBatch):
                raise ArgumentError(f"from_arrow: expected batches of Arrow, got {type(batch).__name__} among them")
            yield batch
    else:
        raise ArgumentError(
            f"from_arrow takes what has __arrow_c_stream__, or an iterable of pyarrow.RecordBatch; got "
            f"{type(data).__name__}"
        )


def checked_types(given: Mapping[str, HailType | str] | None, names: Sequence[str], caller: str) -> dict[str, HailType]:
    """Return the types that the user gave; refuse names of no column."""
    for name in given or {}:
        if name not in names:
            raise ArgumentError(f"{caller}: types has {name!r}. The columns are {', '.join(map(str, names))}")
    return {name: dtype(of) if isinstance(of, str) else of for name, of in (given or {}).items()}


def table_of(
    fields: Mapping[str, HailType],
    chunks: Iterator[Sequence[pa.Array]],
    key: Any,
    caller: str,
    index: str | None = None,
) -> hl.Table:
    """Make a table of columns.

    Parameters
    ----------
    fields : dict of str to HailType
        Its fields.
    chunks : iterator of list of pa.Array
        Rows: of each field its values, in any form that `stored.array` takes.
    key : str or list of str, optional
        Its key.
    caller : str
        Whom messages name.
    index : str, optional
        A field that numbers the rows, after the others: the key, unless `key` is another.
    """
    keys = [key] if isinstance(key, str) else list(key or [])
    for name in keys:
        if name not in fields:
            raise ArgumentError(f"{caller}: key has {name!r}. The columns are {', '.join(fields)}")
        if isinstance(fields[name], hl.tndarray):
            raise ArgumentError(f"{caller}: key {name!r} has type {fields[name]}, and Hail has no order of it")
    front = partitions.direct_front()
    context = hl.spark_context()
    is_local = bool(context._jsc.sc().isLocal())
    file = SharedFile()
    try:
        _write(fields, chunks, file, caller)
        batches = _places(file)
        origin = file if is_local else UploadedFile(file.mapped())
    except BaseException:
        file.close()
        raise
    if not is_local:
        file.close()
    plan = {
        "type": types.parsable(hl.tstruct(**{name: _returned(of) for name, of in fields.items()})),
        "path": origin.path,
        "inode": file.inode if is_local else None,
        "index": index,
        "partitions": _partitions(batches, context.defaultParallelism),
    }
    table = hl.Table(nodes.Import.of(front, origin, plan))
    if not all(map(restore.is_itself, fields.values())):
        table = table.annotate(**{name: restore.restored(table[name], of) for name, of in fields.items()})
    return table.key_by(*keys) if keys else table


def _returned(of: HailType) -> HailType:
    """Return the type as which values are stored: what only Hail can make, as its parts (``ArrowForms.returned``)."""
    if isinstance(of, (hl.tarray, hl.tset)):
        return hl.tarray(_returned(of.element_type))
    if isinstance(of, hl.tdict):
        return hl.tarray(hl.tstruct(key=_returned(of.key_type), value=_returned(of.value_type)))
    if isinstance(of, hl.tinterval):
        return hl.tinterval(_returned(of.point_type))
    if isinstance(of, hl.tndarray):
        return hl.tstruct(shape=hl.tarray(hl.tint64), data=hl.tarray(of.element_type))
    if isinstance(of, hl.tstruct):
        return hl.tstruct(**{name: _returned(part) for name, part in of.items()})
    return hl.ttuple(*map(_returned, of.types)) if isinstance(of, hl.ttuple) else of


def _write(fields: Mapping[str, HailType], chunks: Iterator[Sequence[pa.Array]], file: SharedFile, caller: str) -> None:
    budget = tables.Budget(f"{caller}: the data", "bring them in parts, and write each with checkpoint")
    names = list(fields)
    done = 0
    writer = None
    with pa.OSFile(file.path, "wb") as sink:
        for chunk in chunks:
            start = done
            columns = [
                stored.array(made, of, stored.Place(repr(name), start.__add__))
                for made, (name, of) in zip(chunk, fields.items(), strict=True)
            ]
            batch = pa.RecordBatch.from_arrays(columns, names)
            if writer is None:
                writer = pa.ipc.new_stream(sink, batch.schema)
            budget.take(batch.nbytes)
            rows = max(1, batch.num_rows * BATCH_BYTES // max(1, batch.nbytes))
            for first in range(0, batch.num_rows, rows):
                writer.write_batch(batch.slice(first, rows))
            done += batch.num_rows
        if writer is not None:
            writer.close()


def _places(file: SharedFile) -> list[dict[str, Any]]:
    """Say of each batch in the file where it is, and where in it the buffers of its columns are."""
    whole = file.mapped()
    batches: list[dict[str, Any]] = []
    first = 0
    for batch in pa.ipc.open_stream(whole) if whole.size else ():
        # Those of no bytes may lie anywhere.
        buffers = [
            buffer for column in batch.columns for buffer in column.buffers() if buffer is not None and buffer.size
        ]
        start = min((buffer.address for buffer in buffers), default=whole.address)
        end = max((buffer.address + buffer.size for buffer in buffers), default=start)
        batches.append(
            {
                "offset": start - whole.address,
                "bytes": end - start,
                "first": first,
                "rows": batch.num_rows,
                "columns": [_place(column.type, iter(column.buffers()), column, start) for column in batch.columns],
            }
        )
        first += batch.num_rows
    return batches


def _place(of: pa.DataType, buffers: Iterator[pa.Buffer | None], made: pa.Array, start: int) -> dict[str, Any]:
    count = 1 if pa.types.is_struct(of) else 3 if pa.types.is_large_string(of) else 2
    found = [next(buffers) for _ in range(count)]
    children = (
        [made.field(i) for i in range(of.num_fields)]
        if pa.types.is_struct(of)
        else [made.values]
        if pa.types.is_large_list(of)
        else []
    )
    return {
        "length": len(made),
        "nulls": made.null_count,
        "buffers": [None if buffer is None else buffer.address - start if buffer.size else 0 for buffer in found],
        "children": [_place(child.type, buffers, child, start) for child in children],
    }


def _partitions(batches: Sequence[dict[str, Any]], parallelism: int) -> list[list[dict[str, Any]]]:
    """Put batches together that are of about one size; each core gets some, if there are as many."""
    total = sum(batch["bytes"] for batch in batches)
    size = max(1, min(PARTITION_BYTES, -(-total // max(1, parallelism))))
    made: list[list[dict[str, Any]]] = []
    before = 0
    for batch in batches:
        number = min(before // size, len(batches))
        if not made or number > len(made) - 1:
            made.append([])
        made[-1].append(batch)
        before += batch["bytes"]
    return made


class UploadedFile:
    """A file in Hail's temporary folder, which is there until this is forgotten.

    Attributes
    ----------
    path : str
        What Hail's file system opens, on each machine.
    """

    path: str

    def __init__(self, data: pa.Buffer):
        self.path = hl.utils.new_temp_file("beringia-import", "arrows")
        self.close = weakref.finalize(self, _remove, hl.current_backend(), self.path)
        try:
            with hl.hadoop_open(self.path, "wb") as remote:
                remote.write(memoryview(data))
        except BaseException:
            self.close()
            raise


def _remove(backend: Any, path: str) -> None:
    if not setup.is_running(backend):
        return
    with contextlib.suppress(Exception):  # the JVM may be gone, and the folder is one for temporary files
        backend.fs.remove(path)
