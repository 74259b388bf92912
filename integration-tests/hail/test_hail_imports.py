"""Data of Arrow and pandas to tables of Hail: their types, what bad input gets, and what is left of it."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
from spark_stages import checked
from test_hail_frames import same

from beringia.errors import ArgumentError


def test_numbers_of_arrow_become_the_type_that_has_them(bh, hl):
    table = pa.table(
        {
            "i8": pa.array([1, None], pa.int8()),
            "u16": pa.array([1, 2], pa.uint16()),
            "u32": pa.array([1, 1 << 31], pa.uint32()),
            "f16": pa.array(np.array([0.5, 2], np.float16)),
            "text": pa.array(["a", None], pa.string()),
            "coded": pa.array(["a", "b"]).dictionary_encode(),
            "list": pa.array([[1.5, None], None], pa.list_(pa.float64())),
            "fixed": pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2)),
            "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int32())),
            "struct": pa.array([{"x": 1, "y": "a"}, None]),
        }
    )
    ht = bh.from_arrow(table)
    assert str(ht.row.dtype) == (
        "struct{i8: int32, u16: int32, u32: int64, f16: float32, text: str, coded: str, list: array<float64>, "
        "fixed: array<int64>, map: dict<str, int32>, struct: struct{x: int64, y: str}}"
    )
    rows = ht.collect()
    assert rows[0] == hl.Struct(
        i8=1, u16=1, u32=1, f16=0.5, text="a", coded="a", list=[1.5, None], fixed=[1, 2], map={"a": 1},
        struct=hl.Struct(x=1, y="a"),
    )  # fmt: skip
    assert rows[1] == hl.Struct(
        i8=None, u16=2, u32=1 << 31, f16=2.0, text=None, coded="b", list=None, fixed=[3, 4], map={}, struct=None
    )


def test_slices_and_batches_and_other_libraries(bh, hl):
    table = pa.table({"x": pa.array(range(100)), "y": pa.array([[i] for i in range(100)])})
    batches = table.slice(10, 50).to_batches(max_chunksize=7)
    for given in (
        table.slice(10, 50),
        iter(batches),
        batches,
        pa.RecordBatchReader.from_batches(table.schema, batches),
    ):
        ht = bh.from_arrow(given)
        assert ht.x.collect() == list(range(10, 60))
        assert ht.y.collect() == [[i] for i in range(10, 60)]
    polars = pytest.importorskip("polars")
    assert bh.from_arrow(polars.DataFrame({"a": ["x", None]})).a.collect() == ["x", None]
    assert bh.from_arrow(pd.DataFrame({"a": [1.5]})).a.collect() == [1.5]
    duckdb = pytest.importorskip("duckdb")
    found = bh.from_arrow(
        duckdb.sql("select i::int as i, i / 2 as x, [i::text, null] as s from range(3000) t(i) where i >= 10"), key="i"
    )
    assert str(found.row.dtype) == "struct{i: int32, x: float64, s: array<str>}"
    assert found.collect() == [hl.Struct(i=i, x=i / 2, s=[str(i), None]) for i in range(10, 3000)]


def test_plain_forms_become_what_types_says(bh, hl):
    table = pa.table(
        {
            "a": ["1:10", None],
            "b": [{"contig": "chr1", "position": 5}, None],
            "c": pa.array([[1, 0], None]),
            "d": pa.array([[2], []], pa.list_(pa.int8())),
            "e": [{"alleles": [2, 1], "phased": True}, None],
            "f": [{"start": 1, "end": 2}, None],
            "g": [["x", "x"], None],
            "h": [[1.5, 2.5], None],
            "i": [1, 2],
        }
    )
    types = {
        "a": hl.tlocus("GRCh37"), "b": "locus<GRCh38>", "c": hl.tcall, "d": hl.tcall, "e": hl.tcall,
        "f": hl.tinterval(hl.tint32), "g": hl.tset(hl.tstr), "h": hl.tndarray(hl.tfloat64, 1), "i": hl.tfloat64,
    }  # fmt: skip
    rows = bh.from_arrow(table, types=types).collect()
    assert rows[0].a == hl.Locus("1", 10, "GRCh37")
    assert rows[0].b == hl.Locus("chr1", 5, "GRCh38")
    assert [rows[0].c, rows[0].d, rows[1].d] == [hl.Call([0, 1]), hl.Call([2]), hl.Call([])]
    assert rows[0].e == hl.Call([2, 1], phased=True)
    assert rows[0].f == hl.Interval(1, 2)
    assert rows[0].g == {"x"}
    assert rows[0].h.tolist() == [1.5, 2.5]
    assert rows[1] == hl.Struct(a=None, b=None, c=None, d=hl.Call([]), e=None, f=None, g=None, h=None, i=2.0)


@pytest.mark.usefixtures("no_file_stays")
@pytest.mark.parametrize(
    ("values", "wanted", "message"),
    [
        (pa.array([1], pa.timestamp("us")), None, r"column x has type timestamp\[us\].*cast it to int64"),
        (pa.array([1], pa.uint64()), None, r"has type uint64.*hl.tint64"),
        (pa.array([b"a"]), None, "has type binary.*cast it to string"),
        (pa.array([None]), None, "nothing but missing values: give it one, types="),
        (pa.array([1 << 40]), "int32", "'x': int64 does not become int32"),
        (pa.array([1.5]), "int32", "'x': double does not become int32"),
        (pa.array([1.0, 0.1]), "float32", "'x', row 1: 0.1 is no float32 exactly: cast it, or see types="),
        (pa.array([1, 0, 2]), "bool", "'x', row 2: 2 is no bool exactly"),
        (pa.array([1.0, 0.5]), "bool", "'x', row 1: 0.5 is no bool exactly"),
        (pa.array([np.nan]), "bool", "'x', row 0: nan is no bool exactly"),
        (pa.array([[1.0], [0.5]]), "array<bool>", r"'x'\[\], row 1: 0.5 is no bool exactly"),
        (pa.array([Decimal("123456789012345678.5")]), "float64", r"'x', row 0: Decimal\(.* is no float64 exactly"),
        (pa.array([Decimal("0.5"), Decimal("0.123456789")]), "float32", "'x', row 1: .* is no float32 exactly"),
        (pa.array([Decimal("9" * 20)]), "float64", r"'x': decimal128\(20, 0\) does not become float64"),
        (pa.array(["0.1", "1e300"]), "float32", "'x', row 1: '1e300' is too large for float32"),
        (pa.array(["1e400"]), "float64", "'x', row 0: '1e400' is too large for float64"),
        (pa.array([-1]), "call", "'x': int64 does not become call: Integer value -1"),
        (pa.array([-8], pa.int8()), "call", "'x': int8 does not become call: Integer value -8"),
        (pa.array([[1, 2, 3]]), "call", "row 0: .* more than two alleles"),
        (pa.array([[0, -1]]), "call", "row 0: -1 is no allele"),
        (pa.array([6], pa.uint32()), "call", "its ploidy is 3"),
        (pa.array(["1:1", "chr1:5"]), "locus<GRCh37>", "row 1: .*'chr1'.* is on no contig of GRCh37"),
        (pa.array(["1:1", "1:999999999"]), "locus<GRCh37>", "row 1: .* is outside of its contig in GRCh37"),
        (pa.array(["here"]), "locus<GRCh37>", "row 0: 'here' is no locus: expected contig:position"),
        (pa.array([None, [["1:1"], ["2:x"]]]), "array<array<locus<GRCh37>>>", r"x'\[\]\[\], row 1: '2:x' is no locus"),
        (pa.array([{"contig": "1", "position": None}]), "locus<GRCh37>", "row 0: .* has no position"),
        (
            pa.array([[1.0, None]]),
            "ndarray<float64, 1>",
            "row 0: None is missing, and nothing is missing in an ndarray",
        ),
        (pa.array([{"shape": [2, 2], "data": [1.0]}]), "ndarray<float64, 2>", "row 0: .* another number of elements"),
        (pa.array(["a"]), "array<str>", "'x': string does not become array<str>"),
        (pa.array([{"a": 1}]), "struct{b: int64}", "expected the fields b"),
    ],
)
def test_what_has_no_form_in_hail(bh, values, wanted, message):
    with pytest.raises(ArgumentError, match=message):
        bh.from_arrow(pa.table({"x": values}), types=None if wanted is None else {"x": wanted})


def test_numbers_that_a_type_has_exactly_become_it(bh, hl):
    decimals = [Decimal(f"{i}.{i:03}") for i in range(200)]
    table = pa.table(
        {
            "truths": [1, 0, None],
            "halves": pa.array(np.array([0.5, np.nan, -np.inf], np.float16)),
            "decimals": pa.array(decimals[1:4], pa.decimal128(20, 3)),
            "many": [decimals, None, []],
            "texts": ["0.1", "inf", None],
            "words": pa.array(["1.5", None, "2"]).dictionary_encode().cast(pa.dictionary(pa.int32(), pa.string())),
            "gone": pa.nulls(3),
        }
    )
    types = {
        "truths": "bool", "halves": "float64", "decimals": "float32", "many": "array<float64>", "texts": "float32",
        "words": "float32", "gone": "locus<GRCh37>",
    }  # fmt: skip
    first, second, third = bh.from_arrow(table, types=types).collect()
    assert [first.truths, second.truths, third.truths] == [True, False, None]
    assert first.halves == 0.5 and np.isnan(second.halves) and third.halves == -np.inf
    assert [row.decimals for row in (first, second, third)] == [float(np.float32(x)) for x in (1.001, 2.002, 3.003)]
    assert first.many == list(map(float, decimals))  # the nearest ones, which pyarrow's own cast does not always give
    assert [first.texts, second.texts, third.texts] == [hl.eval(hl.float32("0.1")), np.inf, None]
    assert [first.words, second.words, first.gone] == [1.5, None, None]


def test_views_and_dictionaries_and_runs_of_them_are_what_they_stand_for(bh):
    views = pa.array(["x", None], pa.string_view())
    ends = pa.array([2, 3], pa.int32())
    table = pa.table(
        {
            "lists": pa.array([[1], None, [2, 3]], pa.list_view(pa.int32())),
            "nested": pa.array([[[1]], None, [[2, 3], None]], pa.list_(pa.large_list_view(pa.int64()))),
            "words": pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int8()), views),
            "runs": pa.RunEndEncodedArray.from_arrays(ends, views),
            "sliced": pa.RunEndEncodedArray.from_arrays(pa.array([2, 5], pa.int32()), views)[1:4],
        }
    )
    assert [dict(row) for row in bh.from_arrow(table).collect()] == table.to_pylist()


def test_calls_that_are_refused_say_what_they_take(bh):
    table = pa.table({"x": [1]})
    with pytest.raises(ArgumentError, match=r"key has 'y'. The columns are x"):
        bh.from_arrow(table, key="y")
    with pytest.raises(ArgumentError, match=r"types has 'y'. The columns are x"):
        bh.from_arrow(table, types={"y": "int32"})
    with pytest.raises(ArgumentError, match=r"takes what has __arrow_c_stream__.*got int"):
        bh.from_arrow(1)
    with pytest.raises(ArgumentError, match=r"expected batches of Arrow, got int"):
        bh.from_arrow([1])
    with pytest.raises(ArgumentError, match=r"there is no batch"):
        bh.from_arrow([])
    with pytest.raises(ArgumentError, match=r"from_pandas takes a pandas.DataFrame"):
        bh.from_pandas(table)


def test_keys_sort_the_rows_and_missing_ones_are_kept(bh, hl):
    ht = bh.from_arrow(pa.table({"k": [3, None, 1, 3], "v": ["a", "b", "c", "d"]}), key=["k"])
    assert [(row.k, row.v) for row in ht.collect()] == [(1, "c"), (3, "a"), (3, "d"), (None, "b")]
    assert ht.filter(ht.k == 3).count() == 2


def test_keys_that_are_missing_or_come_twice_are_what_they_are_in_hail(bh, hl):
    """Hail forbids neither, in rows nor in columns: it sorts missing ones last, and none is lost."""
    frame = pd.DataFrame({"s": ["b", None, "a", "b", None], "n": range(5)})
    ours, hails = bh.from_pandas(frame, key="s"), hl.Table.from_pandas(frame, key="s")
    assert ours.collect() == hails.collect()
    mt = bh.from_numpy(np.arange(25.0).reshape(5, 5), rows=ours, cols=ours.rename({"s": "t", "n": "m"}))
    with checked(hl):
        assert mt.rows().collect() == ours.collect()
    assert (mt.t.collect(), mt.m.collect()) == (["a", "b", "b", None, None], [2, 0, 3, 1, 4])
    assert bh.to_numpy(mt.element).tolist() == np.arange(25.0).reshape(5, 5).tolist()


def test_keys_whose_type_has_no_order_are_refused(bh, hl):
    table = pa.table({"x": [[1.5, 2.5]]})
    with pytest.raises(ArgumentError, match=r"from_arrow: key 'x' has type ndarray<float64, 1>, and Hail has no order"):
        bh.from_arrow(table, key="x", types={"x": hl.tndarray(hl.tfloat64, 1)})


@pytest.mark.usefixtures("no_file_stays")
def test_a_table_that_came_in_is_a_table_like_others(bh, hl, tmp_path):
    ht = bh.from_arrow(pa.table({"k": list(range(1000)), "x": np.arange(1000.0)}), key="k")
    random = ht.annotate(r=hl.rand_unif(0, 1))
    assert random.aggregate(hl.agg.all((random.r >= 0) & (random.r < 1)))
    assert ht.aggregate(hl.agg.mean(ht.x)) == 499.5
    assert ht.filter(hl.rand_bool(1.0)).count() == 1000
    other = hl.utils.range_table(1000)
    other = other.annotate(y=other.idx)
    joined = ht.annotate(y=other[hl.int32(ht.k)].y)
    assert joined.aggregate(hl.agg.all(joined.k == joined.y))
    assert ht.join(bh.from_arrow(pa.table({"k": [7]}), key="k")).x.collect() == [7.0]
    assert ht.checkpoint(str(tmp_path / "x.ht")).count() == 1000


def test_from_pandas_gives_what_hails_gives(bh, hl):
    frame = pd.DataFrame(
        {
            "a": np.arange(3),
            "b": np.arange(3, dtype="int32"),
            "c": np.arange(3, dtype="uint8"),
            "d": [0.5, np.nan, 2],
            "e": np.array([1, 2, 3], "float32"),
            "f": [True, False, True],
            "g": ["x", None, "y"],
            "h": pd.array(["x", None, "y"], "string"),
            "i": pd.array([True, None, False], "boolean"),
            "j": [hl.Locus("1", 5), None, hl.Locus("2", 6)],
            "k": [hl.Call([0, 1]), hl.Call([1]), None],
            "l": [[1, 2], None, []],
            "m": [{"a": 1.5}, {}, None],
            "n": [{"a"}, None, {"b"}],
            "o": [hl.Struct(x=1, y="a"), None, hl.Struct(x=2, y=None)],
            "p": [hl.Interval(1, 2), None, hl.Interval(3, 4)],
            "q": [(1, "a"), None, (2, "b")],
            "r": pd.Categorical(["u", "v", "u"]),
            "s": np.array([1, 2, 3], "uint64"),
            "t": pd.array([0.5, None, 2.5], "Float64"),
            "u": np.array([1, 2, 3], "uint32"),
        }
    )
    expected, found = hl.Table.from_pandas(frame, key="b"), bh.from_pandas(frame, key="b")
    assert (found.a.dtype, found.e.dtype) == (hl.tint64, hl.tfloat32)  # as the dtypes are; Hail looks at the values
    assert found.drop("a", "e").row.dtype == expected.drop("a", "e").row.dtype
    assert list(found.key) == ["b"]
    assert all(map(same, expected.collect(), found.collect()))


def test_pandas_nullable_dtypes_keep_their_width(bh, hl):
    frame = pd.DataFrame(
        {"a": pd.array([1 << 40, None], "Int64"), "b": pd.array([0.1, None], "Float32"), "c": [1 << 40, 2]}
    ).astype({"c": "uint64"})
    ht = bh.from_pandas(frame)
    assert str(ht.row.dtype) == "struct{a: int64, b: float32, c: int64}"
    assert ht.a.collect() == [1 << 40, None]


def test_categories_may_be_missing(bh, hl):
    frame = pd.DataFrame(
        {
            "i": pd.Categorical([7, None, 7]),
            "j": pd.Categorical(pd.array([1, None, 1 << 40], "Int64")),
            "b": pd.Categorical([True, None, False]),
            "s": pd.Categorical(["a", None, "b"]),
            "u": pd.Categorical(np.array([1, 2, 1], "uint64")),
        }
    )
    ht = bh.from_pandas(frame)
    assert str(ht.row.dtype) == "struct{i: int64, j: int64, b: bool, s: str, u: int32}"
    assert [tuple(row.values()) for row in ht.collect()] == [
        (7, 1, True, "a", 1), (None, None, None, None, 2), (7, 1 << 40, False, "b", 1),
    ]  # fmt: skip
    x = pd.DataFrame({"x": pd.Categorical([1.5, None])})  # as Hail, a NaN
    assert str(bh.from_pandas(x).x.collect()) == str(hl.Table.from_pandas(x).x.collect()) == "[1.5, nan]"


@pytest.mark.parametrize(
    ("values", "wanted", "message"),
    [
        ([1.5], "int32", "column 'x': double does not become int32: .*1.5"),
        ([0.5, 0.1], "float32", "column 'x', row 1: 0.1 is no float32 exactly"),
        ([0.5, 1e300], "float32", r"column 'x', row 1: 1e\+300 is no float32 exactly"),
        ([[1], [1.5]], "array<int32>", r"column 'x'\[\]: double does not become int32"),
        ([{"a": 1.5}], "struct{a: int64}", r"column 'x'.a: double does not become int64"),
        ([{1.5: "a"}], "dict<int32, str>", r"column 'x'\[\].key: double does not become int32"),
        ([{1.5}], "set<int32>", r"column 'x'\[\]: double does not become int32"),
        ([(1.5,)], "tuple(int32)", r"column 'x'.0: double does not become int32"),
        ([np.array([[1.5]])], "ndarray<int64, 2>", r"column 'x'.data\[\]: double does not become int64"),
        ([Decimal("1.5")], "int32", r"column 'x': decimal128\(2, 1\) does not become int32"),
        ([np.array(1.5)], "int32", "column 'x': a value is no int32"),
        ([2], "bool", "column 'x', row 0: 2 is no bool exactly"),
        ([pd.Timestamp(0)], "int64", r"column 'x': a value is no int64: timestamp\[.s\] is no number"),
        ([1 << 63], "int64", "column 'x': a value is no int64"),
        (["abc"], "array<str>", "column 'x': a value is no array<str>: the parts of a str have no order"),
        (["abc"], "set<str>", "column 'x': a value is no set<str>: a str is no set"),
    ],
)
def test_objects_that_a_type_has_not_exactly_are_refused(bh, values, wanted, message):
    column = pd.Series([*values, None], dtype=object)
    with pytest.raises(ArgumentError, match=message):
        bh.from_pandas(pd.DataFrame({"x": column}), types={"x": wanted})


def test_objects_that_a_type_has_exactly_become_it(bh, hl):
    frame = pd.DataFrame({"i": [1, 2.0, None], "b": [1, 0, None], "f": [0.5, 1, np.nan], "n": [None] * 3}, dtype=object)
    ht = bh.from_pandas(frame, types={"i": "int32", "b": "bool", "f": "float32", "n": "array<int32>"})
    assert str(ht.collect()) == str(
        [hl.Struct(i=1, b=True, f=0.5, n=None), hl.Struct(i=2, b=False, f=1.0, n=None),
         hl.Struct(i=None, b=None, f=float("nan"), n=None)]
    )  # fmt: skip


def test_frames_that_have_no_form(bh):
    with pytest.raises(ArgumentError, match=r"column 't' has type timestamp.*cast it to int64"):
        bh.from_pandas(pd.DataFrame({"t": pd.to_datetime(["2020-01-01"])}))
    with pytest.raises(ArgumentError, match=r"column 'o'"):
        bh.from_pandas(pd.DataFrame({"o": [object()]}))
    with pytest.raises(ArgumentError, match=r"column 'n' has nothing but missing values: give types="):
        bh.from_pandas(pd.DataFrame({"n": [None, None]}))
    with pytest.raises(ArgumentError, match=r"the column 1 is no text: rename it"):
        bh.from_pandas(pd.DataFrame({1: [1]}))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from([0, -1 << 31, (-1 << 31) - 1, (1 << 31) - 1, 1 << 31, -1 << 63, (1 << 63) - 1, 1 << 63]),
    st.sampled_from([np.int32(1), np.float64(2), np.array([1.0]), np.array([[1]])]),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner), max_leaves=8)


@settings(deadline=None, max_examples=300)
@for_all(st.lists(VALUES, max_size=5).map(lambda values: values * 2))
@example([[1, 1 << 40], [1, 2], [None], [], [[1]]])
def test_types_are_inferred_from_one_value_of_each_kind(values):
    from hail.expr.expressions import impute_type

    from beringia.hail import pandas_columns

    def inferred(of):
        try:
            return impute_type(of), None
        except Exception as error:
            return None, type(error)

    assert inferred(pandas_columns._one_of_each(values)) == inferred(values)


@pytest.mark.usefixtures("no_file_stays")
def test_data_that_break_off_leave_nothing(bh, hl):
    """Whether the data end in an error of their own, or in a value without a form in Hail."""

    def batches(last):
        yield pa.record_batch({"x": pa.array(range(1000))})
        yield last()

    def lost():
        raise OSError("the disk is gone")

    for last, error, message in (
        (lost, OSError, "the disk is gone"),
        (lambda: pa.record_batch({"x": pa.array([2**40])}), ArgumentError, "x"),
    ):
        with pytest.raises(error, match=message):
            bh.from_arrow(batches(last), types={"x": hl.tint32})
