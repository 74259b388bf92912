"""Expressions of Hail to ndarrays, and ndarrays to matrix tables."""

import gc

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from spark_stages import newest_stage, stages

from beringia.errors import ArgumentError, MissingValueError, ResourceError


def entries_of(mt, name):
    """What Hail says they are, by rows."""
    rows = mt.localize_entries("e", "c").key_by().select("e").collect()
    return [[None if entry is None else entry[name] for entry in row.e] for row in rows]


def test_each_index_has_its_axes(bh, hl, cohort):
    mt = cohort.annotate_entries(dosage=hl.float64(cohort.GT.n_alt_alleles()))
    found = bh.to_numpy(
        {
            "dosage": mt.dosage,
            "weight": mt.weight,
            "pheno": mt.pheno,
            "shrinkage": mt.shrinkage,
            "gene": mt.gene,
            "names": mt.names,
        }
    )
    expected = np.array([[np.nan if x is None else x for x in row] for row in entries_of(mt, "dosage")], float)
    assert found["dosage"].dtype == np.float64
    np.testing.assert_array_equal(found["dosage"], expected)
    np.testing.assert_array_equal(found["weight"], mt.weight.collect())
    np.testing.assert_array_equal(found["pheno"], mt.key_cols_by().cols().pheno.collect())
    assert found["shrinkage"] == 2.5
    assert found["gene"].dtype == object
    assert list(found["gene"]) == mt.gene.collect()
    assert list(found["names"]) == ["a", "b"]


def test_what_is_indexed_by_rows_is_computed_in_one_pass(bh, hl, tmp_path):
    mt = hl.utils.range_matrix_table(60, 5, n_partitions=6)
    mt = mt._annotate_all(entry_exprs=dict(x=mt.row_idx * 1.0 + mt.col_idx), row_exprs=dict(s=hl.str(mt.row_idx)))
    mt = mt.checkpoint(str(tmp_path / "entries.mt"))
    before = newest_stage(hl)
    found = bh.to_numpy({"x": mt.x, "twice": mt.x * 2, "s": mt.s, "row": mt.row_idx, "pair": hl.struct(a=mt.x, b=mt.s)})
    assert sum(stage.numTasks() for stage in stages(hl) if stage.stageId() > before) == mt.n_partitions() == 6
    np.testing.assert_array_equal(found["twice"], found["x"] * 2)
    np.testing.assert_array_equal(found["pair"]["a"], found["x"])
    assert found["s"].tolist() == [str(row) for row in found["row"]]


def test_entries_and_fields_of_them_may_be_missing(bh, hl):
    """Anywhere among rows whose length is no multiple of eight, and whatever the fields are called."""
    mt = hl.utils.range_matrix_table(40, 21, n_partitions=3)
    n = mt.row_idx * 21 + mt.col_idx
    mt = mt.annotate_entries(
        x=hl.or_missing(n % 11 != 3, n / 2), __i=hl.or_missing(n % 8 != 7, n), f=hl.float32(n), s=hl.str(n), GT=n
    )
    mt = mt.filter_entries((mt.GT % 13 == 5) | (mt.row_idx == 7), keep=False)
    found = bh.to_numpy(
        {"x": mt.x, "again": mt.x, "i": mt["__i"], "f": mt.f, "y": mt.x + mt.f, "s": mt.s, "row": mt.row_idx},
        missing="mask",
    )
    rows = mt.annotate_entries(y=mt.x + mt.f, i=mt["__i"])
    for name in ("x", "i", "f", "y", "s"):
        expected = entries_of(rows, name)
        assert found[name].shape == (40, 21)
        assert [[None if x is np.ma.masked else x for x in row] for row in found[name]] == expected
    assert found["again"].tolist() == found["x"].tolist()
    assert found["row"].tolist() == list(range(40))


