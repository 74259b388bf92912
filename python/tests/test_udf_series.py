"""Series of groups that lie in the same memory are no way from one group to another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from beringia.spark.udf.series import Series

ROWS = 2000


@pytest.fixture
def cut():
    """What cuts series of a column that functions cannot write to, as PySpark's are, and of one that they can."""
    read_only = np.arange(float(ROWS))
    read_only.setflags(write=False)
    columns = {"x": read_only, "y": np.arange(ROWS)}
    return Series([pd.Series(column, name=name, copy=False) for name, column in columns.items()])


def test_memory_that_is_shared_cannot_be_written_to(cut):
    (x, _), (other, _) = cut.series(0, 20), cut.series(20, 40)
    assert other.to_numpy().ctypes.data == x.to_numpy().ctypes.data + x.nbytes
    with pytest.raises(ValueError, match="WRITEABLE"):
        x.to_numpy().setflags(write=True)


def test_what_can_be_written_to_is_not_shared(cut):
    _, y = cut.series(0, 20)
    y[:] = -1
    assert cut.series(0, 20)[1].tolist() == list(range(20))


def test_what_is_kept_stays(cut):
    kept = [cut.series(start, start + 20)[0] for start in range(0, ROWS, 20)]
    assert [one.tolist() for one in kept] == [list(range(start, start + 20)) for start in range(0, ROWS, 20)]


@pytest.mark.parametrize("rows", [(0, 0), (ROWS, ROWS), (0, ROWS), (30, 1200), (700, 705), (699, 701)])
def test_any_rows_in_any_order(cut, rows):
    for start, end in [(600, 610), rows, (3, 4), rows]:
        assert [one.tolist() for one in cut.series(start, end)] == [list(range(start, end))] * 2
