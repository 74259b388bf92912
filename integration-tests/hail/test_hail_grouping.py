"""Groups come together with the keys, the rows and the order that Hail's own `group_by` would give them."""

import numpy as np
import pytest
from spark_stages import checked, jobs, newest_stage, shuffled

import beringia.hail

ROWS = 1_500


@pytest.fixture
def spilling(hl):
    """A sorter that writes to disk whenever it holds a hundred rows."""
    conf = hl.spark_context()._jvm.org.apache.spark.SparkEnv.get().conf()
    name = "spark.shuffle.spill.numElementsForceSpillThreshold"
    conf.set(name, "100")
    yield
    conf.remove(name)


KEYS = {
    "int32": lambda hl, i: hl.or_missing(i != 5, i - 50),
    "int64": lambda hl, i: hl.or_missing(i != 5, hl.int64(i - 50) * 10**12),
    "float32": lambda hl, i: hl.or_missing(i != 5, hl.float32(i - 50) / 3),
    "float64": lambda hl, i: (
        hl.case()
        .when(i == 1, hl.missing("float64"))
        .when(i == 2, float("inf"))
        .when(i == 3, -float("inf"))
        .default((i - 50) / 3)
    ),
    "str": lambda hl, i: hl.or_missing(
        i != 5, hl.array(["", "a", "a\0b", "a\0", "é", "e\u0301", "\uffee", "\U0001f600"])[i % 8] + hl.str(i % 7)
    ),
    "bool": lambda hl, i: hl.or_missing(i % 7 != 5, i % 2 == 0),
    "locus": lambda hl, i: hl.or_missing(
        i != 5, hl.locus(hl.literal(["1", "2", "10", "X", "MT"])[i % 5], i % 11 + 1, reference_genome="GRCh37")
    ),
    "call": lambda hl, i: hl.or_missing(i != 5, hl.call(i % 3, i % 4)),
    "array": lambda hl, i: hl.or_missing(i != 5, hl.range(i % 4).map(lambda j: hl.or_missing(i % 7 != j, i % 3 - 1))),
    "struct": lambda hl, i: hl.or_missing(i != 5, hl.struct(a=i % 5, b=hl.or_missing(i % 3 != 1, hl.str(i % 4)))),
    "tuple": lambda hl, i: hl.tuple([i % 5, hl.or_missing(i % 3 != 1, hl.str(i % 4))]),
    "set": lambda hl, i: hl.set([i % 5, i % 3]),
    "dict": lambda hl, i: hl.dict([(i % 5, i % 3)]),
    "interval": lambda hl, i: hl.interval(i % 5, i % 5 + i % 3, includes_start=i % 2 == 0),
}


@pytest.fixture(scope="module")
def scattered(hl, tmp_path_factory):
    """Rows with keys of many types, in no order, over 6 partitions."""
    ht = hl.utils.range_table(ROWS, 6)
    i = (ht.idx * 7919) % 101
    ht = ht.annotate(**{name: of(hl, i) for name, of in KEYS.items()}, x=hl.float64(ht.idx))
    return ht.checkpoint(str(tmp_path_factory.mktemp("scattered") / "t.ht"))


def together(hl, keys, x, **options):
    """A table of each group's rows, sorted or in the order asked for."""
    fields = hl.tstruct(x=hl.tarray(hl.tfloat64))
    f = (lambda x: x) if "order_by" in options else (lambda x: np.sort(x))
    return hl.experimental.numpy_map(f, keys, fields, args=dict(x=x), **options)


def rows_of(hl, table):
    with checked(hl):
        return [tuple(row.values()) for row in table.collect()]


def check_as_hail(hl, keys, ht):
    ours = rows_of(hl, together(hl, keys, ht.x))
    hails = [tuple(row.values()) for row in ht.group_by(**keys).aggregate(x=hl.sorted(hl.agg.collect(ht.x))).collect()]
    # Hail's own order of strings is not the same in a partition and between partitions.
    of_strings = any(key.dtype == hl.tstr for key in keys.values())
    assert repr(sorted(ours, key=repr) if of_strings else ours) == repr(
        sorted(hails, key=repr) if of_strings else hails
    )