def test_calls_are_alleles_and_missing_ones_an_error_or_a_mask(bh, hl, cohort):
    with pytest.raises(MissingValueError, match=r"call has no NaN.*n_alt_alleles"):
        bh.to_numpy(cohort.GT)
    found = bh.to_numpy(cohort.GT, missing="mask")
    assert found.shape == (300, 120, 2)
    assert found.dtype == np.int8
    for row, alleles in zip(entries_of(cohort, "GT"), found, strict=True):
        for call, pair in zip(row, alleles, strict=True):
            assert pair.mask.all() if call is None else list(pair) == list(call.alleles)
    phased = hl.utils.range_table(3).annotate(c=hl.call(2, 1, phased=True), h=hl.call(3), n=hl.call())
    assert bh.to_numpy([phased.c, phased.h, phased.n])[0].tolist() == [[2, 1]] * 3
    assert bh.to_numpy(phased.h).tolist() == [[3, -1]] * 3
    assert bh.to_numpy(phased.n).tolist() == [[-1, -1]] * 3


def test_missing_values_by_policy(bh, hl):
    ht = hl.utils.range_table(4, 2)
    ht = ht.annotate(
        i=hl.or_missing(ht.idx != 1, ht.idx), x=hl.or_missing(ht.idx != 2, ht.idx / 2), s=hl.or_missing(ht.idx > 0, "a")
    )
    with pytest.raises(MissingValueError, match=r"a value is missing, and int32 has no NaN: pass hl.float64"):
        bh.to_numpy(ht.i)
    np.testing.assert_array_equal(bh.to_numpy(ht.x), [0, 0.5, np.nan, 1.5])
    np.testing.assert_array_equal(bh.to_numpy(hl.float64(ht.i)), [0, np.nan, 2, 3])
    assert bh.to_numpy(ht.s).tolist() == [None, "a", "a", "a"]
    masked = bh.to_numpy(ht.i, missing="mask")
    assert masked.mask.tolist() == [False, True, False, False]
    assert bh.to_numpy(ht.idx, missing="mask").mask.tolist() == [False] * 4
    for expression in (ht.x, ht.s, ht.i):
        with pytest.raises(MissingValueError, match=r"missing='error'"):
            bh.to_numpy(expression, missing="error")


