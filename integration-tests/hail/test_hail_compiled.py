"""Rows that Hail computes by a function that is kept from query to query: they are always the table's own."""

from collections import Counter

import pytest
from hail.utils import HailUserError
from hail.utils.java import Env

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


GATE = ("joined", "of entries")  # the others' rows come to numpy_map in one of the same ways


@pytest.mark.parametrize(
    "name",
    [name if name in GATE else pytest.param(name, marks=pytest.mark.slow) for name in map(str.strip, NAMES.split(","))],
)
def test_groups_are_of_the_rows_that_hail_collects(hl, name):
    table = computed(hl)[name]
    table = table.select(text=hl.json(table.row)).key_by().select("text")
    expected = Counter(table.text.collect())
    mapped = hl.experimental.numpy_map(
        lambda text: len(text), dict(k=hl.len(table.text)), "struct{n: int32}", args=dict(text=table.text)
    )
    for _ in range(2):
        assert {row.k: row.n for row in mapped.collect()} == Counter(map(len, expected.elements()))
    texts = hl.experimental.numpy_map(
        lambda text: {"t": text}, dict(k=hl.len(table.text)), "array<struct{t: str}>", args=dict(text=table.text)
    )
    assert Counter(texts.t.collect()) == expected


def test_a_query_of_a_known_form_is_not_compiled_again(hl, numpy_map):
    def found():
        mt = hl.utils.range_matrix_table(6, 3, 2).annotate_globals(shift=5)
        mt = mt.annotate_rows(__0=hl.array([10, 20])[mt.row_idx % 2], __key_0=mt.row_idx % 3)  # named as ours are
        mt = mt.annotate_entries(x=hl.locus("1", mt.row_idx + 1).position * mt.col_idx)
        made = numpy_map(
            lambda r, c, x, s: int(s + r.sum() + (c * x).sum()),
            mt["__key_0"],
            hl.tstruct(n=hl.tint),
            args=dict(r=mt["__0"], c=mt.col_idx, x=mt.x, s=mt.shift),
        )
        return made.n.collect()

    expected = [5 + 30 + sum((i + 1) * c * c for i in (k, k + 3) for c in range(3)) for k in range(3)]
    assert found() == expected
    compiled = Env.spark_session()._jvm.org.beringia.hail.CompiledRows.compiled
    before = compiled()
    assert found() == expected
    assert compiled() == before


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


@pytest.mark.parametrize("out", ["to_arrow", "numpy_map"])
def test_an_error_in_an_expression_names_its_line_in_this_query(hl, bh, out):
    def ask(table):
        if out == "to_arrow":
            return bh.to_arrow(table)
        return hl.experimental.numpy_map(
            lambda x: {"s": x.sum()}, dict(k=table.x % 2), "struct{s: int64}", args=dict(x=table.x)
        ).collect()

    ht = hl.utils.range_table(8, 2).key_by()
    here = ht.select(x=hl.array([1, 2])[ht.idx + 5])
    there = ht.select(x=hl.array([1, 2])[ht.idx + 5])
    compiled = Env.spark_session()._jvm.org.beringia.hail.CompiledRows.compiled
    counts = []
    for table, line in ((here, "here = ht"), (there, "there = ht")):
        with pytest.raises(HailUserError, match="index out of bounds") as caught:
            ask(table)
        assert line in str(caught.value)
        counts.append(compiled())
    assert counts[0] == counts[1]  # both ran the same code