@pytest.mark.parametrize("name", KEYS)
def test_keys_of_every_type(hl, scattered, name):
    keys = {"k": scattered[name]}
    table = together(hl, keys, scattered.x)
    assert list(table.key) == ["k"]
    assert table.key.k.dtype == scattered[name].dtype
    check_as_hail(hl, keys, scattered)


def test_keys_of_any_length(hl):
    """The bytes of keys and rows outgrow what there was room for, at every place."""
    ht = hl.utils.range_table(600, 1)
    i = (ht.idx * 7919) % 300
    ht = ht.annotate(k=hl.delimit(hl.range(i).map(lambda j: hl.str(j % 10)), ""), n=i, x=hl.float64(ht.idx))
    long = hl.range(ht.n * 37).map(lambda j: hl.or_missing(j % 3 != 0, hl.str(j)))
    ht = ht.annotate(words=long)
    check_as_hail(hl, {"k": ht.k}, ht)
    table = hl.experimental.numpy_map(
        lambda words: [list(row) for row in words],
        ht.k,
        hl.tstruct(words=hl.tarray(hl.tarray(hl.tstr))),
        args=dict(words=ht.words),
    )
    for row in table.collect():
        assert row.words == [[str(j) if j % 3 else None for j in range(len(row.k) * 37)]] * 2


def test_keys_by_name_and_keys_that_are_tuples(hl, scattered):
    for key in ("bool", ["bool"], scattered.bool):
        assert list(together(hl, key, scattered.x).key) == ["bool"]
    table = together(hl, scattered.tuple, scattered.x)
    assert table.key.dtype == hl.tstruct(tuple=scattered.tuple.dtype)
    check_as_hail(hl, {"tuple": scattered.tuple}, scattered)


@pytest.mark.parametrize("point", ["int32", "float64", "str"])
def test_joins_on_intervals(hl, tmp_path, point):
    """Of tables whose points are there for sure, as those of most tables are; of others a warning tells."""
    of = {"int32": hl.int32, "float64": hl.float64, "str": lambda i: hl.str(100 + i)}[point]
    ht = hl.utils.range_table(60, 3)
    with pytest.warns(UserWarning, match=r"key 'k' has intervals[\s\S]*checkpoint"):
        table = together(hl, dict(k=hl.interval(of(ht.idx), of(ht.idx + 1))), hl.float64(ht.idx))
    other = hl.utils.range_table(60, 2)
    other = other.key_by(k=hl.interval(of(other.idx), of(other.idx + 1))).checkpoint(str(tmp_path / "other.ht"))
    for left, right in ((other, table), (table, other)):
        joined = left.select(found=hl.is_defined(right[left.key]))
        assert joined.aggregate(hl.agg.count_where(joined.found)) == 60


def test_several_keys(hl, scattered):
    check_as_hail(hl, {"a": scattered.str, "b": scattered.bool, "c": scattered.int64}, scattered)


def test_zeros_are_two_keys_and_every_nan_is_one(hl):
    ht = hl.utils.range_table(8, 4)
    ht = ht.annotate(k=hl.array([0.0, -0.0, float("nan"), -float("nan")])[ht.idx % 4], x=hl.float64(ht.idx))
    found = [(str(k), x) for k, x in rows_of(hl, together(hl, ht.k, ht.x))]
    assert found == [("-0.0", [1.0, 5.0]), ("0.0", [0.0, 4.0]), ("nan", [2.0, 3.0, 6.0, 7.0])]


