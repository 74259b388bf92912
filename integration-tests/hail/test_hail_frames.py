"""Tables of Hail to Arrow and pandas and back: every type, what is missing, and what bad input gets."""

import contextlib
import gc
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from beringia.errors import ArgumentError, GroupError


@pytest.fixture(scope="module")
def bh(hl):
    import beringia.hail

    return beringia.hail


@pytest.fixture(scope="module")
def everything(hl, tmp_path_factory):
    """A row for every thing that can be missing, and all types of Hail."""
    ht = hl.utils.range_table(11, 3)
    n = ht.idx

    def but(i, x):
        return hl.or_missing(n != i, x)

    ht = ht.annotate(
        i=but(1, n),
        l=but(2, hl.int64(n) * (1 << 40)),
        f=but(3, hl.float32(n) / 7),
        d=but(4, hl.if_else(n == 0, hl.float64(float("nan")), n / 7)),
        b=but(5, n % 2 == 0),
        s=but(6, "é" * n),
        call=but(7, hl.call(n, 2)),
        phased=but(8, hl.call(n, 1, phased=True)),
        haploid=hl.call(n),
        none=hl.call(),
        array=but(9, hl.range(n).map(lambda x: but(3, x))),
        set=but(10, hl.set([hl.str(n), "a"])),
        dict=but(1, hl.dict([(hl.locus("1", n + 1), hl.set([n]))])),
        locus=but(2, hl.locus("X", n + 1)),
        grch38=hl.locus("chr1", n + 1, "GRCh38"),
        interval=but(3, hl.interval(hl.locus("1", n + 1), hl.locus("2", 5), includes_end=True)),
        half=hl.interval(n, hl.missing(hl.tint32), includes_start=False),
        matrix=but(4, hl.nd.array([[1.0, n], [2.0, 3.0], [4.0, 5.0]]).T),
        truths=hl.nd.array([True, False]),
        scalar=hl.nd.array(n),
        tuple=but(5, hl.tuple([n, "x"])),
        struct=but(6, hl.struct(x=but(7, n), y=hl.struct(z="z"))),
        structs=[hl.struct(u=n, v=hl.call(0, 1)), hl.missing(hl.tstruct(u=hl.tint32, v=hl.tcall))],
        empty=hl.struct(),
        arrays=hl.set([hl.array([n])]),
        matrices=[hl.nd.array([1, 2])],
        nested=[[1.5], hl.missing(hl.tarray(hl.tfloat64)), [hl.missing(hl.tfloat64), 2.0]],
    )
    return ht.checkpoint(str(tmp_path_factory.mktemp("everything") / "table.ht"))


