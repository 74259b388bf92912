"""Tables of Hail to Arrow and pandas: every type, what is missing, and what is too large."""

import gc

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from exchange_files import shared_memory

from beringia.errors import ArgumentError, GroupError


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


@pytest.mark.usefixtures("no_file_stays")
def test_leaving_batches_early_leaves_nothing(bh, hl):
    batches = bh.to_batches(hl.utils.range_table(100, 20))
    next(batches)
    assert shared_memory() > 0
    batches.close()


@pytest.mark.usefixtures("no_file_stays")
def test_an_error_in_the_rows_is_the_typed_one_and_leaves_nothing(bh, hl, numpy_map):
    def fails(idx):
        raise ValueError("not today")

    ht = hl.utils.range_table(4, 2)
    mapped = numpy_map(fails, ht.idx, hl.tstruct(x=hl.tfloat64), args=dict(idx=ht.idx))
    with pytest.raises(GroupError, match=r"not today"):
        bh.to_arrow(mapped)


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
