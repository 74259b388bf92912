"""Groups of the local front: equal keys together, in the order of the keys, whatever the order of the rows."""

import numpy as np
import pyarrow as pa
import pytest

import beringia

LISTS = pa.schema([("rows", pa.list_(pa.int64()))])


def groups_of(table, by, **options):
    """The row numbers of each group."""
    found = beringia.numpy_map(lambda row: row, table, LISTS, by=by, args={"row": "row"}, **options)
    return [(*(key[name] for name in by), key["rows"]) for key in found.to_pylist()]


def expected(columns, order=None):
    rows = sorted(range(len(columns[0])), key=order) if order else range(len(columns[0]))
    groups: dict = {}
    for row in rows:
        groups.setdefault(tuple(column[row] for column in columns), []).append(row)
    return [
        (*key, rows) for key, rows in sorted(groups.items(), key=lambda item: [(v is not None, v) for v in item[0]])
    ]


@pytest.mark.parametrize("layout", ["shuffled", "sorted", "descending", "runs", "one key", "all differ"])
def test_groups_do_not_depend_on_how_the_rows_lie(layout):
    rng = np.random.default_rng(7)
    key = {
        "shuffled": rng.integers(0, 50, 2000),
        "sorted": np.sort(rng.integers(0, 50, 2000)),
        "descending": np.sort(rng.integers(0, 50, 2000))[::-1],
        "runs": np.repeat(rng.integers(0, 10, 100), 20),
        "one key": np.zeros(500, int),
        "all differ": rng.permutation(300),
    }[layout].tolist()
    table = pa.table({"g": key, "row": range(len(key))})
    assert groups_of(table, ["g"]) == expected([key])


def test_several_keys_with_nulls():
    rng = np.random.default_rng(8)
    a = [None if v == 3 else int(v) for v in rng.integers(0, 5, 1000)]
    b = [None if v == 0 else "abc"[v - 1] * int(v) for v in rng.integers(0, 4, 1000)]
    table = pa.table({"a": a, "b": b, "row": range(1000)})
    assert groups_of(table, ["a", "b"]) == expected([a, b])


@pytest.mark.parametrize("layout", ["shuffled", "sorted"])
def test_order_by_orders_each_group_and_keeps_ties_as_they_came(layout):
    rng = np.random.default_rng(9)
    key = rng.integers(0, 20, 1000)
    key = (np.sort(key) if layout == "sorted" else key).tolist()
    t = rng.integers(0, 5, 1000).tolist()
    table = pa.table({"g": key, "t": t, "row": range(1000)})
    assert groups_of(table, ["g"], order_by="t") == expected([key], order=lambda row: t[row])
    assert groups_of(table, ["g"], order_by=[("t", "descending")]) == expected([key], order=lambda row: -t[row])


def test_order_by_takes_floats_as_numbers_and_keeps_equal_ones_as_they_came():
    nans = np.array([0x7FF8_0000_0000_0000, 0xFFF8_0000_0000_0001], np.uint64).view(np.float64)
    t = pa.array([nans[0], 0.0, -0.0, nans[1], -1.0, 0.0, None], from_pandas=False)
    table = pa.table({"g": [1] * 7, "t": t, "row": range(7)})
    assert groups_of(table, ["g"], order_by="t") == [(1, [6, 4, 1, 2, 5, 0, 3])]
    assert groups_of(table, ["g"], order_by=[("t", "descending")]) == [(1, [0, 3, 1, 2, 5, 4, 6])]
