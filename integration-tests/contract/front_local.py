"""The contract on the local front."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

import beringia
from contract.case import Case


class Local:
    """``beringia.numpy_map`` on Arrow tables of this process."""

    name = "local"

    def __init__(self, pool: beringia.Pool) -> None:
        self.pool = pool

    def lacks(self, case: Case) -> str | None:
        """Return why the front cannot run a case; None if it can."""
        return None

    def type_name(self, kind: pa.DataType) -> str:
        """Return what messages call a type."""
        return str(kind)

    def run(self, case: Case) -> list[tuple[Any, ...]]:
        """Return the rows that a case gives, or raise what it raises."""
        table = beringia.numpy_map(
            case.f, case.data, case.returns, by=list(case.by or ()) or None, pool=self.pool, **case.options
        )
        return list(zip(*(_values(column) for column in table.columns), strict=True))


def _values(column: pa.ChunkedArray) -> list[Any]:
    if isinstance(column.type, pa.FixedShapeTensorType):  # else flat
        return list(column.combine_chunks().to_numpy_ndarray())
    return list(column.to_pylist())
