"""What becomes of missing values, in rows, entries, columns and globals."""

import numpy as np
import pytest

from beringia.errors import MissingValueError


@pytest.fixture(scope="module")
def two(hl):
    return hl.utils.range_table(4, 2).annotate(g=0)


def test_entries_have_rows_and_columns_whatever_is_missing(hl, numpy_map):
    mt = hl.utils.range_matrix_table(4, 3)
    i, j = mt.row_idx, mt.col_idx
    there = (i != 1) & (i + j != 4)
    entries = {
        "str": hl.or_missing(there, hl.str(i + j)),
        "array": hl.or_missing(there, [0.5, hl.float64(i), hl.float64(j)]),
        "ragged": hl.range(j + 0 * i).map(lambda k: hl.float64(k)),
        "locus": hl.locus("1", 10 * i + j + 1, reference_genome="GRCh37"),
        "nd": hl.nd.array([hl.float64(i), hl.float64(j)]),
    }

    def shapes(**x):
        parts = {**x, "contig": x["locus"]["contig"], "position": x["locus"]["position"]}
        del parts["locus"]
        assert x["str"].tolist() == [["0", "1", "2"], [None] * 3, ["2", "3", None], ["3", None, "5"]]
        gaps = [[item is None for item in row] for row in x["array"]]
        assert gaps == [[False] * 3, [True] * 3, [False, False, True], [False, True, False]]
        assert x["ragged"][0, 2].tolist() == [0.0, 1.0]
        assert x["nd"][3, 2].tolist() == [3.0, 2.0]
        return {name: list(part.shape) for name, part in parts.items()}

    fields = hl.tstruct(
        **{name: hl.tarray(hl.tint32) for name in ("str", "array", "ragged", "nd", "contig", "position")}
    )
    table = numpy_map(shapes, hl.int32(i) * 0, fields, args=entries, order_by=i)
    (row,) = table.collect()
    assert row.drop("id") == hl.Struct(
        str=[4, 3], array=[4, 3], ragged=[4, 3], nd=[4, 3, 2], contig=[4, 3], position=[4, 3]
    )


@pytest.mark.parametrize("policy", ["nan", "mask"])
def test_entries_of_ragged_and_missing_arrays_have_two_axes(hl, numpy_map, policy):
    mt = hl.utils.range_matrix_table(4, 3)
    i, j = mt.row_idx, mt.col_idx
    there = (i != 1) & (i + j != 4)
    entries = {
        "array": hl.or_missing(there, [hl.float64(i), hl.float64(j)]),
        "ragged": hl.or_missing(there, hl.range(i).map(lambda k: hl.float64(k + j))),
        "nd": hl.or_missing(there, hl.nd.array([hl.float64(i), hl.float64(j)])),
        "calls": hl.or_missing(there, hl.range(i).map(lambda k: hl.call(0, 1))),
    }

    def look(**x):
        for part in x.values():
            assert part.shape[:2] == (4, 3)
            alone = [[item is None for item in row] for row in part]
            absent = np.ma.getmaskarray(part) if policy == "mask" else np.array(alone)
            if absent.ndim == 2:
                assert absent.tolist() == [[False] * 3, [True] * 3, [False, False, True], [False, True, False]]
        return 1.0

    table = numpy_map(look, i * 0, hl.tstruct(s=hl.tfloat64), args=entries, order_by=i, missing=policy)
    assert table.s.collect() == [1.0]


def test_a_missing_array_is_none_whatever_the_others_of_its_group_are(hl, numpy_map):
    """Depths of alleles: as many for each variant as it has alleles, and none for a sample that was not called."""
    mt = hl.utils.range_matrix_table(3, 3)
    depths = hl.range(1 + mt.row_idx).map(hl.float64)
    entries = {
        "alike": hl.or_missing(mt.col_idx != 1, depths),
        "ragged": hl.or_missing(mt.col_idx != 1, hl.range(mt.row_idx + mt.col_idx).map(hl.float64)),
        "none": hl.or_missing(mt.col_idx > 5, depths),
    }

    def absent(**x):
        return [",".join(str(item is None) for item in part[0]) for part in x.values()]

    table = numpy_map(absent, mt.row_idx, hl.tstruct(s=hl.tarray(hl.tstr)), args=entries)
    assert table.s.collect() == [["False,True,False", "False,True,False", "True,True,True"]] * 3


def test_ndarrays_may_be_missing_or_without_axes(hl, show, two):
    some = hl.or_missing(two.idx != 1, hl.nd.array([hl.float64(two.idx)]))
    assert "None" in show(two.g, some)[0]
    assert show(two.g, some, missing="mask")[0].startswith("masked object(4,)")
    assert show(two.g, hl.nd.array(hl.float64(two.idx)))[0].startswith("float64(4,)")


