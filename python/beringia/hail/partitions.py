"""The rows of a table, brought here a partition at a time: while one is used, the next ones are computed."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from hail.utils.java import FatalError

import hail as hl
from beringia.errors import ArgumentError, ConfigError
from beringia.hail import columns, setup, versions
from beringia.hail.shared_file import SharedFile


@dataclass
class Partition:
    """Rows that are here.

    Attributes
    ----------
    batches : list of list of pa.Array
        Batches of a few MiB, each with a column for every field of the rows.
    lengths : list of int
        How many rows each has.
    nbytes : int
        What all of them take.
    expected : int
        How many rows the table has, if the partitions to come are like those so far.
    """

    batches: list[list[pa.Array]]
    lengths: list[int]
    nbytes: int
    expected: int


def of(table: Any) -> Iterator[Partition]:
    """Iterate over the partitions of a table, in their order. Leaving the iterator ends what is still computed.

    Raises
    ------
    ArgumentError
        If it is no Table.
    ConfigError
        If this version of Hail is not known.
    """
    front = direct_front()
    backend = hl.current_backend()
    types = list(table.row.dtype.values())
    with _naming_lines(table):
        export = front.exportTable(backend._jbackend, backend._render_ir(table._tir))
    count = export.partitions()
    ahead = export.parallelism() + 1
    under_way: deque[tuple[Any, SharedFile]] = deque()
    started = rows = 0
    try:
        while started < count or under_way:
            while started < count and len(under_way) < ahead:
                file = SharedFile()
                under_way.append((export.start(started, file.path), file))
                started += 1
            job, file = under_way[0]
            with _naming_lines(table):
                places = json.loads(job.result())
            under_way.popleft()
            block = file.mapped()
            file.close()
            lengths = [batch["rows"] for batch in places]
            rows += sum(lengths)
            yield Partition(
                [
                    [columns.array(dtype, place, block) for dtype, place in zip(types, batch["columns"], strict=True)]
                    for batch in places
                ],
                lengths,
                block.size,
                -(-rows * count // (started - len(under_way))),
            )
    finally:
        for job, file in under_way:
            job.cancel()
            file.close()


@contextmanager
def _naming_lines(table: hl.Table) -> Iterator[None]:
    """Have an error of one of the table's expressions show the user's line, as Hail's own ways have it."""
    try:
        yield
    except FatalError as error:
        raise error.maybe_user_error(table._tir) from None


def rows_of(table: Any, caller: str) -> hl.Table:
    """Return the table; refuse anything else."""
    if isinstance(table, hl.MatrixTable):
        raise ArgumentError(
            f"{caller} takes a Table, and got a MatrixTable: pass mt.rows(), mt.cols() or mt.entries(), or its "
            "entries to to_numpy"
        )
    if not isinstance(table, hl.Table):
        raise ArgumentError(f"{caller} takes a Table of Hail, and got {type(table).__name__}")
    return table


def direct_front(trial: versions.Trial = versions.groups) -> Any:
    """Return the JVM's end, if it knows this version of Hail, or `trial` goes well."""
    front = setup.front()
    obstacle = versions.obstacle(hl.version(), trial)
    if obstacle is not None:
        raise ConfigError(
            f"Hail {hl.version()} is not known ({obstacle}): use Hail's own to_pandas, from_pandas, to_spark and "
            "from_spark"
        )
    return front
