"""Windows of loci, of numbers and of rows: those that the plainest way finds, wherever rows lie."""

import math

import numpy as np
import pytest
from spark_stages import checked, newest_stage, shuffled

ROWS = 900
# Size and step, and bytes of a batch: large batches, a window for each, and small ones.
EXTENTS = [
    *((100, 50, batch_bytes) for batch_bytes in (None, 1, 3000)),
    *((5000, 1250, batch_bytes) for batch_bytes in (None, 1, 3000)),
    (100, 100, 3000), (70, 30, 1), (70, 30, 3000), (30, 80, 1), (1, 1, 3000),
]  # fmt: skip


@pytest.fixture(scope="module")
def loci(hl, tmp_path_factory):
    """Rows of four contigs over seven partitions, by their loci, some of which are the same; and what they hold."""
    rng = np.random.default_rng(3)
    contigs = np.sort(rng.choice(4, ROWS, p=[0.5, 0.02, 0.08, 0.4]))
    rows = [
        {"contig": ["1", "2", "10", "X"][contig], "position": int(rng.integers(1, 3000)), "x": i}
        for i, contig in enumerate(contigs)
    ]
    ht = hl.Table.parallelize(rows, hl.tstruct(contig=hl.tstr, position=hl.tint32, x=hl.tint32), n_partitions=7)
    ht = ht.annotate(locus=hl.locus(ht.contig, ht.position, "GRCh37"), cm=ht.position / 100)
    ht = ht.key_by("locus").checkpoint(str(tmp_path_factory.mktemp("loci") / "loci.ht"))
    assert ht.n_partitions() == 7
    return ht, [(row.contig, row.position, row.x) for row in ht.collect()]


def members(x):
    return sorted(x.tolist())


FIELDS = "struct{x: array<int32>}"


def found(hl, table):
    """The result's rows, in the order that its key promises."""
    with checked(hl):
        rows = [tuple(row.values()) for row in table.collect()]
    assert [row[:-1] for row in rows] == sorted(row[:-1] for row in rows)
    return rows


def expected(rows, size, step, *, from_zero=True):
    """All windows of each contig that have rows of `rows`, each a contig, a position and a number."""
    windows = {}
    for contig, at, x in rows:
        if at is None or not math.isfinite(at):
            continue
        for number in range(math.floor((at - size) / step) - 2, math.floor(at / step) + 2):
            start, end = number * step, number * step + size
            if start <= at < end and (number >= 0 or not from_zero):
                windows.setdefault(((contig,) if contig is not None else ()) + (start, end), []).append(x)
    return [(*key, sorted(xs)) for key, xs in sorted(windows.items())]


def windows(hl, ht, position, **options):
    import beringia.hail

    extent = {name: options.pop(name) for name in ("size", "step", "unit") if name in options}
    return hl.experimental.numpy_map(
        members, beringia.hail.window(position, **extent), FIELDS, args=dict(x=ht.x), **options
    )


@pytest.mark.parametrize(("size", "step", "batch_bytes"), EXTENTS)
def test_windows_of_loci(hl, loci, size, step, batch_bytes):
    ht, rows = loci
    before = newest_stage(hl)
    table = windows(hl, ht, ht.locus, size=size, step=step, batch_bytes=batch_bytes)
    assert table.key.dtype == hl.tstruct(contig=hl.tstr, start=hl.tint32, end=hl.tint32)
    assert found(hl, table) == expected(rows, size, step)
    assert shuffled(hl, before) == 0


@pytest.mark.parametrize(("size", "step"), [(0.5, 0.25), (0.7, 0.3), (0.1, 0.1), (40.0, 9.0)])
def test_windows_of_a_number_do_not_cross_contigs(hl, loci, size, step):
    ht, rows = loci
    before = newest_stage(hl)
    table = windows(hl, ht, ht.cm, size=size, step=step, batch_bytes=2000)
    assert table.key.dtype == hl.tstruct(contig=hl.tstr, start=hl.tfloat64, end=hl.tfloat64)
    assert found(hl, table) == expected([(c, p / 100, x) for c, p, x in rows], size, step, from_zero=False)
    assert shuffled(hl, before) == 0