def test_arrays_have_axes_where_all_have_one_length(bh, hl):
    ht = hl.utils.range_table(6, 3)
    ht = ht.annotate(
        even=[hl.float64(ht.idx), 1.0],
        uneven=hl.range(ht.idx),
        by_partition=hl.range(ht.idx // 2),
        gone=hl.or_missing(ht.idx != 3, [1.0, 2.0]),
        deep=[[ht.idx, 1], [2, 3]],
        nd=hl.nd.array([[ht.idx, 1], [2, 3]]),
    )
    assert bh.to_numpy(ht.even).tolist() == [[i, 1] for i in range(6)]
    assert [x.tolist() for x in bh.to_numpy(ht.uneven)] == [list(range(i)) for i in range(6)]
    assert [x.tolist() for x in bh.to_numpy(ht.by_partition)] == [[], [], [0], [0], [0, 1], [0, 1]]
    gone = bh.to_numpy(ht.gone)
    assert gone.shape == (6, 2)
    assert np.isnan(gone).sum() == 2
    assert bh.to_numpy(ht.deep).tolist() == [[[i, 1], [2, 3]] for i in range(6)]
    assert bh.to_numpy(ht.nd).tolist() == [[[i, 1], [2, 3]] for i in range(6)]


def test_lists_may_all_be_empty(bh, hl):
    mt = hl.utils.range_matrix_table(6, 2, n_partitions=3)
    none = hl.empty_array(hl.tfloat64)
    mt = mt._annotate_all(
        row_exprs=dict(gone=hl.or_missing(mt.row_idx > 0, none)),
        entry_exprs=dict(empty=none, by_partition=hl.if_else(mt.row_idx < 2, none, [1.5])),
    )
    assert bh.to_numpy(mt.empty).shape == (6, 2, 0)
    assert bh.to_numpy(mt.gone, missing="mask").shape == (6, 0)
    found = bh.to_numpy(mt.by_partition)
    assert found.shape == (6, 2)
    assert [[item.tolist() for item in row] for row in found] == [[[], []]] * 2 + [[[1.5], [1.5]]] * 4
    bare = hl.utils.range_matrix_table(3, 0)
    assert bh.to_numpy(bare.row_idx + bare.col_idx).shape == (3, 0)


@pytest.mark.parametrize("partitions", [1, 4])
def test_missing_arrays_are_masked_whatever_their_shapes(bh, hl, show, partitions):
    ht = hl.utils.range_table(8, partitions)
    n = ht.idx

    def but(value):
        return hl.or_missing(n % 4 != 1, value)

    ht = ht.annotate(
        lists=but(hl.range(n % 3)),
        texts=but([hl.str(n)]),
        lists_of_lists=but([hl.range(n % 3)]),
        matrices=but(hl.nd.array([[n, 1], [2, 3]])),
        vectors=but(hl.nd.array(hl.range(n % 3))),
        by_partition=but(hl.range(n // 2 % 2)),
    )
    for name in list(ht.row)[1:]:
        found = bh.to_numpy(ht[name], missing="mask")
        assert found.dtype == object and found.mask.tolist() == [i % 4 == 1 for i in range(8)], name
        there = [value for value in ht[name].collect() if value is not None]
        assert list(map(plain, found.compressed())) == list(map(plain, there)), name
        if partitions == 1:
            assert show(ht.idx * 0, ht[name], missing="mask")[0].split(" [")[0] == "masked object(8,)", name
        assert [value is None for value in bh.to_numpy(ht[name])] == [i % 4 == 1 for i in range(8)], name


def plain(value):
    return [plain(item) for item in value] if isinstance(value, (np.ndarray, list)) else value


def test_structs_are_dicts_of_arrays(bh, hl):
    ht = hl.utils.range_table(3, 2)
    ht = ht.annotate(
        s=hl.struct(a=ht.idx, b=hl.tuple(["x", 1.5])),
        locus=hl.locus("1", ht.idx + 1),
        interval=hl.interval(ht.idx, ht.idx + 1),
        d=hl.dict({"k": ht.idx}),
        structs=[hl.struct(u=ht.idx)],
    )
    s = bh.to_numpy(ht.s)
    assert s["a"].tolist() == [0, 1, 2]
    assert [part.tolist() for part in s["b"]] == [["x"] * 3, [1.5] * 3]
    assert bh.to_numpy(ht.locus)["position"].tolist() == [1, 2, 3]
    assert bh.to_numpy(ht.interval)["includes_start"].tolist() == [True] * 3
    assert bh.to_numpy(ht.d)["value"].tolist() == [[0], [1], [2]]
    assert bh.to_numpy(ht.structs)["u"].tolist() == [[0], [1], [2]]
    mt = hl.utils.range_matrix_table(2, 3)
    mt = mt.annotate_entries(e=hl.struct(p=mt.row_idx, q=mt.col_idx))
    assert bh.to_numpy(mt.e)["q"].tolist() == [[0, 1, 2]] * 2


def test_into_arrays_that_are_given(bh, hl, tmp_path):
    mt = hl.utils.range_matrix_table(50, 7, n_partitions=5)
    x = hl.float64(mt.row_idx * 10 + mt.col_idx)
    expected = bh.to_numpy(x)
    out = np.memmap(tmp_path / "x.bin", np.float64, "w+", shape=(50, 7))
    assert bh.to_numpy(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    turned = np.empty((7, 50)).T
    rows = np.empty(50, np.int64)
    bh.to_numpy([x, mt.row_idx], out=[turned, rows])
    np.testing.assert_array_equal(turned, expected)
    np.testing.assert_array_equal(rows, np.arange(50))


@pytest.mark.usefixtures("no_file_stays")
@pytest.mark.parametrize("kind", ["array", "memmap"])
def test_after_an_error_out_has_whole_rows_and_can_be_filled_again(bh, hl, tmp_path, kind):
    """It is the caller's: from the first row on, rows are written whole; the others are what they were."""
    mt = hl.utils.range_matrix_table(50, 7, n_partitions=5)
    x = hl.float64(mt.row_idx * 10 + mt.col_idx)
    expected = bh.to_numpy(x)
    path = tmp_path / "x.bin"
    out = np.memmap(path, np.float64, "w+", shape=(50, 7)) if kind == "memmap" else np.empty((50, 7))
    out[:] = -1
    with pytest.raises(Exception, match="not this row"):
        bh.to_numpy(hl.case().when(mt.row_idx != 33, x).or_error("not this row"), out=out)
    written = (out != -1).all(axis=1).sum()
    assert written <= 30
    np.testing.assert_array_equal(out[:written], expected[:written])
    assert (out[written:] == -1).all()
    assert list(tmp_path.iterdir()) == ([path] if kind == "memmap" else [])
    np.testing.assert_array_equal(bh.to_numpy(x, out=out), expected)


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((49, 7), float, "at least .* and out has the shape"),
        ((51, 7), float, "has 50 rows, and out has 51"),
        ((50, 6), float, r"has rows of shape \(7,\).*out has the shape \(50, 6\)"),
        ((50, 7), np.float32, "values of float64, which float32 of out cannot have"),
    ],
)
def test_arrays_that_do_not_fit(bh, hl, shape, dtype, message):
    mt = hl.utils.range_matrix_table(50, 7, n_partitions=5)
    with pytest.raises(ArgumentError, match=message):
        bh.to_numpy(hl.float64(mt.row_idx), out=np.empty(50, bool)) if len(shape) == 0 else bh.to_numpy(
            hl.float64(mt.row_idx + mt.col_idx), out=np.empty(shape, dtype)
        )


def test_what_is_refused(bh, hl, monkeypatch):
    ht = hl.utils.range_table(4)
    with pytest.raises(ArgumentError, match=r"takes expressions of Hail; expr is a int"):
        bh.to_numpy(1)
    with pytest.raises(ArgumentError, match=r"missing is 'nan', 'mask' or 'error'; got 'zero'"):
        bh.to_numpy(ht.idx, missing="zero")
    with pytest.raises(ArgumentError, match=r"a list or dict of them for a list or dict"):
        bh.to_numpy([ht.idx], out=np.empty(4))
    with pytest.raises(ArgumentError, match=r"goes into no array"):
        bh.to_numpy(hl.str(ht.idx), out=np.empty(4))
    from beringia.hail import tables

    monkeypatch.setattr(tables, "available_bytes", lambda: 1)
    with pytest.raises(ResourceError, match=r"out=, such as a numpy.memmap"):
        bh.to_numpy(ht.idx)


def test_nothing_of_no_rows(bh, hl):
    assert bh.to_numpy(hl.utils.range_table(4).filter(False).idx).shape == (0,)
    assert bh.to_numpy(hl.literal([1.0, 2.0])).tolist() == [1, 2]


# Ndarrays as matrix tables.


def test_arrays_are_entries_as_hails_own_way_gives_them(bh, hl):
    array = np.random.default_rng(1).normal(size=(30, 20))
    ours = bh.from_numpy(array)
    hails = hl.linalg.BlockMatrix.from_numpy(array).to_matrix_table_row_major()
    assert ours.row.dtype == hails.row.dtype
    assert ours.col.dtype == hails.col.dtype
    assert ours.entry.dtype == hails.entry.dtype
    assert list(ours.row_key) == list(hails.row_key)
    assert list(ours.col_key) == list(hails.col_key)
    assert ours.count() == (30, 20)
    np.testing.assert_array_equal(bh.to_numpy(ours.element), array)
    assert ours.entries().collect() == hails.entries().collect()
    assert ours.filter_rows(ours.row_idx == 7).count_rows() == 1


def test_several_arrays_with_rows_and_columns(bh, hl):
    rng = np.random.default_rng(2)
    dosage = np.ma.masked_array(rng.integers(0, 3, (5, 3), np.int8), rng.random((5, 3)) < 0.3)
    probability = np.asfortranarray(rng.random((5, 3), np.float32))
    ht = hl.utils.range_table(5)
    rows = ht.annotate(locus=hl.locus("1", ht.idx + 1), alleles=["A", "T"]).key_by("locus", "alleles").select("idx")
    cols = pd.DataFrame({"sample": list("abc"), "age": [30.5, 40, 50]})
    mt = bh.from_numpy({"dosage": dosage, "probability": probability}, rows=rows, cols=cols)
    assert str(mt.entry.dtype) == "struct{dosage: int32, probability: float32}"
    assert list(mt.row_key) == ["locus", "alleles"]
    assert list(mt.col_key) == ["col_idx"]
    assert mt.sample.collect() == list("abc")
    assert mt.idx.collect() == list(range(5))
    found = bh.to_numpy(mt.dosage, missing="mask")
    np.testing.assert_array_equal(found.mask, dosage.mask)
    np.testing.assert_array_equal(found[~found.mask], dosage[~dosage.mask])
    np.testing.assert_array_equal(bh.to_numpy(mt.probability), probability)


@pytest.mark.parametrize("dtype", [">f8", ">i2", ">f4", ">i8"])
def test_arrays_of_the_other_byte_order_are_the_same_entries(bh, hl, dtype):
    array = np.ma.masked_equal(np.arange(6).reshape(2, 3), 4).astype(dtype)
    found = bh.to_numpy(bh.from_numpy(array).element, missing="mask")
    assert found.tolist() == [[0, 1, 2], [3, None, 5]]


def test_columns_of_a_table_keep_its_key(bh, hl):
    cols = bh.from_pandas(pd.DataFrame({"s": ["a", "b"], "case": [True, False]}), key="s")
    mt = bh.from_numpy(np.eye(2), rows=pa.table({"w": [1.5, 2.5]}), cols=cols)
    assert list(mt.col_key) == ["s"]
    assert list(mt.row_key) == ["row_idx"]
    assert mt.cols().collect() == cols.collect()
    assert mt.w.collect() == [1.5, 2.5]
    assert mt.aggregate_entries(hl.agg.sum(mt.element)) == 2


@pytest.mark.parametrize(
    ("entries", "options", "message"),
    [
        (np.zeros(3), {}, r"element is to be an ndarray of two axes.*shape \(3,\)"),
        ([[1.0]], {}, "got a list"),
        (np.array([["a"]]), {}, "has dtype <U1, and entries are integers, floats or booleans"),
        (np.zeros((2, 2), np.uint64), {}, "cast it to int64"),
        (np.zeros((2, 2), ">u8"), {}, "cast it to int64"),
        ({}, {}, "entries is empty"),
        ({"a": np.zeros((2, 2)), "b": np.zeros((2, 3))}, {}, r"a has the shape \(2, 2\), and b \(2, 3\)"),
        (np.zeros((2, 3)), {"rows": pd.DataFrame({"x": [1]})}, r"2 rows \(axis 0\), and rows has 1"),
        (np.zeros((2, 3)), {"cols": pa.table({"x": [1]})}, r"3 cols \(axis 1\), and cols has 1"),
        ({"x": np.zeros((1, 1))}, {"rows": pd.DataFrame({"x": [1]})}, "entries and another axis have a field 'x'"),
        (
            np.zeros((1, 1)),
            {"rows": pd.DataFrame({"s": [1]}), "cols": pd.DataFrame({"s": [1]})},
            "rows and cols both have a field 's'",
        ),
        (np.zeros((1, 1)), {"rows": pd.DataFrame({"row_idx": [1]})}, "has a field 'row_idx'"),
        (np.zeros((1, 1)), {"rows": 5}, "rows is a frame or a Table of Hail; got int"),
    ],
)
def test_arrays_that_are_no_matrix(bh, entries, options, message):
    with pytest.raises(ArgumentError, match=message):
        bh.from_numpy(entries, **options)
    gc.collect()