def same(a, b):
    """Equal, and of the same types."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
    if type(a) is not type(b):
        return False
    if isinstance(a, float) and np.isnan(a):
        return bool(np.isnan(b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "items"):  # a Struct
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return a is b or a == b


@pytest.mark.parametrize("flatten", [True, False])
def test_to_pandas_gives_what_hails_gives(bh, everything, flatten):
    expected, found = everything.to_pandas(flatten=flatten), bh.to_pandas(everything, flatten=flatten)
    assert list(found) == list(expected)
    assert found.index.equals(expected.index)
    for name in expected:
        assert found[name].dtype == expected[name].dtype, name
        assert all(map(same, expected[name], found[name])), name


def test_to_pandas_takes_dtypes_by_name_and_by_type(bh, hl, everything):
    types = {"idx": "int16", hl.tstr: "object", hl.tfloat32: "float64"}
    chosen = everything.select("s", "f")
    pd.testing.assert_frame_equal(bh.to_pandas(chosen, types=types), chosen.to_pandas(types=types))


def test_what_went_out_to_arrow_comes_back(bh, everything):
    table = bh.to_arrow(everything)
    table.validate(full=True)
    back = bh.from_arrow(table, key="idx")
    assert back.row.dtype == everything.row.dtype
    assert list(back.key) == ["idx"]
    assert all(map(same, everything.collect(), back.collect()))
    assert all(map(same, everything.collect(), back.collect()))  # it can be read again


def test_the_names_of_hails_arrow_schemas(bh, everything):
    schema = bh.to_arrow(everything.head(1)).schema

    def said(name):
        metadata = schema.field(name).metadata or {}
        return tuple(metadata.get(b"ARROW:extension:" + part, b"").decode() for part in (b"name", b"metadata"))

    assert said("call") == ("hail.call", "")
    assert schema.field("call").type == pa.uint32()
    assert said("locus") == ("hail.locus", '{"reference_genome": "GRCh37"}')
    assert said("grch38") == ("hail.locus", '{"reference_genome": "GRCh38"}')
    assert [part.name for part in schema.field("locus").type] == ["contig", "position"]
    assert said("interval")[0] == "hail.interval"
    parts = [part.name for part in schema.field("interval").type]
    assert parts == ["start", "end", "includes_start", "includes_end"]
    assert said("matrix") == ("hail.ndarray", "2")
    assert [part.name for part in schema.field("matrix").type] == ["shape", "data"]
    assert schema.field("dict").type.keys_sorted
    assert said("struct") == ("", "")


def test_batches_are_the_table(bh, everything):
    table = everything.drop("d")  # which has a NaN, and that equals nothing
    batches = list(bh.to_batches(table))
    assert len(batches) == 3
    assert pa.Table.from_batches(batches).equals(bh.to_arrow(table))


def test_to_batches_takes_little_memory_at_a_time(bh, hl):
    ht = hl.utils.range_table(64, 64)
    ht = ht.annotate(x=hl.range(1 << 17).map(lambda i: hl.float64(i)))  # 64 MiB, a MiB a partition
    rows = 0
    for batch in bh.to_batches(ht):
        rows += batch.num_rows
        assert shared_memory() < 8 << 20
    assert rows == 64
    del batch
    gc.collect()
    assert shared_memory() == 0


@pytest.fixture
def no_file_stays():
    """None of our files that a test makes is open, or in memory, behind it: tables of other tests may have theirs."""
    before = open_files()
    yield
    gc.collect()
    assert shared_memory() == 0
    assert open_files() <= before


@pytest.mark.usefixtures("no_file_stays")
def test_leaving_batches_early_leaves_nothing(bh, hl):
    batches = bh.to_batches(hl.utils.range_table(100, 20))
    next(batches)
    assert shared_memory() > 0
    batches.close()


def shared_memory():
    """How much of our files this process has mapped."""
    found, size = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if not line.split()[0].endswith(":"):
            found = "beringia-exchange" in line
        elif found and line.startswith("Size:"):
            size += int(line.split()[1]) << 10
    return size


def open_files():
    """The descriptors of our files that this process has open."""
    found = set()
    for name in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if "beringia-exchange" in str(name.readlink()):
                found.add(name)
    return found


@pytest.mark.usefixtures("no_file_stays")
def test_an_error_in_the_rows_is_the_typed_one_and_leaves_nothing(bh, hl, numpy_map):
    def fails(idx):
        raise ValueError("not today")

    ht = hl.utils.range_table(4, 2)
    mapped = numpy_map(fails, ht.idx, hl.tstruct(x=hl.tfloat64), args=dict(idx=ht.idx))
    with pytest.raises(GroupError, match=r"not today"):
        bh.to_arrow(mapped)


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


def test_a_missing_key_of_a_dict_has_no_form_in_arrow(bh, hl):
    ht = hl.utils.range_table(1).annotate(d=hl.dict([(hl.missing(hl.tstr), 1)]))
    with pytest.raises(ArgumentError, match=r"^d: a dict has a missing key"):
        bh.to_arrow(ht)
    assert bh.to_pandas(ht).d[0] == {None: 1}


def test_what_is_no_table_is_refused(bh, hl):
    with pytest.raises(ArgumentError, match=r"to_arrow takes a Table, and got a MatrixTable: pass mt.rows"):
        bh.to_arrow(hl.utils.range_matrix_table(1, 1))
    with pytest.raises(ArgumentError, match=r"to_pandas takes a Table of Hail, and got int"):
        bh.to_pandas(1)


def test_more_than_memory_names_both_sizes(bh, hl, monkeypatch):
    from beringia.errors import ResourceError
    from beringia.hail import tables

    monkeypatch.setattr(tables, "available_bytes", lambda: 1 << 20)
    ht = hl.utils.range_table(4, 4).annotate(x=hl.range(1 << 17))
    with pytest.raises(ResourceError, match=r"more than \d MiB, and this machine had 1 MiB to give: to_batches"):
        bh.to_arrow(ht)


def test_tables_without_rows_or_fields(bh, hl, everything):
    none = everything.filter(False)
    assert bh.to_arrow(none).num_rows == 0
    pd.testing.assert_frame_equal(bh.to_pandas(none), none.to_pandas())
    assert bh.from_arrow(bh.to_arrow(none), key="idx").row.dtype == everything.row.dtype
    assert bh.from_arrow(bh.to_arrow(none)).count() == 0
    bare = hl.utils.range_table(5, 2).key_by().select()
    assert sum(batch.num_rows for batch in bh.to_batches(bare)) == 5


# What comes in.


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


def test_slices_and_batches_and_other_libraries(bh):
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
        (pa.array([1.0, 0.1]), "float32", "'x', row 1: 0.1 is no number of 32 bits"),
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


@pytest.mark.slow
def test_ten_times_the_heap_goes_out_at_flat_memory(tmp_path):
    """5 GiB, by batches and into a file, past a heap of 512 MiB."""
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        import numpy as np, hail as hl, beringia.hail as bh
        conf = bh.conf(**{"spark.driver.memory": "512m"})
        hl.init(spark_conf=conf, master="local[2]", quiet=True, tmp_dir=sys.argv[1])

        def peak():
            found = 0
            for process in ("self", JVM):
                lines = Path(f"/proc/{process}/status").read_text().splitlines()
                found += sum(int(x.split()[1]) for x in lines if x.startswith(("RssAnon", "RssShmem")))
            return found << 10

        JVM = hl.spark_context()._gateway.proc.pid
        ht = hl.utils.range_table(80_000, 640)
        ht = ht.annotate(x=hl.range(8192).map(lambda i: hl.float64(ht.idx + i)))
        bh.to_arrow(ht.head(2000))
        before, most, rows = peak(), 0, 0
        for batch in bh.to_batches(ht):
            rows += batch.num_rows
            most = max(most, peak())
        assert rows == 80_000
        assert most - before < 400 << 20, (before, most)
        out = np.memmap(sys.argv[1] + "/out.bin", np.float32, "w+", shape=(80_000, 4096))
        mt = hl.utils.range_matrix_table(80_000, 4096, n_partitions=640)
        bh.to_numpy(hl.float32(mt.row_idx + mt.col_idx), out=out)
        assert out[79_999, 4095] == 79_999 + 4095 and out[0, 1] == 1
        assert peak() - before < 400 << 20, (before, peak())
        hl.stop()
        print("well")
        """
    )
    ran_well(script, tmp_path)