def test_missing_values_of_columns_and_globals(hl, numpy_map, cohort):
    number = hl.or_missing(cohort.pheno > 0, 1)
    for x in (number, hl.missing(hl.tint32)):
        with pytest.raises(MissingValueError, match=r"argument 'x' has a missing value.*hl.float64"):
            numpy_map(lambda x: 1.0, cohort.gene, "struct{s: float64}", args=dict(x=x)).collect()
        table = numpy_map(lambda x: 1.0, cohort.gene, "struct{s: float64}", args=dict(x=x), on_error="column")
        assert all("argument 'x' has a missing value" in error for error in table.error.collect())


def test_missing_values(hl, show):
    ht = hl.utils.range_table(20, 1)
    key = ht.idx * 0
    x = hl.or_missing(ht.idx % 3 != 1, hl.float64(ht.idx))
    [text] = show(key, x)
    assert text.startswith("float64(20,) [0.0, nan, 2.0, 3.0, nan")
    [text] = show(key, x, missing="mask")
    assert text.startswith("masked float64(20,) [0.0, None, 2.0, 3.0, None")
    with pytest.raises(MissingValueError, match="missing='error'"):
        show(key, x, missing="error")
    with pytest.raises(MissingValueError) as caught:
        show(key, hl.or_missing(ht.idx > 3, ht.idx))
    assert caught.value.group == "id=0"
    [text] = show(key, hl.or_missing(ht.idx > 0, [hl.float64(ht.idx), 1.0]))
    assert text.startswith("object(20,) [None, float64(2,) [1.0, 1.0]")
    [text] = show(key, hl.or_missing(ht.idx > 1, hl.str(ht.idx)))
    assert text.startswith("object(20,) [None, None, '2'")
    [text] = show(key, [hl.or_missing(ht.idx % 2 == 0, 1.0), 2.0, hl.or_missing(ht.idx % 5 == 0, 3.0)])
    assert text.startswith("float64(20, 3) [[1.0, 2.0, 3.0], [nan, 2.0, nan], [1.0, 2.0, nan]")


def test_validity_across_arrays_of_any_length(hl, numpy_map):
    """Missing bits of one array after another, at every position within a byte."""
    ht = hl.utils.range_table(200, 3)
    ht = ht.annotate(a=hl.range(ht.idx % 23).map(lambda i: hl.or_missing((i * 7 + ht.idx) % 5 != 0, hl.float64(i))))
    result = numpy_map(
        lambda a: [np.array([np.isnan(v).sum(), np.nansum(v)]) for v in a],
        ht.idx // 50,
        hl.tstruct(found=hl.tarray(hl.tarray(hl.tfloat64))),
        args=dict(a=ht.a),
        order_by=ht.idx,
    )
    found = [pair for row in result.collect() for pair in row.found]
    for i, pair in enumerate(found):
        values = [j for j in range(i % 23) if (j * 7 + i) % 5 != 0]
        assert pair == [i % 23 - len(values), sum(values)]


def test_validity_across_arrays_of_structs(hl, numpy_map):
    """Structs that are missing, and fields that are missing in them, in arrays of every length."""
    ht = hl.utils.range_table(200, 3)

    def value(i, j):
        struct = hl.struct(
            wide=hl.or_missing((i + j) % 3 != 0, hl.float64(i * 100 + j)),
            narrow=hl.float32(j),
            call=hl.or_missing((i * j) % 5 != 1, hl.call(j % 2, 1)),
            text=hl.or_missing(j % 4 != 1, hl.str(i + j)),
        )
        return hl.or_missing((i * 7 + j) % 6 != 0, struct)

    ht = ht.annotate(a=hl.range(ht.idx % 23).map(lambda j: value(ht.idx, j)))

    def texts(a):
        return [repr([np.ma.asarray(part[row]).tolist() for part in a.values()]) for row in range(len(a["wide"]))]

    result = numpy_map(
        texts,
        ht.idx // 50,
        hl.tstruct(found=hl.tarray(hl.tstr)),
        args=dict(a=ht.a),
        order_by=ht.idx,
        missing="mask",
    )
    found = [text for row in result.collect() for text in row.found]
    for i, text in enumerate(found):
        there = [(i * 7 + j) % 6 != 0 for j in range(i % 23)]
        calls = [[j % 2, 1] if is_there and (i * j) % 5 != 1 else None for j, is_there in enumerate(there)]
        expected = [
            [i * 100.0 + j if is_there and (i + j) % 3 else None for j, is_there in enumerate(there)],
            [float(j) if is_there else None for j, is_there in enumerate(there)],
            [[None, None] if call is None else sorted(call) for call in calls],
            [str(i + j) if is_there and j % 4 != 1 else None for j, is_there in enumerate(there)],
        ]
        assert text == repr(expected)
