"""What a function may return, and the table that it becomes."""

import numpy as np
import pytest

from beringia.errors import ArgumentError, ResultError


@pytest.fixture(scope="module")
def give(hl, numpy_map):
    """What one function gives for each of three groups, as a table."""

    def give(function, returns, **options):
        ht = hl.utils.range_table(6, 2)
        return numpy_map(function, ht.idx // 2, returns, args=dict(i=ht.idx), order_by=ht.idx, **options)

    return give


def test_one_row_in_every_form(hl, give):
    from dataclasses import make_dataclass
    from typing import NamedTuple

    class Named(NamedTuple):
        b: float
        a: int

    Data = make_dataclass("Data", ["a", "b"])
    fields = hl.tstruct(a=hl.tint64, b=hl.tfloat64)
    functions = [
        lambda i: (i[0], 0.5),
        lambda i: {"b": 0.5, "a": i[0]},
        lambda i: Named(a=i[0], b=0.5),
        lambda i: Data(a=i[0], b=0.5),
        lambda i: np.array([(i[0], 0.5)], dtype=[("a", "i8"), ("b", "f8")])[0],
    ]
    for function in functions:
        table = give(function, fields)
        assert table.row.dtype == hl.tstruct(id=hl.tint32, a=hl.tint64, b=hl.tfloat64)
        assert [(r.id, r.a, r.b) for r in table.collect()] == [(0, 0, 0.5), (1, 2, 0.5), (2, 4, 0.5)]
    assert give(lambda i: None, fields).a.collect() == [None, None, None]


def test_every_plain_type(hl, give):
    fields = hl.tstruct(
        b=hl.tbool,
        i=hl.tint32,
        l=hl.tint64,
        f=hl.tfloat32,
        d=hl.tfloat64,
        s=hl.tstr,
        a=hl.tarray(hl.tfloat64),
        aa=hl.tarray(hl.tarray(hl.tint32)),
        sa=hl.tarray(hl.tstr),
        ba=hl.tarray(hl.tbool),
    )

    def function(i):
        k = int(i[0])
        matrix = np.arange(6, dtype=np.int32).reshape(2, 3) + k
        return (
            k > 0,
            k,
            k,
            k / 2,
            k / 3,
            f"s{k}é",
            np.array([k, np.nan]),
            matrix,
            ["x", None, "zz"],
            [True, None, False],
        )

    rows = give(function, fields).collect()
    for k, row in zip((0, 2, 4), rows, strict=True):
        assert (row.b, row.i, row.l, row.f, row.d, row.s) == (k > 0, k, k, k / 2, k / 3, f"s{k}é")
        assert row.a[0] == k
        assert np.isnan(row.a[1])
        assert row.aa == [[k, k + 1, k + 2], [k + 3, k + 4, k + 5]]
        assert row.sa == ["x", None, "zz"]
        assert row.ba == [True, None, False]


def test_missing_results_and_nan(hl, give):
    fields = hl.tstruct(x=hl.tfloat64, a=hl.tarray(hl.tfloat64))
    [row, *_] = give(lambda i: (np.nan, [1.0, None, np.nan]), fields).collect()
    assert np.isnan(row.x)
    assert row.a[1] is None
    [row, *_] = give(lambda i: (np.nan, None), fields, nan_as_null=True).collect()
    assert row.x is None
    assert row.a is None


def test_every_other_type(hl, give):
    rg = hl.get_reference("GRCh37")
    fields = {
        "call": (hl.tcall, lambda k: [0, k], lambda k: hl.Call([0, k])),
        "phased": (hl.tcall, lambda k: hl.Call([k, 0], phased=True), lambda k: hl.Call([k, 0], phased=True)),
        "haploid": (hl.tcall, lambda k: [k], lambda k: hl.Call([k])),
        "locus": (hl.tlocus(rg), lambda k: ("1", k + 1), lambda k: hl.Locus("1", k + 1)),
        "interval": (
            hl.tinterval(hl.tint32),
            lambda k: (k, k + 5, True, True),
            lambda k: hl.Interval(k, k + 5, includes_end=True),
        ),
        "set": (hl.tset(hl.tstr), lambda k: {"a", str(k)}, lambda k: {"a", str(k)}),
        "dict": (hl.tdict(hl.tstr, hl.tfloat64), lambda k: {"x": k / 2}, lambda k: {"x": k / 2}),
        "struct": (
            hl.tstruct(u=hl.tint32, v=hl.tarray(hl.tfloat64)),
            lambda k: {"u": k, "v": np.ones(k)},
            lambda k: hl.Struct(u=k, v=[1.0] * k),
        ),
        "tuple": (hl.ttuple(hl.tint32, hl.tstr), lambda k: (k, "t"), lambda k: (k, "t")),
        "structs": (
            hl.tarray(hl.tstruct(u=hl.tint32)),
            lambda k: [{"u": j} for j in range(k)] if k else None,
            lambda k: [hl.Struct(u=j) for j in range(k)] if k else None,
        ),
        "loci": (hl.tarray(hl.tlocus(rg)), lambda k: [("2", 5), None], lambda k: [hl.Locus("2", 5), None]),
        "nested": (
            hl.tdict(hl.tint32, hl.tstruct(c=hl.tcall)),
            lambda k: {k: {"c": [1, 1]}},
            lambda k: {k: hl.Struct(c=hl.Call([1, 1]))},
        ),
    }
    for name, (dtype, made, expected) in fields.items():
        table = give(lambda i, made=made: {"value": made(int(i[0])), "n": 1}, hl.tstruct(value=dtype, n=hl.tint32))
        assert table.value.dtype == dtype, name
        assert table.value.collect() == [expected(k) for k in (0, 2, 4)], name
    table = give(lambda i: (None, 1), hl.tstruct(value=hl.tstruct(u=hl.tint32), n=hl.tint32))
    assert table.value.collect() == [None] * 3


def test_ndarrays(hl, give):
    def function(i):
        k = int(i[0])
        return np.arange(2 * (k + 1), dtype=float).reshape(2, k + 1, order="F"), np.full((0, 3), k), np.arange(3) > 1

    fields = hl.tstruct(m=hl.tndarray(hl.tfloat64, 2), e=hl.tndarray(hl.tint64, 2), b=hl.tndarray(hl.tbool, 1))
    table = give(function, fields)
    assert table.m.dtype == hl.tndarray(hl.tfloat64, 2)
    for k, row in zip((0, 2, 4), table.collect(), strict=True):
        np.testing.assert_array_equal(row.m, np.arange(2 * (k + 1), dtype=float).reshape(2, k + 1, order="F"))
        assert row.e.shape == (0, 3)
        assert row.b.tolist() == [False, False, True]
    assert table.annotate(x=table.m.T + 1.0).x.collect()[1].tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    gaps = give(lambda i: {"x": np.array([1.0, np.nan])}, hl.tstruct(x=hl.tndarray(hl.tfloat64, 1)), nan_as_null=True)
    np.testing.assert_array_equal(gaps.x.collect()[0], [1.0, np.nan])  # nothing is missing in an ndarray


def test_many_rows(hl, give):
    fields = hl.tarray(hl.tstruct(rank=hl.tint32, x=hl.tfloat64))
    functions = [
        lambda i: {"rank": np.arange(i[0]), "x": np.ones(i[0])},
        lambda i: (np.arange(i[0], dtype=np.int32), 1.0) if i[0] else None,
        lambda i: [(k, 1.0) for k in range(i[0])],
    ]
    for function in functions:
        table = give(function, fields)
        assert list(table.key) == ["id"]
        assert table.row.dtype == hl.tstruct(id=hl.tint32, rank=hl.tint32, x=hl.tfloat64)
        assert [(r.id, r.rank) for r in table.collect()] == [(1, 0), (1, 1), (2, 0), (2, 1), (2, 2), (2, 3)]
        assert table.count() == 6
        assert table._force_count() == 6
        assert table.group_by(table.id).aggregate(n=hl.agg.count()).n.collect() == [2, 4]


def test_many_rows_of_any_type(hl, give):
    fields = hl.tarray(hl.tstruct(locus=hl.tlocus("GRCh37"), x=hl.tfloat64, d=hl.tdict(hl.tstr, hl.tint32)))
    expected = [(1, 1, 2.0), (1, 2, 2.0), (2, 1, 4.0), (2, 2, 4.0), (2, 3, 4.0), (2, 4, 4.0)]
    columns = give(
        lambda i: {"locus": [("1", k + 1) for k in range(i[0])], "x": np.full(i[0], float(i[0])), "d": {"k": 1}}, fields
    )
    rows = give(lambda i: [(("1", k + 1), float(i[0]), {"k": 1}) for k in range(i[0])], fields)
    for table in (columns, rows):
        assert [(r.id, r.locus.position, r.x) for r in table.collect()] == expected
        assert table.d.collect() == [{"k": 1}] * 6


def test_what_does_not_fit(hl, give):
    with pytest.raises(ResultError, match="field 'a'"):
        give(lambda i: "text", hl.tstruct(a=hl.tfloat64)).collect()
    with pytest.raises(ResultError) as caught:
        give(lambda i: 0.5, hl.tstruct(a=hl.tint32)).collect()
    assert caught.value.group.startswith("id=")
    with pytest.raises(ArgumentError, match="NumPy form"):
        give(lambda i: 0.5, hl.tstruct(a=hl.trngstate if hasattr(hl, "trngstate") else hl.tvoid))


MISFITS = {
    "ndarray<float64, 2>": [(np.ones(3), r"its shape is \(3,\)")],
    "ndarray<float64, 1>": [
        ([1.0, None], "no missing values"),
        (np.ma.array([1.0, 2.0], mask=[False, True]), "no missing values"),
    ],
    "call": [
        ((0, 1, 2), "at most two alleles"),
        ((0, -3), "none of them negative"),
        ((0.5, 1.9), "'float' object cannot be"),
        (np.array([0.6, 1.2]), "float64' object cannot be"),
        ("01", "a str have no order"),
        (np.ma.array([0, 1], mask=[False, True]), "one of its alleles is masked"),
    ],
    "locus<GRCh37>": [
        (("nope", 5), "no contig 'nope'"),
        (("1", 0), "positions of contig '1' are 1 to 249250621"),
        (("1", 2.5), "'float' object cannot be"),
        ((b"1", 5), "the contig is a bytes"),
        (("1", 5, 6), "there are 3 values"),
        (np.nan, "not iterable"),
    ],
    "struct{a: str, b: str}": [("ab", "a str have no order"), ({"a": "x"}, "got one with a")],
    "tuple(str, str)": [({"a", "b"}, "a set have no order"), (("a",), "2 parts are wanted, and there are 1")],
    "set<str>": [("ab", "a str is no set")],
    "array<struct{a: int32}>": [([{"b": 1}], "expected a dict with a, got one with b")],
}


@pytest.mark.parametrize("dtype", MISFITS)
def test_what_does_not_fit_a_type_of_several_columns(hl, give, dtype):
    for value, reason in MISFITS[dtype]:
        with pytest.raises(ResultError, match=f"field 'v': expected .*, got .*{reason}") as caught:
            give(lambda i, value=value: {"v": value, "n": 1}, hl.dtype(f"struct{{v: {dtype}, n: int32}}")).collect()
        assert dtype in str(caught.value)
        assert caught.value.group.startswith("id=")
        assert caught.value.traceback is None  # no code of the user's is at fault
    table = give(lambda i: {"v": MISFITS[dtype][0][0]}, hl.dtype(f"struct{{v: {dtype}}}"), on_error="column")
    assert [(row.v, "what does not fit" in row.error) for row in table.collect()] == [(None, True)] * 3


def test_missing_parts_of_other_types(hl, give):
    fields = hl.dtype("struct{s: set<int32>, c: call, none: call, l: locus<GRCh37>, cs: array<call>}")
    calls = np.ma.array([[0, 1], [0, 0]], mask=[[False, False], [True, True]])
    row = give(lambda i: ({3, None}, calls[1], [-1, -1], (None, 5), calls), fields).collect()[0]
    assert (row.s, row.c, row.none, row.l) == ({3, None}, None, hl.Call([]), None)
    assert row.cs == [hl.Call([0, 1]), None]


@pytest.mark.parametrize("name", ["é", "中", "a b", "q`x", "a\\xe9", "'"])
def test_names_of_fields(hl, give, name):
    table = give(lambda i: float(i[0]), hl.tstruct(**{name: hl.tfloat64}))
    assert list(table.row) == ["id", name]
    assert table[name].collect() == [0.0, 2.0, 4.0]


def test_names_that_are_taken(hl, numpy_map, cohort):
    with pytest.raises(ArgumentError, match="two columns named 'shrinkage': a global field"):
        numpy_map(lambda w: 1.0, cohort.gene, hl.tstruct(shrinkage=hl.tfloat64), args=dict(w=cohort.weight))
    both = hl.tstruct(**{"a": hl.tlocus("GRCh37"), "a.contig": hl.tstr})
    with pytest.raises(ArgumentError, match=r"two columns named 'a.contig'"):
        numpy_map(lambda w: 1.0, cohort.gene, both, args=dict(w=cohort.weight))


def test_failed_groups(hl, give):
    def fails(i):
        if i[0] == 2:
            raise ValueError("two")
        return float(i[0])

    fields = hl.tstruct(a=hl.tfloat64)
    assert give(fails, fields, on_error="null").a.collect() == [0.0, None, 4.0]
    table = give(fails, fields, on_error="column")
    assert list(table.row) == ["id", "a", "error"]
    rows = table.collect()
    assert [r.a for r in rows] == [0.0, None, 4.0]
    assert rows[0].error is None
    assert "two" in rows[1].error
    with pytest.raises(ArgumentError, match="two columns named 'error'"):
        give(fails, hl.tstruct(error=hl.tstr), on_error="column")


def test_constants(hl, give):
    weights = np.arange(6.0).reshape(2, 3).T

    def function(i, weights, label, scale=1.0):
        assert not weights.flags.writeable
        return float(weights.sum() * i[0] * scale), label

    table = give(function, hl.tstruct(a=hl.tfloat64, s=hl.tstr), consts=dict(weights=weights, label="x", scale=2.0))
    assert [(r.a, r.s) for r in table.collect()] == [(0.0, "x"), (60.0, "x"), (120.0, "x")]
    with pytest.raises(ArgumentError, match="consts"):
        give(lambda i: 1.0, hl.tstruct(a=hl.tfloat64), consts=dict(nothing=1))
    with pytest.raises(ArgumentError, match="in args and in consts"):
        give(lambda i: 1.0, hl.tstruct(a=hl.tfloat64), consts=dict(i=1))


def test_constants_and_globals_together(hl, numpy_map):
    mt = hl.utils.range_matrix_table(4, 3)
    mt = mt.annotate_cols(x=hl.float64(mt.col_idx))

    def function(e, x, w, v):
        return float((e @ x @ w) + v.sum())

    table = numpy_map(
        lambda e, x, w, v: float((e @ x).sum() * w[0, 1] + v.sum()),
        mt.row_idx // 2,
        hl.tstruct(a=hl.tfloat64),
        args=dict(e=hl.float64(mt.row_idx + mt.col_idx), x=mt.x),
        consts=dict(w=np.array([[1.0, 2.0]]), v=np.array([0.25])),
    )
    expected = [sum(2 * sum((r + c) * c for c in range(3)) for r in rows) + 0.25 for rows in ((0, 1), (2, 3))]
    assert table.a.collect() == expected


def test_order_within_a_group(hl, numpy_map, genes):
    def function(t, x):
        return t.tolist(), x.tolist()

    fields = hl.tstruct(ts=hl.tarray(hl.tint32), xs=hl.tarray(hl.tfloat64))
    rows = numpy_map(
        function, genes.gene, fields, args=dict(t=genes.t, x=genes.x), order_by=[hl.desc(genes.t), genes.x]
    )
    expected = {}
    for row in genes.collect():
        expected.setdefault(row.gene, []).append((-row.t, row.x))
    for row in rows.collect():
        assert [(-t, x) for t, x in zip(row.ts, row.xs, strict=True)] == sorted(expected[row.gene])
    missing = genes.annotate(t=hl.or_missing(genes.t % 3 != 0, genes.t))
    for order, sign in ((missing.t, 1), (hl.desc(missing.t), -1)):
        rows = numpy_map(
            lambda t: t.tolist(),
            missing.gene,
            hl.tstruct(t=hl.tarray(hl.tfloat64)),
            args=dict(t=hl.float64(missing.t)),
            order_by=order,
            nan_as_null=True,
        )
        for row in rows.collect():
            present = [t for t in row.t if t is not None]
            assert present == sorted(present, key=lambda t: sign * t)
            assert all(t is None for t in row.t[len(present) :])
