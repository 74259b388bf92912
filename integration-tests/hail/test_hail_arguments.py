"""What a function sees of Hail's types."""

import numpy as np
import pytest
from argument_text import seen

from beringia.errors import ArgumentError, GroupError, MissingValueError


def test_numbers_booleans_and_strings(hl, show):
    ht = hl.utils.range_table(4, 2)
    key = ht.idx // 2
    assert show(key, ht.idx) == ["int32(2,) [0, 1]", "int32(2,) [2, 3]"]
    assert show(key, hl.int64(ht.idx)) == ["int64(2,) [0, 1]", "int64(2,) [2, 3]"]
    assert show(key, hl.float32(ht.idx)) == ["float32(2,) [0.0, 1.0]", "float32(2,) [2.0, 3.0]"]
    assert show(key, hl.float64(ht.idx)) == ["float64(2,) [0.0, 1.0]", "float64(2,) [2.0, 3.0]"]
    assert show(key, ht.idx % 2 == 0) == ["bool(2,) [True, False]"] * 2
    assert show(key, hl.str(ht.idx)) == ["object(2,) ['0', '1']", "object(2,) ['2', '3']"]


def test_arrays_are_stacked_where_they_have_one_length(hl, show):
    ht = hl.utils.range_table(3, 1)
    key = ht.idx * 0
    assert show(key, [ht.idx, ht.idx + 1]) == ["int32(3, 2) [[0, 1], [1, 2], [2, 3]]"]
    assert show(key, hl.range(ht.idx)) == ["object(3,) [int32(0,) [], int32(1,) [0], int32(2,) [0, 1]]"]
    assert show(key, [[ht.idx, 1], [2, 3]]) == ["int32(3, 2, 2) [[[0, 1], [2, 3]], [[1, 1], [2, 3]], [[2, 1], [2, 3]]]"]
    assert show(key, hl.nd.array([[ht.idx, 1, 2], [3, 4, 5]])) == [
        "int32(3, 2, 3) [[[0, 1, 2], [3, 4, 5]], [[1, 1, 2], [3, 4, 5]], [[2, 1, 2], [3, 4, 5]]]"
    ]
    transposed = show(key, hl.nd.array([[ht.idx, 1], [3, 4]]).T)
    assert transposed == ["int32(3, 2, 2) [[[0, 3], [1, 4]], [[1, 3], [1, 4]], [[2, 3], [1, 4]]]"]
    ragged = hl.nd.arange(ht.idx + 1)
    assert show(key, ragged) == ["object(3,) [int32(1,) [0], int32(2,) [0, 1], int32(3,) [0, 1, 2]]"]


def test_structs_tuples_sets_dicts_loci_and_intervals(hl, show):
    ht = hl.utils.range_table(2, 1)
    key = ht.idx * 0
    assert show(key, hl.struct(a=ht.idx, b=hl.str(ht.idx))) == ["{a: int32(2,) [0, 1], b: object(2,) ['0', '1']}"]
    assert show(key, (ht.idx, hl.bool(ht.idx))) == ["(int32(2,) [0, 1], bool(2,) [False, True])"]
    assert show(key, hl.set([ht.idx, 7])) == ["int32(2, 2) [[0, 7], [1, 7]]"]
    assert show(key, hl.dict({"a": ht.idx})) == [
        "{key: object(2,) [object(1,) ['a'], object(1,) ['a']], value: int32(2, 1) [[0], [1]]}"
    ]
    locus = hl.locus("1", ht.idx + 5)
    assert show(key, locus) == ["{contig: object(2,) ['1', '1'], position: int32(2,) [5, 6]}"]
    found = show(key, hl.interval(ht.idx, ht.idx + 2))
    assert found == [
        "{start: int32(2,) [0, 1], end: int32(2,) [2, 3], includes_start: bool(2,) [True, True], "
        "includes_end: bool(2,) [False, False]}"
    ]
    intervals = show(key, hl.locus_interval("1", 1, ht.idx + 5))
    assert "start: {contig" in intervals[0]
    assert show(key, [hl.struct(a=ht.idx), hl.struct(a=1)]) == ["{a: int32(2, 2) [[0, 1], [1, 1]]}"]