@pytest.mark.parametrize(
    ("size", "step", "batch_bytes"),
    [(10, 5, None), (10, 5, 1), (7, 3, 1), (3, 8, None), (1000, 1000, None), (200, 20, None), (200, 20, 1)],
)
def test_windows_of_rows(hl, loci, size, step, batch_bytes):
    ht, rows = loci
    table = windows(hl, ht, ht.locus, size=size, step=step, unit="rows", batch_bytes=batch_bytes)
    assert table.key.dtype == hl.tstruct(contig=hl.tstr, start=hl.tint64, end=hl.tint64)
    wanted = []
    for contig in sorted({row[0] for row in rows}):
        xs = [row[2] for row in rows if row[0] == contig]  # in the table's order
        for start in range(0, len(xs), step):
            wanted.append((contig, start, min(start + size, len(xs)), sorted(xs[start : start + size])))
    assert found(hl, table) == wanted


@pytest.mark.parametrize("lie", ["descending", "scattered", "scattered in contigs"])
def test_rows_in_no_order_are_sorted(hl, loci, lie):
    ht, rows = loci
    ht = ht.key_by()
    scattered = (ht.x * 7919) % 901
    orders = {"descending": [-ht.x], "scattered": [scattered], "scattered in contigs": [ht.contig, scattered]}
    ht = ht.order_by(*orders[lie])
    table = windows(hl, ht, ht.locus, size=100, step=50)
    assert found(hl, table) == expected(rows, 100, 50)


def test_a_row_in_five_windows_is_shuffled_once(hl, loci):
    """As many bytes move as for windows that do not overlap, and fewer than twice those of the rows."""
    import beringia.hail

    ht, rows = loci
    ht = ht.key_by()
    ht = ht.annotate(wide=hl.range(100).map(lambda i: hl.rand_unif(0, 1)))
    ht = ht.order_by((ht.x * 7919) % 901).checkpoint(hl.utils.new_temp_file(extension="ht"))
    moved = {}
    for step in (100, 20):
        before = newest_stage(hl)
        window = beringia.hail.window(ht.locus, size=100, step=step)
        table = hl.experimental.numpy_map(
            lambda x, wide: (len(x), wide.shape[1]),
            window,
            "struct{n: int32, m: int32}",
            args=dict(x=ht.x, wide=ht.wide),
        )
        assert sum(table.n.collect()) == sum(len(xs) for *_, xs in expected(rows, 100, step))
        moved[step] = shuffled(hl, before)
    assert 800 * ROWS / 2 < moved[100] < 2 * 800 * ROWS
    assert moved[20] == pytest.approx(moved[100], rel=0.02)


def test_rows_in_no_order_without_contigs_are_sorted(hl, loci):
    ht, rows = loci
    ht = ht.key_by()
    ht = ht.order_by(-ht.x)
    of_x = windows(hl, ht, hl.int64(ht.x) - 300, size=90, step=40)
    assert of_x.key.dtype == hl.tstruct(start=hl.tint64, end=hl.tint64)
    assert found(hl, of_x) == expected([(None, x - 300, x) for *_, x in rows], 90, 40, from_zero=False)


def test_rows_without_a_position_are_in_no_window(hl, loci):
    ht, rows = loci
    ht = ht.annotate(
        cm=hl.case()
        .when(ht.x % 7 == 0, float("nan"))
        .when(ht.x % 7 == 1, float("inf"))
        .when(ht.x % 7 != 2, ht.cm)
        .or_missing()
    )
    table = windows(hl, ht, ht.cm, size=2.0, step=1.0)
    left = [(c, p / 100, x) for c, p, x in rows if x % 7 > 2]
    assert found(hl, table) == expected(left, 2.0, 1.0, from_zero=False)
    ht = ht.key_by()
    ht = ht.annotate(somewhere=hl.or_missing(ht.x % 5 != 0, ht.locus))
    table = windows(hl, ht, ht.somewhere, size=200, step=100)
    assert found(hl, table) == expected([row for row in rows if row[2] % 5], 200, 100)
    assert windows(hl, ht, hl.missing(hl.tfloat64) + ht.x, size=1).collect() == []
    nothing = ht.filter(ht.x < 0)
    assert windows(hl, nothing, nothing.locus, size=1).collect() == []


