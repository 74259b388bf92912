"""Rows that Hail computes by a function that is kept from query to query: they are always the table's own."""

import pytest

NAMES = """
as it is, of other partitions, by globals, joined, filtered, by a scan, by a pass over another, exploded,
in another order, one of each key, grouped, none, of several, of entries
"""


def computed(hl):
    """Tables, by what they are computed from."""
    ht = hl.utils.range_table(20, 4).annotate(x=hl.range(3).map(hl.float64))
    right = hl.utils.range_table(10, 3).annotate(y=hl.literal(["a", "b"])[0])
    return {
        "as it is": ht,
        "of other partitions": ht.repartition(3),
        "by globals": (by := ht.annotate_globals(g=[1, 2])).annotate(z=by.g[by.idx % 2]),
        "joined": ht.annotate(y=right[ht.idx].y),
        "filtered": ht.filter(ht.idx % 7 == 3),
        "by a scan": ht.annotate(before=hl.scan.sum(ht.idx)),
        "by a pass over another": ht.annotate(most=right.aggregate(hl.agg.max(right.idx), _localize=False)),
        "exploded": ht.explode("x"),
        "in another order": ht.order_by(-ht.idx),
        "one of each key": ht.key_by(k=ht.idx % 3).distinct().key_by().drop("idx", "x"),
        "grouped": ht.group_by(k=ht.idx % 3).aggregate(s=hl.agg.sum(ht.idx)),
        "none": ht.filter(False),
        "of several": ht.union(ht),
        "of entries": hl.utils.range_matrix_table(4, 3, 2).entries(),
    }


@pytest.mark.parametrize("name", [name.strip() for name in NAMES.split(",")])
def test_rows_are_those_that_hail_collects(bh, hl, name):
    table = computed(hl)[name]
    expected = [dict(row) for row in table.collect()]
    for _ in range(2):
        assert bh.to_arrow(table).to_pylist() == expected


def test_a_table_that_is_written_again_is_read_again(bh, hl, tmp_path):
    path = str(tmp_path / "table.ht")
    for factor, partitions in ((1, 2), (10, 3), (10, 1)):
        rows = hl.utils.range_table(6, partitions)
        rows.annotate(x=rows.idx * factor).write(path, overwrite=True)
        read = hl.read_table(path)
        assert bh.to_numpy(read.x).tolist() == [factor * i for i in range(6)]
        assert bh.to_numpy(read.x + factor).tolist() == [factor * (i + 1) for i in range(6)]


def test_values_that_a_query_has_for_all_rows_are_its_own(bh, hl):
    ht = hl.utils.range_table(3, 2)
    for values in ([1.5, 2.5, 3.5], [4.5, 5.5, 6.5]):
        table = ht.annotate_globals(values=values)
        assert bh.to_numpy(table.values[table.idx]).tolist() == values