def test_calls_are_their_alleles(hl, show):
    ht = hl.utils.range_table(1)
    ht = ht.annotate(
        c=[hl.call(0, 1), hl.call(1, 1), hl.call(2, 1, phased=True), hl.call(0, 0), hl.call(3), hl.call(4, 7)]
    ).explode("c")
    assert show(ht.idx, ht.c) == ["int8(6, 2) [[0, 1], [1, 1], [2, 1], [0, 0], [3, -1], [4, 7]]"]
    missing = ht.annotate(c=hl.or_missing(ht.c.ploidy == 2, ht.c))
    assert show(missing.idx, missing.c, missing="mask") == [
        "masked int8(6, 2) [[0, 1], [1, 1], [2, 1], [0, 0], [None, None], [4, 7]]"
    ]
    with pytest.raises(MissingValueError, match="idx=0"):
        show(missing.idx, missing.c)
    assert show(missing.idx, hl.float64(missing.c.n_alt_alleles())) == ["float64(6,) [1.0, 2.0, 2.0, 0.0, nan, 2.0]"]


def test_values_are_the_same_whether_rows_are_shuffled_or_not(hl, show):
    """They go from a region to the worker, or to bytes and from there."""
    ht = hl.utils.range_table(12, 3)
    i, x = ht.idx, hl.float64(ht.idx)
    there = i % 4 != 1
    matrix = hl.nd.array([[x, 1.0, 2.0], [3.0, x, 5.0]])
    values = dict(
        struct=hl.or_missing(there, hl.struct(a=hl.str(i), b=(x, hl.or_missing(there, "t")))),
        structs=hl.range(i % 3).map(lambda k: hl.struct(k=hl.float64(k), s=hl.str(k))),
        locus=hl.locus("1", i + 1),
        interval=hl.interval(x, hl.or_missing(there, x + 1)),
        set=hl.set([x, 0.5]),
        dict=hl.dict({"k": x, "l": x + 1}),
        call=hl.call(0, i),
        calls=[hl.call(i, 1, phased=True)],
        matrix=matrix,
        transposed=matrix.T,
        part=matrix[:, ::2],
        bools=hl.nd.array([i > 3, i > 7]),
        scalar=hl.or_missing(there, hl.nd.array(x)),
        empty=hl.nd.zeros((0, 2)),
    )
    for name, value in values.items():
        table = ht.annotate(g=i % 3, i=i, value=value)
        lies = table.key_by("g")
        found = show(table.g, table.value, order_by=table.i)
        assert found == show(lies.g, lies.value, order_by=lies.i), name
        assert len(found) == 3
    [text] = show(i * 0, matrix.T, order_by=i)
    assert text.startswith(
        "float64(12, 3, 2) [[[0.0, 3.0], [1.0, 0.0], [2.0, 5.0]], [[1.0, 3.0], [1.0, 1.0], [2.0, 5.0]]"
    )
    [text] = show(i * 0, matrix[:, ::2], order_by=i)
    assert text.startswith("float64(12, 2, 2) [[[0.0, 2.0], [3.0, 5.0]], [[1.0, 2.0], [3.0, 5.0]]")


