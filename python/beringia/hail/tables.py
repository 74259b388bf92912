"""Tables as Arrow data: ``to_arrow`` and ``to_batches``."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

import hail as hl
from beringia.errors import ResourceError
from beringia.hail import arrow_types, columns, partitions
from beringia.hail.shared_file import available_bytes


def to_arrow(table: hl.Table) -> pa.Table:
    """Return the rows of a table as Arrow data.

    Examples
    --------
    >>> ht = hl.utils.range_table(3)
    >>> beringia.hail.to_arrow(ht.annotate(x=hl.struct(y=[1.5, hl.missing(hl.tfloat64)]))).to_pylist()[0]
    {'idx': 0, 'x': {'y': [1.5, None]}}

    Notes
    -----
    Numbers, booleans, strings (``large_string``), arrays (``large_list``), structs and dicts (``map``) are Arrow's own.
    What Arrow has no type for says in its field's metadata what it stands for: ``hail.call`` (the 32 bits of a call),
    ``hail.locus`` (a struct of ``contig`` and ``position``, the reference genome in the metadata), ``hail.interval``
    (``start``, ``end``, ``includes_start``, ``includes_end``), ``hail.ndarray`` (``shape`` and ``data``, the last axis
    varying fastest), ``hail.set`` and ``hail.tuple``. :func:`from_arrow` reads all of them back.

    Parameters
    ----------
    table : :class:`.Table`
        Its rows come in their order; globals are left out (``hl.eval(table.globals)``).

    Returns
    -------
    pyarrow.Table
        A chunk for every few MiB.

    Raises
    ------
    ResourceError
        If it takes more than the memory of this machine.
    ArgumentError
        If a dict has a missing key, which Arrow's maps cannot hold.
    """
    rows = partitions.rows_of(table, "to_arrow")
    schema = schema_of(rows)
    budget = Budget("to_arrow: the result", "to_batches takes it in parts")
    batches: list[pa.RecordBatch] = []
    for partition in partitions.of(rows):
        budget.take(partition.nbytes)
        batches += _batches(rows, schema, partition)
    return pa.Table.from_batches(batches, schema)


def to_batches(table: hl.Table) -> Iterator[pa.RecordBatch]:
    """Iterate over the rows of a table as Arrow batches, in memory that does not grow with the table.

    Parameters
    ----------
    table : :class:`.Table`
        Its partitions are computed one after another, as many ahead as there are cores.

    Returns
    -------
    iterator of pyarrow.RecordBatch
        As in :func:`to_arrow`; of a few MiB each, or a row, if that is larger. None of them is empty.
    """
    rows = partitions.rows_of(table, "to_batches")
    schema = schema_of(rows)
    return (batch for partition in partitions.of(rows) for batch in _batches(rows, schema, partition))


def schema_of(table: hl.Table) -> pa.Schema:
    """Return the Arrow schema of a table's rows."""
    return pa.schema([arrow_types.field(name, dtype) for name, dtype in table.row.dtype.items()])


class Budget:
    """What data may take of this machine's memory."""

    def __init__(self, what: str, instead: str):
        self._what, self._instead = what, instead
        self._limit = available_bytes()
        self._taken = 0

    def take(self, nbytes: int) -> None:
        """Count bytes.

        Raises
        ------
        ResourceError
            If they are more than there was room for at the start.
        """
        self._taken += nbytes
        if self._taken > self._limit:
            raise ResourceError(
                f"{self._what} has more than {self._taken >> 20} MiB, and this machine had {self._limit >> 20} MiB to "
                f"give: {self._instead}"
            )


def _batches(table: hl.Table, schema: pa.Schema, partition: partitions.Partition) -> Iterator[pa.RecordBatch]:
    for arrays, length in zip(partition.batches, partition.lengths, strict=True):
        if arrays:
            made = [
                columns.with_maps(column, dtype, name)
                for column, (name, dtype) in zip(arrays, table.row.dtype.items(), strict=True)
            ]
            yield pa.RecordBatch.from_arrays(made, schema=schema)
        else:
            yield pa.RecordBatch.from_struct_array(pa.array([{}] * length, pa.struct([])))