@pytest.mark.slow
def test_a_wide_frame_goes_in_and_out_under_a_small_heap(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        import numpy as np, pandas as pd, hail as hl, beringia.hail as bh
        conf = bh.conf(**{"spark.driver.memory": "1g"})
        hl.init(spark_conf=conf, master="local[2]", quiet=True, tmp_dir=sys.argv[1])
        rng = np.random.default_rng(1)
        frame = pd.DataFrame({f"x{i}": rng.normal(size=35_000) for i in range(40)})
        frame = frame.assign(**{f"s{i}": rng.integers(0, 1000, 35_000).astype(str) for i in range(27)})
        ht = bh.from_pandas(frame)
        assert ht.count() == 35_000
        found = bh.to_pandas(ht)
        assert found.shape == (35_000, 67)
        pd.testing.assert_frame_equal(found.astype(frame.dtypes), frame)
        hl.stop()
        print("well")
        """
    )
    ran_well(script, tmp_path)


def ran_well(script, directory):
    done = subprocess.run(
        [sys.executable, "-c", script, str(directory)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.stdout.strip().endswith("well"), done.stderr[-3000:]


def test_on_a_cluster_data_go_through_spark_and_hails_folder(tmp_path):
    """Executors in other processes, which write no file of ours."""
    script = textwrap.dedent(
        """
        import sys
        import numpy as np, pandas as pd, hail as hl, beringia.hail as bh
        conf = bh.conf(**{"spark.driver.maxResultSize": "16m"})
        hl.init(spark_conf=conf, master="local-cluster[2,1,1024]", quiet=True, tmp_dir=sys.argv[1])
        frame = pd.DataFrame({"k": np.arange(1000), "x": np.linspace(0, 1, 1000), "s": ["a", "b"] * 500})
        ht = bh.from_pandas(frame, key="k")
        assert ht.count() == 1000
        found = bh.to_pandas(ht)
        assert found.x.tolist() == frame.x.tolist() and found.s.tolist() == frame.s.tolist()
        assert np.array_equal(bh.to_numpy(bh.from_numpy(np.eye(20)).element), np.eye(20))

        def refused(length):
            try:
                bh.to_arrow(hl.utils.range_table(1).annotate(x=hl.range(length)))
            except bh.failures.errors.GroupTooLargeError as error:
                assert "use more partitions" in str(error)
                return str(error)
            raise AssertionError("nothing was refused")

        assert "raise spark.driver.maxResultSize" in refused(8_000_000)
        hl.spark_context()._jsc.sc().conf().set("spark.driver.maxResultSize", "0")
        assert "raise spark.executor.memory" in refused(40_000_000)
        hl.stop()
        print("well")
        """
    )
    ran_well(script, tmp_path)