def test_a_key_comes_as_a_scalar(hl, numpy_map):
    ht = hl.utils.range_table(4, 2)
    ht = ht.annotate(locus=hl.locus("1", ht.idx // 2 + 1), s=hl.or_missing(ht.idx > 1, "s"))
    result = numpy_map(
        lambda locus, s, i: seen(locus, s, i),
        [ht.locus, ht.s],
        hl.tstruct(text=hl.tstr),
        args=dict(locus=ht.locus, s=ht.s, i=ht.idx),
    )
    assert list(result.key) == ["locus", "s"]
    assert result.key.dtype == hl.tstruct(locus=hl.tlocus("GRCh37"), s=hl.tstr)
    assert result.text.collect() == [
        "{contig: '1', position: int32 1}; None; int32(2,) [0, 1]",
        "{contig: '1', position: int32 2}; 's'; int32(2,) [2, 3]",
    ]


def test_entries_columns_and_globals(hl, numpy_map, cohort):
    mt = cohort.head(6, 4)

    def function(G, dosage, pheno, names, shrinkage, weight, case):
        assert G.shape == (6, 4, 2)
        assert dosage.shape == (6, 4)
        assert pheno.shape == (4,)
        assert pheno.dtype == np.float64
        assert not pheno.flags.writeable
        assert list(names) == ["a", "b"]
        assert shrinkage == 2.5
        assert weight.shape == (6,)
        assert case.dtype == bool
        return float(np.ma.sum(G)), float(np.nansum(dosage)), float(pheno.sum())

    result = numpy_map(
        function,
        hl.dict({"a": mt.shrinkage}),
        hl.tstruct(a=hl.tfloat64, b=hl.tfloat64, c=hl.tfloat64),
        args=dict(G=mt.GT, dosage=hl.float64(mt.GT.n_alt_alleles()), pheno=mt.pheno, case=mt.case),
        missing=dict(G="mask"),
    )
    assert list(result.key) == ["id"]
    row = result.collect()[0]
    assert row.a == row.b
    assert row.c == pytest.approx(sum(mt.pheno.collect()))
    assert result.globals.dtype == mt.globals.dtype


def test_columns_of_all_types(hl, numpy_map):
    mt = hl.utils.range_matrix_table(2, 3)
    mt = mt.annotate_cols(
        i=mt.col_idx,
        x=hl.or_missing(mt.col_idx > 0, hl.float64(mt.col_idx)),
        s=hl.str(mt.col_idx),
        a=[mt.col_idx, 1],
        st=hl.struct(u=mt.col_idx, v=[hl.str("w")]),
        c=hl.call(0, mt.col_idx),
    )
    result = numpy_map(
        lambda **k: seen(**k),
        mt.row_idx * 0,
        "struct{text: str}",
        args=dict(i=mt.i, x=mt.x, s=mt.s, a=mt.a, st=mt.st, c=mt.c),
    )
    assert result.text.collect() == [
        "int32(3,) [0, 1, 2]; float64(3,) [nan, 1.0, 2.0]; object(3,) ['0', '1', '2']; "
        "int32(3, 2) [[0, 1], [1, 1], [2, 1]]; {u: int32(3,) [0, 1, 2], v: object(3,) "
        "[object(1,) ['w'], object(1,) ['w'], object(1,) ['w']]}; "
        "int8(3, 2) [[0, 0], [0, 1], [0, 2]]"
    ]


def test_what_is_the_same_for_all_groups_cannot_be_changed_by_one(hl, numpy_map, cohort):
    """Whatever an argument is made of: it is passed once, and shown to every call."""
    mt = cohort
    arguments = dict(flags=mt.pheno > 0, text=hl.str(mt.pheno), floats=hl.or_missing(mt.pheno > 0, mt.pheno))
    for name, expression in arguments.items():

        def flip(x, name=name):
            x[:] = x[::-1]

        with pytest.raises(GroupError, match="read-only"):
            numpy_map(flip, mt.block, hl.tstruct(n=hl.tint32), args=dict(x=expression)).collect()

    def clear(x):
        n = len(x)
        x.clear()
        return n

    assert set(numpy_map(clear, mt.block, hl.tstruct(n=hl.tint32), args=dict(x=mt.bn)).n.collect()) == {len(mt.bn)}

    def mask(x):
        x[0] = np.ma.masked
        return int(np.ma.getmaskarray(x).sum())

    fields = hl.tstruct(n=hl.tint32)
    assert set(numpy_map(mask, mt.block, fields, args=dict(x=mt.pheno), missing="mask").n.collect()) == {1}
    gaps = hl.or_missing(mt.age > 21, mt.age)
    with pytest.raises(GroupError, match="read-only"):
        numpy_map(mask, mt.block, fields, args=dict(x=gaps), missing="mask").collect()


def test_what_is_random_or_a_scan_differs_by_row(hl, numpy_map, cohort):
    ht = hl.utils.range_table(12, 3)
    fields = hl.tstruct(n=hl.tint32)
    for x in (hl.rand_unif(0, 1), hl.scan.count(), hl.scan.sum(ht.idx + 1)):
        assert numpy_map(lambda x: len(set(x.tolist())), ht.idx % 3, fields, args=dict(x=x)).n.collect() == [4] * 3
    args = dict(x=hl.rand_unif(0, 1), G=cohort.GT.n_alt_alleles() * 1.0)
    assert all(numpy_map(lambda x, G: len(set(x)) == len(G), cohort.gene, "struct{ok: bool}", args=args).ok.collect())


def test_refusals_in_hails_words(hl, numpy_map, cohort):
    ht, other, mt = hl.utils.range_table(3), hl.utils.range_table(3), cohort
    fields = hl.tstruct(a=hl.tfloat64)
    with pytest.raises(hl.ExpressionException, match="source mismatch"):
        numpy_map(np.sum, ht.idx, fields, args=dict(a=other.idx))
    with pytest.raises(hl.ExpressionException, match="source mismatch"):
        numpy_map(lambda x: x, ht.idx, fields, args=dict(x=other.idx))
    with pytest.raises(hl.ExpressionException, match="scope"):
        numpy_map(lambda x: x, mt.pheno, fields, args=dict(x=mt.GT))
    with pytest.raises(hl.ExpressionException, match=r"[Aa]ggregation"):
        numpy_map(lambda x: x, ht.idx, fields, args=dict(x=hl.agg.sum(ht.idx)))
    with pytest.raises(ArgumentError, match="consts"):
        numpy_map(lambda x: x, ht.idx, fields, args=dict(x=3.0))
    with pytest.raises(ArgumentError, match="columns are idx"):
        numpy_map(lambda nothing: 1.0, ht.idx, fields)
    with pytest.raises(ArgumentError, match="name its fields"):
        numpy_map(lambda idx: 1.0, ht.idx, hl.tfloat64)
    with pytest.raises(ArgumentError, match="two columns named 'idx'"):
        numpy_map(lambda idx: 1.0, ht.idx, hl.tstruct(idx=hl.tint32))
    with pytest.raises(TypeError, match="numpy_map"):
        numpy_map("f", ht.idx, fields)
    with pytest.raises(ArgumentError, match="without a source"):
        numpy_map(lambda idx: 1.0, "idx", fields)
    with pytest.raises(ArgumentError, match="no field 'nothing'"):
        numpy_map(lambda idx: 1.0, ["nothing"], fields, args=dict(idx=ht.idx))
    with pytest.raises(ArgumentError, match="got 3"):
        numpy_map(lambda idx: 1.0, 3, fields, args=dict(idx=ht.idx))
    with pytest.raises(ArgumentError, match="no order of ndarray"):
        numpy_map(lambda idx: 1.0, hl.nd.array([ht.idx]), fields, args=dict(idx=ht.idx))
    with pytest.raises(ArgumentError, match="pass expressions in args"):
        numpy_map(lambda idx, c: 1.0, ht.idx, fields, consts=dict(c=hl.literal(3)))


def test_a_failure_names_the_group_as_hail_prints_it(hl, numpy_map, cohort):
    def fails(G):
        raise ValueError("far too rare")

    with pytest.raises(GroupError, match="far too rare") as caught:
        numpy_map(fails, cohort.row_key, hl.tstruct(a=hl.tfloat64), args=dict(G=cohort.pheno)).collect()
    first = cohort.rows().head(400).collect()
    assert caught.value.group in {f'locus={r.locus}, alleles=["A","C"]' for r in first}
    assert caught.value.group in str(caught.value)
    assert 'raise ValueError("far too rare")' in caught.value.traceback