def test_partitions_that_are_empty_or_small(hl):
    """A window may have the rows of many partitions."""
    ht = hl.utils.range_table(400, 40)
    ht = ht.filter((ht.idx < 150) | (ht.idx >= 290))
    ht = ht.select(x=ht.idx)
    rows = [(None, x, x) for x in range(400) if x < 150 or x >= 290]
    for size, step, batch_bytes in ((95, 10, None), (95, 10, 200), (7, 7, 200), (1000, 100, 200), (12, 30, None)):
        table = windows(hl, ht, ht.idx, size=size, step=step, batch_bytes=batch_bytes)
        assert found(hl, table) == expected(rows, size, step, from_zero=False)


def test_entries_and_what_else_a_window_has(hl, cohort):
    """Matrices, calls, text, lists and structs, once for all windows, and through the bytes between batches."""
    import beringia.hail

    def seen(G, gt, locus, gene, few, pheno, contig, start, end):
        inside = (locus["position"] >= start) & (locus["position"] < end)
        assert contig == "1" and inside.all() and G.shape == (len(gene), len(pheno)) == gt.shape[:2]
        text = "".join(gene) + "".join(map(str, few["b"].tolist()))
        return len(gene), float(np.nansum(G)), int(gt.astype(int).sum()), text, float(np.concatenate(few["a"]).sum())

    mt = cohort.annotate_rows(few=hl.struct(a=hl.range(cohort.locus.position % 3).map(hl.float64), b=cohort.gene))
    fields = "struct{n: int32, dosage: float64, alleles: int64, text: str, sum: float64}"
    args = dict(
        G=hl.float64(mt.GT.n_alt_alleles()), gt=hl.or_else(mt.GT, hl.call(0, 0)), locus=mt.locus, gene=mt.gene,
        few=mt.few, pheno=mt.pheno, contig="contig", start="start", end="end",
    )  # fmt: skip
    results = [
        hl.experimental.numpy_map(
            seen, beringia.hail.window(mt.locus, size=40, step=15), fields, args=args, batch_bytes=size
        ).collect()
        for size in (None, 1, 100_000)
    ]
    assert results[0] == results[1] == results[2]
    rows = mt.annotate_rows(
        dosage=hl.agg.sum(hl.float64(mt.GT.n_alt_alleles())),
        count=hl.agg.sum(hl.sum(hl.range(2).map(lambda i: hl.or_else(mt.GT, hl.call(0, 0))[i]))),
    ).rows().collect()  # fmt: skip
    positions = [(None, row.locus.position, number) for number, row in enumerate(rows)]
    for row, (start, end, inside) in zip(results[0], expected(positions, 40, 15), strict=True):
        own = [rows[number] for number in inside]
        assert (row.contig, row.start, row.end, row.n) == ("1", start, end, len(own))
        assert row.dosage == sum(r.dosage for r in own)
        assert row.alleles == sum(r.count for r in own)
        assert row.text == "".join(r.gene for r in own) * 2
        assert row.sum == sum(sum(r.few.a) for r in own)


def test_a_result_is_a_table_like_any_other(hl, loci, tmp_path):
    ht, rows = loci
    table = windows(hl, ht, ht.locus, size=100, step=50)
    total = len(expected(rows, 100, 50))
    assert table.count() == total
    named = table.checkpoint(str(tmp_path / "w.ht"))
    joined = table.join(named.select(again=named.x))
    assert joined.count() == total
    assert joined.all(joined.x == joined.again)
    assert (
        table.annotate(r=hl.rand_unif(0, 1)).aggregate(hl.agg.count_where(hl.is_defined(hl.rand_unif(0, 1)))) == total
    )


def test_a_window_that_fails_is_named(hl, loci):
    import beringia.hail
    from beringia.errors import GroupError

    ht, _ = loci
    window = beringia.hail.window(ht.locus, size=1000)
    with pytest.raises(GroupError) as caught:
        hl.experimental.numpy_map(
            lambda x, contig, start: 1 // int(contig != "10" or start < 1000), window, "struct{y: int32}"
        ).collect()
    assert caught.value.group == "contig=10, start=1000, end=2000"