@pytest.mark.parametrize("rows", [1, 10, 70, 200])
def test_rows_in_order_stay_where_they_are(hl, rows):
    """Groups that lie across partitions, several of them at times, are whole all the same."""
    ht = hl.utils.range_table(600, 7)
    ht = ht.annotate(x=hl.float64(ht.idx))
    before = newest_stage(hl)
    table = together(hl, ht.idx // rows, ht.x)
    found = rows_of(hl, table)
    assert found == [(start // rows, list(range(start, min(start + rows, 600)))) for start in range(0, 600, rows)]
    assert shuffled(hl, before) == 0
    names = hl.utils.range_table(600 // rows + 1, 3)
    joined = table.join(names.key_by(id=names.idx))
    assert joined.count() == len(found)


def test_partitions_may_lie_in_any_order_and_be_empty(hl):
    ht = hl.utils.range_table(600, 6)
    ht = ht.annotate(x=hl.float64(ht.idx))
    ht = ht.filter((ht.idx < 200) | (ht.idx >= 300))
    before = newest_stage(hl)
    found = rows_of(hl, together(hl, -(ht.idx // 100), ht.x))
    assert shuffled(hl, before) == 0
    assert [(key, len(x)) for key, x in found] == [(-5, 100), (-4, 100), (-3, 100), (-1, 100), (0, 100)]


def test_a_key_of_many_partitions_does_not_end_in_one_task(hl):
    ht = hl.utils.range_table(600, 12)
    ht = ht.annotate(x=hl.float64(ht.idx))
    before = newest_stage(hl)
    assert [len(x) for _, x in rows_of(hl, together(hl, ht.idx // 599, ht.x))] == [599, 1]
    assert shuffled(hl, before) > 0


def test_rows_larger_than_a_block(hl):
    """Each fills a block of the shuffle by itself."""
    ht = hl.utils.range_table(60, 4)
    ht = ht.annotate(wide=hl.range(20_000).map(lambda j: hl.float64(j + ht.idx)))
    table = hl.experimental.numpy_map(
        lambda wide: (wide.shape[0], float(wide.sum())),
        ht.idx % 7,
        "struct{n: int32, s: float64}",
        args=dict(wide=ht.wide),
    )
    total = sum(range(20_000))
    assert [(r.id, r.n, r.s) for r in table.collect()] == [
        (g, len(range(g, 60, 7)), sum(total + 20_000 * i for i in range(g, 60, 7))) for g in range(7)
    ]


@pytest.mark.parametrize(
    ("once", "again"),
    [
        (range(10), range(9, -1, -1)),
        (range(10), range(3, 13)),
        ([5, 1, *range(10)], [5, 1, *range(3, 13)]),
        ([5, 1, *range(10)], [5, 1, *range(-3, 7)]),
    ],
    ids=["in another order", "in order, beyond the last", "shuffled, beyond the last", "shuffled, before the first"],
)
def test_rows_that_are_not_what_they_were(hl, tmp_path, once, again):
    """A table that is not the same each time it is computed: an error, and no row is lost in silence."""
    seen = tmp_path / "seen"

    def restless(idx):
        found = again if seen.exists() else once
        seen.touch()
        return np.array(found)

    ht = hl.utils.range_table(3, 1)
    fields = hl.tarray(hl.tstruct(k=hl.tint32))
    table = hl.experimental.numpy_map(restless, ht.idx // 9, fields, args=dict(idx=ht.idx))
    table = table.annotate(x=hl.float64(table.k))
    with pytest.raises(Exception, match=r"the rows came in another order than a moment ago[\s\S]*checkpoint"):
        together(hl, table.k, table.x).collect()


@pytest.mark.parametrize("lie", ["scattered", "in order"])
def test_keys_are_looked_at_without_their_rows(hl, tmp_path, lie):
    """The pass before the groups neither computes the entries of a matrix nor reads them."""
    path = str(tmp_path / "m.mt")
    hl.utils.range_matrix_table(300, 20, n_partitions=5).annotate_entries(e=1.0).write(path)
    mt = hl.read_matrix_table(path)
    mt = mt.annotate_rows(key=mt.row_idx // 10 if lie == "in order" else mt.row_idx % 30)
    mt = mt.filter_rows(mt.row_idx != 7)
    fields = hl.tstruct(n=hl.tint32, s=hl.tfloat64)

    def total(e, found):
        return len(e), float(e.sum() + found.sum())

    table = hl.experimental.numpy_map(total, mt.key, fields, args=dict(e=mt.e, found=mt.row_idx))
    for key, n, s in rows_of(hl, table):
        members = set(range(10 * key, 10 * key + 10) if lie == "in order" else range(key, 300, 30)) - {7}
        assert (n, s) == (len(members), 20.0 * len(members) + sum(members))

    failing = mt.annotate_entries(e=hl.or_missing(mt.row_idx >= 0, hl.case().when(mt.e > 1, 1.0).or_error("entries!")))
    before = jobs(hl)
    with pytest.raises(Exception, match="entries!"):
        hl.experimental.numpy_map(total, failing.key, fields, args=dict(e=failing.e, found=failing.row_idx)).collect()
    assert [status for number, status in jobs(hl).items() if number not in before] == ["SUCCEEDED", "FAILED"]

    (tmp_path / "m.mt" / "entries" / "rows" / "parts").rename(tmp_path / "elsewhere")
    before = jobs(hl)
    with pytest.raises(Exception, match="does not exist"):
        table.collect()
    assert [status for number, status in jobs(hl).items() if number not in before] == ["SUCCEEDED", "FAILED"]


def test_entries_that_nobody_asks_for_are_not_read(hl, tmp_path):
    """Those of a matrix are in files of their own."""
    path = str(tmp_path / "m.mt")
    hl.utils.range_matrix_table(300, 20, n_partitions=5).annotate_entries(e=1.0).write(path)
    (tmp_path / "m.mt" / "entries" / "rows" / "parts").rename(tmp_path / "elsewhere")
    mt = hl.read_matrix_table(path)
    mt = mt.filter_rows(mt.row_idx >= 100)
    mt = mt.annotate_rows(x=hl.float64(mt.row_idx))
    assert rows_of(hl, together(hl, mt.row_idx // 50, mt.x)) == [
        (key, [float(i) for i in range(50 * key, 50 * key + 50)]) for key in range(2, 6)
    ]
    np.testing.assert_array_equal(beringia.hail.to_numpy(mt.x), np.arange(100.0, 300.0))
    assert beringia.hail.to_arrow(mt.rows())["x"].to_pylist() == list(range(100, 300))
    with pytest.raises(Exception, match="does not exist"):
        beringia.hail.to_numpy(mt.e)


def test_keys_of_rows_that_something_else_moves(hl):
    """A join on another field shuffles the rows, though their keys alone need no join."""
    ht = hl.utils.range_table(1000, 8)
    ht = ht.annotate(k=(ht.idx * 7) % 1000, x=[hl.float64(ht.idx)])
    other = hl.utils.range_table(1000, 3)
    ht = ht.annotate(y=other.annotate(v=hl.float64(other.idx))[ht.k].v)
    moved = ht.key_by("k")
    moved = moved.annotate(y=other.annotate(v=hl.float64(other.idx))[moved.k].v)
    for table in (ht, moved):
        found = hl.experimental.numpy_map(
            lambda x, y: float(x.sum() + y.sum()),
            dict(g=table.idx // 100),
            "struct{s: float64}",
            args=dict(x=table.x, y=table.y),
        )
        expected = [(g, sum(float(i + i * 7 % 1000) for i in range(100 * g, 100 * g + 100))) for g in range(10)]
        assert rows_of(hl, found) == expected


def test_partitions_that_were_put_together(hl):
    ht = hl.utils.range_table(600, 12)
    ht = ht.annotate(x=hl.float64(ht.idx)).naive_coalesce(5)
    for key in (ht.idx // 70, ht.idx % 9):
        check_as_hail(hl, {"k": key}, ht)
    assert [len(x) for _, x in rows_of(hl, together(hl, ht.idx, ht.x))] == [1] * 600


def test_no_rows(hl):
    ht = hl.utils.range_table(600, 6)
    ht = ht.annotate(x=hl.float64(ht.idx))
    ht = ht.filter(ht.idx < 0)
    table = together(hl, ht.idx // 7, ht.x)
    assert (table.collect(), table.count()) == ([], 0)


def test_all_rows_have_one_key(hl, scattered):
    table = together(hl, dict(k=hl.str("") + hl.or_missing(scattered.x < 0, "a")), scattered.x)
    (row,) = table.collect()
    assert (row.k, row.x) == (None, list(range(ROWS)))


ORDERS = {
    "descending": lambda ht, hl: hl.desc(ht.x),
    "missing last": lambda ht, hl: [ht.int64, ht.x],
    "missing last, descending": lambda ht, hl: [hl.desc(ht.int64), ht.x],
    "several": lambda ht, hl: [hl.desc(ht.locus), ht.bool, hl.desc(ht.float64), ht.x],
    "a set, whose order is Hail's": lambda ht, hl: [ht.set, ht.x],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("lie", ["scattered", "in order", "by their own key"])
def test_rows_of_a_group_in_order(hl, scattered, order, lie):
    ht = scattered
    if lie == "by their own key":
        ht = ht.key_by("int32", "x")
    key = ht.x // 100 if lie == "in order" else ht.int32
    order_by = ORDERS[order](ht, hl)
    several = order_by if isinstance(order_by, list) else [order_by]
    table = together(hl, dict(k=key) if lie != "by their own key" else key, ht.x, order_by=order_by)
    ordered = ht.order_by(*several)  # Hail's own
    expected = {}
    for row in ordered.select(k=ordered.x // 100 if lie == "in order" else ordered.int32, x=ordered.x).collect():
        expected.setdefault(row.k, []).append(row.x)
    assert dict(rows_of(hl, table)) == expected


@pytest.mark.usefixtures("spilling")
def test_sorting_more_than_fits_in_memory(hl, scattered):
    check_as_hail(hl, {"k": scattered.str}, scattered)
    ordered = together(hl, scattered.x // 1000, scattered.x, order_by=hl.desc(scattered.x)).collect()
    assert [row.x for row in ordered] == [list(range(999, -1, -1)), list(range(ROWS - 1, 999, -1))]


def test_values_of_every_kind_travel(hl, scattered):
    """Through a shuffle, in place, and by the table's own key: the same values."""
    ht = scattered.select(
        "x",
        s=hl.or_missing(scattered.x % 3 != 0, hl.str(scattered.x)),
        b=scattered.x % 2 == 0,
        words=hl.range(hl.int32(scattered.x) % 4).map(lambda j: hl.or_missing(j != 2, hl.str(j))),
        rows=hl.range(hl.int32(scattered.x) % 3).map(lambda j: hl.range(j).map(lambda k: hl.float64(k) + scattered.x)),
        gaps=hl.range(70).map(lambda j: hl.or_missing(j % 9 != scattered.x % 9, hl.float64(j))),
        group=hl.int32(scattered.x) // 50,
    )

    def shown(s, b, words, rows, gaps):
        return repr((s, b, words, rows, gaps)).replace("\n", "")

    def run(ht, key):
        args = {name: ht[name] for name in ("s", "b", "words", "rows", "gaps")}
        table = hl.experimental.numpy_map(shown, dict(g=key), hl.tstruct(r=hl.tstr), args=args, order_by=ht.x)
        return [(row.g, row.r) for row in table.collect()]

    in_place = run(ht, ht.group)
    mixed = ht.order_by(ht.x % 7)
    assert run(mixed, mixed.group) == in_place
    keyed = ht.key_by("group", "x")
    assert run(keyed, keyed.group) == in_place


@pytest.mark.parametrize("lie", ["scattered", "in order", "by their own key"])
def test_what_follows_may_take_much_memory(hl, lie):
    """Groups lie in a region of their consumer's, which it clears and fills as it likes."""
    ht = hl.utils.range_table(4_000, 5)
    ht = ht.annotate(g=ht.idx % 400 if lie == "scattered" else ht.idx // 10, x=hl.float64(ht.idx))
    ht = ht.annotate(words=hl.range(ht.idx % 5).map(hl.str), wide=hl.range(50).map(lambda j: ht.x + j))
    if lie == "by their own key":
        ht = ht.key_by("g")

    def see(x, words, wide):
        return float(x.sum() + wide.sum()), [word for row in words for word in row]

    fields = hl.tstruct(total=hl.tfloat64, words=hl.tarray(hl.tstr))
    table = hl.experimental.numpy_map(see, dict(g=ht.g), fields, args=dict(x=ht.x, words=ht.words, wide=ht.wide))
    table = table.annotate(big=hl.range(1_000).map(lambda i: hl.str(i) + hl.str(table.total)))
    table = table.filter(hl.len(table.big) > 0)
    names = hl.utils.range_table(400, 3)
    table = table.join(names.annotate(g=names.idx).key_by("g").select("idx"))
    found = rows_of(hl, table.select("total", "words", last=table.big[-1]))
    for g, total, words, last in found:
        members = range(g, 4_000, 400) if lie == "scattered" else range(10 * g, 10 * g + 10)
        expected = float(sum(51 * i + sum(range(50)) for i in members))
        assert (total, sorted(words)) == (expected, sorted(str(j) for i in members for j in range(i % 5)))
        assert last.startswith("999")
    assert [g for g, *_ in found] == list(range(400))
    again = hl.experimental.numpy_map(
        lambda total: float(total.sum()), table.g // 7, "struct{s: float64}", args=dict(total=table.total)
    )
    assert again.aggregate(hl.agg.sum(again.s)) == sum(total for _, total, _, _ in found)
