"""What comes in by the identity function goes out: every type of Hail, values missing at every depth."""

import numpy as np
import pytest


def values(hl):
    """For each type some values; each has three."""
    locus = hl.tlocus("GRCh37")
    l1, l2 = hl.Locus("1", 5, "GRCh37"), hl.Locus("X", 7, "GRCh37")
    point = hl.tstruct(a=hl.tint32, b=hl.tstr)
    p, q = hl.Struct(a=1, b="p"), hl.Struct(a=None, b=None)
    ends = hl.tinterval(hl.tint32)
    i1, i2 = hl.Interval(1, 5, True, False, ends.point_type), hl.Interval(None, 5, False, True, ends.point_type)
    pair = hl.ttuple(hl.tint32, hl.tstr)
    return [
        (hl.tbool, [True, None, False]),
        (hl.tint32, [1, None, -3]),
        (hl.tint64, [2**53 + 1, None, -(2**63)]),
        (hl.tfloat32, [0.5, None, float("inf")]),
        (hl.tfloat64, [0.1, None, -0.0]),
        (hl.tstr, ["a", None, ""]),
        (hl.tcall, [hl.Call([0, 1]), None, hl.Call([1], phased=False)]),
        (locus, [l1, None, l2]),
        (ends, [i1, None, i2]),
        (hl.tinterval(locus), [hl.Interval(l1, l2, point_type=locus), None, hl.Interval(l2, l2, True, True, locus)]),
        (point, [p, None, q]),
        (pair, [(1, "p"), None, (None, None)]),
        (hl.tstruct(a=point, v=hl.tarray(hl.tfloat64)), [hl.Struct(a=p, v=[1.0]), None, hl.Struct(a=None, v=None)]),
        (hl.tset(hl.tstr), [{"a", "b"}, None, set()]),
        (hl.tdict(hl.tstr, hl.tint32), [{"a": 1, "b": None}, None, {}]),
        (hl.tdict(hl.tint32, hl.tarray(hl.tint32)), [{1: [1, 2]}, None, {2: [], 3: None}]),
        (hl.tarray(hl.tint32), [[1, None], None, []]),
        (hl.tarray(hl.tfloat64), [[1.0, None], None, [3.0]]),
        (hl.tarray(hl.tarray(hl.tint32)), [[[1], None], None, [[]]]),
        (hl.tarray(hl.tstr), [["a", None], None, []]),
        (hl.tarray(hl.tcall), [[hl.Call([0, 1]), None], None, []]),
        (hl.tarray(locus), [[l1, None], None, []]),
        (hl.tarray(point), [[p, None, q], None, []]),
        (hl.tarray(pair), [[(1, "p"), None], None, []]),
        (hl.tarray(hl.tdict(hl.tstr, hl.tint32)), [[{"a": 1}, None], None, [{}]]),
        (hl.tndarray(hl.tfloat64, 1), [np.array([1.0, 2.0]), None, np.array([3.0])]),
        (hl.tndarray(hl.tint32, 2), [np.array([[1, 2]], dtype="i4"), None, np.zeros((0, 2), dtype="i4")]),
    ]


@pytest.fixture(scope="module")
def known(hl):
    return values(hl)


@pytest.fixture(scope="module")
def table(hl, known):
    columns = {f"c{number}": kind for number, (kind, _) in enumerate(known)}
    rows = [{"i": i, **{f"c{n}": each[i] for n, (_, each) in enumerate(known)}} for i in range(3)]
    made = hl.Table.parallelize(rows, hl.tstruct(i=hl.tint32, **columns))
    return made.annotate(g=0)


def shown(value):
    if isinstance(value, np.ndarray):
        return value.shape, value.tolist()
    return repr(value)


def test_rows_come_back(hl, numpy_map, table, known):
    names = [f"c{number}" for number in range(len(known))]
    result = numpy_map(
        lambda *columns: columns,
        table.g,
        hl.tarray(hl.tstruct(**{name: kind for name, (kind, _) in zip(names, known, strict=True)})),
        args=[table[name] for name in names],
        order_by=table.i,
        missing="mask",
    )
    rows = result.collect()
    for name, (kind, each) in zip(names, known, strict=True):
        assert [shown(row[name]) for row in rows] == [*map(shown, each)], kind


def test_a_group_comes_back_as_one_array(hl, numpy_map, table, known):
    names = [f"c{number}" for number in range(len(known))]
    result = numpy_map(
        lambda *columns: columns,
        table.g,
        hl.tstruct(**{name: hl.tarray(kind) for name, (kind, _) in zip(names, known, strict=True)}),
        args=[table[name] for name in names],
        order_by=table.i,
        missing="mask",
    )
    (row,) = result.collect()
    for name, (kind, each) in zip(names, known, strict=True):
        assert [*map(shown, row[name])] == [*map(shown, each)], kind