def test_a_window_too_large_is_named(hl, loci):
    ht, _ = loci
    import beringia.hail

    conf = hl.spark_context()._jvm.org.apache.spark.SparkEnv.get().conf()
    conf.set("spark.beringia.maxGroupBytes", "1000")
    try:
        with pytest.raises(Exception, match=r"of the window from 0 on takes \d+ bytes"):
            windows(hl, ht, ht.locus, size=5000, step=1000).collect()
    finally:
        conf.remove("spark.beringia.maxGroupBytes")
    assert beringia.hail.window(ht.locus, size=3).step == 3


def test_rows_that_are_not_what_they_were(hl, tmp_path):
    """A table that is not the same each time it is computed: an error, and no row is lost in silence."""
    seen = tmp_path / "seen"

    def restless(idx):
        rows = range(10) if seen.exists() else range(12)
        seen.touch()
        return np.array(rows)

    ht = hl.utils.range_table(3, 1)
    table = hl.experimental.numpy_map(restless, ht.idx // 9, hl.tarray(hl.tstruct(x=hl.tint32)), args=dict(idx=ht.idx))
    with pytest.raises(Exception, match=r"the rows came in another order than a moment ago[\s\S]*checkpoint"):
        windows(hl, table, table.x, size=3).collect()


REFUSALS = {
    "no expression": (lambda w, ht: w("locus", size=1), "expected a locus or a number, as an expression"),
    "no number": (lambda w, ht: w(ht.contig, size=1), "expected a locus or a number, got str"),
    "no size": (lambda w, ht: w(ht.locus, size=0), "size is a number, or a duration, above zero, got 0"),
    "no step": (lambda w, ht: w(ht.locus, size=1, step=-1), "step is a number, or a duration, above zero, got -1"),
    "no whole number": (lambda w, ht: w(ht.locus, size=1.5), "size is 1.5, and the position a whole number"),
    "no unit": (lambda w, ht: w(ht.locus, size=1, unit="bp"), "unit is 'rows' or not given, got 'bp'"),
    "too many windows": (lambda w, ht: w(ht.locus, size=10**8, step=1), "a row would lie in 100000000 windows"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_windows(loci, name):
    import beringia.hail
    from beringia.errors import ArgumentError

    make, message = REFUSALS[name]
    with pytest.raises(ArgumentError, match=message):
        make(beringia.hail.window, loci[0])


def test_what_does_not_go_with_windows(hl, loci):
    import beringia.hail
    from beringia.errors import ArgumentError

    ht, _ = loci
    window = beringia.hail.window(ht.locus, size=10, step=5)
    for key, options, message in (
        ([window, ht.contig], {}, "a window is a key by itself"),
        (dict(w=window), {}, "a window is a key by itself"),
        (window, dict(order_by=ht.x), "in the order of its column"),
        (window, dict(writable=True), "windows that overlap have rows in common"),
    ):
        with pytest.raises(ArgumentError, match=message):
            hl.experimental.numpy_map(members, key, FIELDS, args=dict(x=ht.x), **options)
    with pytest.raises(ArgumentError, match="two columns named 'start'"):
        hl.experimental.numpy_map(members, window, "struct{start: int32}", args=dict(x=ht.x))
    far = ht.annotate(far=hl.float64(1e300))
    with pytest.raises(Exception, match=r"position 1\.0E300 is too far from 0 for steps of 1\.0"):
        windows(hl, far, far.far, size=1.0).collect()


# What sgkit 0.10.0 gives: for each window that has rows, its contig, its first row and the row after its last.
OF_SGKIT = [1, 4, 6, 8, 12, 1, 21, 25, 40, 55]  # positions of its examples, five rows for each of two contigs
BY_POSITION = [
    (dict(size=10, offset=1), [(0, 0, 4), (0, 4, 5), (1, 5, 6), (1, 6, 8), (1, 8, 9), (1, 9, 10)]),
    (dict(size=10), [(0, 0, 4), (0, 4, 5), (1, 5, 6), (1, 6, 8), (1, 8, 9), (1, 9, 10)]),
    (dict(size=20, step=5), [
        (0, 0, 5), (0, 2, 5), (0, 4, 5), (1, 5, 6), (1, 6, 7), (1, 6, 8), (1, 6, 8), (1, 6, 8), (1, 7, 9), (1, 8, 9),
        (1, 8, 9), (1, 8, 10), (1, 9, 10), (1, 9, 10),
    ]),
    (dict(size=4, step=9), [(0, 0, 1), (0, 4, 5), (1, 5, 6), (1, 6, 7), (1, 9, 10)]),
]  # fmt: skip
BY_VARIANT = [
    (dict(size=3), [(0, 0, 3), (0, 3, 5), (1, 5, 8), (1, 8, 10)]),
    (dict(size=3, step=2), [(0, 0, 3), (0, 2, 5), (0, 4, 5), (1, 5, 8), (1, 7, 10), (1, 9, 10)]),
    (dict(size=2, step=3), [(0, 0, 2), (0, 3, 5), (1, 5, 7), (1, 8, 10)]),
]


@pytest.fixture(scope="module")
def of_sgkit(hl):
    rows = [{"contig": "12"[i // 5], "position": at, "x": i} for i, at in enumerate(OF_SGKIT)]
    ht = hl.Table.parallelize(rows, hl.tstruct(contig=hl.tstr, position=hl.tint32, x=hl.tint32), n_partitions=3)
    return ht.key_by(locus=hl.locus(ht.contig, ht.position, "GRCh37"))


@pytest.mark.parametrize(("extent", "expected"), BY_POSITION)
def test_windows_are_those_of_sgkits_window_by_position(hl, of_sgkit, extent, expected):
    """The first is the example of its documentation, with an offset: a number of ours."""
    offset, step = extent.get("offset"), extent.get("step", extent["size"])
    by = of_sgkit.locus if offset is None else of_sgkit.position - offset
    extent = {name: value for name, value in extent.items() if name != "offset"}
    rows = found(hl, windows(hl, of_sgkit, by, **extent))
    of_last = {"1": 12, "2": 55}  # where sgkit begins no window
    made = [
        (int(contig) - 1, x[0], x[-1] + 1) for contig, start, _, x in rows if start + (offset or 0) != of_last[contig]
    ]
    assert made == expected
    assert all(x == list(range(x[0], x[-1] + 1)) for *_, x in rows)
    assert len(rows) - len(made) == sum(last % step == 0 for last in of_last.values() if offset is None)


@pytest.mark.parametrize(("extent", "expected"), BY_VARIANT)
def test_windows_are_those_of_sgkits_window_by_variant(hl, of_sgkit, extent, expected):
    """The first two are the examples of its documentation."""
    rows = found(hl, windows(hl, of_sgkit, of_sgkit.locus, unit="rows", **extent))
    starts = {"1": 0, "2": 5}  # rows of the data set before those of the contig
    assert [
        (int(contig) - 1, starts[contig] + start, starts[contig] + end) for contig, start, end, _ in rows
    ] == expected
    assert all(x == list(range(starts[contig] + start, starts[contig] + end)) for contig, start, end, x in rows)


def test_a_batch_holds_open_windows_and_no_more(hl):
    """However many rows a partition has: the function sees where in the memory of its batch a window lies."""
    import beringia.hail

    row, size, step = 16 * 8, 100, 20
    for rows in (2_000, 16_000):
        ht = hl.utils.range_table(rows, 2)
        ht = ht.annotate(x=hl.repeat(hl.float64(ht.idx), 16))
        window = beringia.hail.window(ht.idx, size=size, step=step)
        table = hl.experimental.numpy_map(
            lambda x: (x.nbytes, x.__array_interface__["data"][0]), window, "struct{bytes: int64, at: int64}",
            args=dict(x=ht.x), batch_bytes=1,
        )  # fmt: skip
        places = np.array([window.at for window in table.collect() if window.bytes == size * row])
        assert len(places) == (rows - size) // step + 1
        ends = np.flatnonzero(np.diff(places) != step * row)  # each begins where the one before it does, a step on
        batches = np.split(places, ends + 1)
        assert len(batches) > rows // (8 * size)
        assert max(batch[-1] - batch[0] for batch in batches) < 8 * size * row
