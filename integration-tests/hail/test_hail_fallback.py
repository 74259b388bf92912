"""Without the direct path the results are the same, key and types restored, and a warning says so once."""

import numpy as np
import pytest

from beringia.errors import GroupError

OURS, HAILS = "our rows", "Hail's rows"


@pytest.fixture
def unknown(hl, monkeypatch, request):
    """A version of Hail that the direct path does not know; Spark's rows are made by us, or else by Hail."""
    from beringia.hail import fallback, versions

    are_ours = getattr(request, "param", OURS) == OURS
    monkeypatch.setattr(versions, "obstacle", lambda _, trial=None: None if trial and are_ours else "a test")
    monkeypatch.setattr(fallback, "_warned", set())
    if are_ours:
        for name in ("to_spark", "from_spark"):
            monkeypatch.setattr(hl.Table, name, lambda *_, **__: pytest.fail("Hail makes rows, or takes them"))


@pytest.mark.parametrize("unknown", [OURS, HAILS], indirect=True)
@pytest.mark.filterwarnings("ignore:numpy_map does not know")
def test_the_same_results_and_types(hl, numpy_map, cohort, unknown, monkeypatch):
    mt = cohort
    fields = hl.tstruct(
        total=hl.tfloat64,
        calls=hl.tarray(hl.tcall),
        where=hl.tlocus("GRCh37"),
        low=hl.tndarray(hl.tfloat64, 2),
        label=hl.tstr,
    )

    def function(G, GT, locus, y, names, gene, w, scale):
        calls = [[int(a) for a in pair] for pair in GT[0, :5] if a_call(pair)]
        return (
            float(np.nansum(G * w[0]) * scale + y.sum()),
            calls,
            ("1", int(locus["position"].min())),
            G[:2, :3],
            names[0] + gene,
        )

    def a_call(pair):
        return not np.ma.getmaskarray(pair).any()

    def run():
        return numpy_map(
            function,
            mt.gene,
            fields,
            args=dict(
                G=hl.float64(mt.GT.n_alt_alleles()), GT=mt.GT, locus=mt.locus, y=mt.pheno, names=mt.names, gene=mt.gene
            ),
            consts=dict(w=np.array([2.0]), scale=3.0),
            order_by=mt.locus,
            missing=dict(GT="mask"),
        )

    slow = run()
    monkeypatch.undo()
    fast = run()
    assert slow.row.dtype == fast.row.dtype
    assert list(slow.key) == list(fast.key) == ["gene"]
    assert slow.globals.dtype == fast.globals.dtype
    assert slow._same(fast.select(*fast.row_value), tolerance=1e-12)


@pytest.mark.filterwarnings("ignore:numpy_map does not know")
def test_many_rows_and_errors(hl, numpy_map, unknown):
    ht = hl.utils.range_table(6, 2)
    table = numpy_map(
        lambda i: {"x": np.arange(i[0])},
        [hl.locus("1", ht.idx // 2 + 1)],
        "array<struct{x: int32}>",
        args=dict(i=ht.idx),
        order_by=ht.idx,
    )
    assert table.key.dtype == hl.tstruct(id=hl.tlocus("GRCh37"))
    assert [(r.id.position, r.x) for r in table.collect()] == [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2), (3, 3)]
    with pytest.raises(GroupError, match=r"division[\s\S]*id='[012]',"):
        numpy_map(lambda i: 1 // 0, ht.idx // 2, "struct{x: int32}", args=dict(i=ht.idx)).collect()


def test_it_says_so_once(hl, numpy_map, unknown):
    ht = hl.utils.range_table(2)
    with pytest.warns(UserWarning, match="does not know Hail") as caught:
        for _ in range(2):
            numpy_map(lambda i: 1, ht.idx, "struct{x: int32}", args=dict(i=ht.idx))
    assert len([w for w in caught if "does not know Hail" in str(w.message)]) == 1


def test_another_version_is_tried_with_small_jobs(hl, monkeypatch):
    from beringia.hail import nodes, spark_frames, versions

    assert versions.obstacle("0.2.998") is None
    assert versions.obstacle("0.2.998", spark_frames.there_and_back) is None

    def moved(*_):
        raise AttributeError("is.hail.rvd.RVD has moved\nto another place")

    monkeypatch.setattr(nodes.NumpyMap, "of", moved)
    assert versions.obstacle("0.2.999") == "a small job failed: is.hail.rvd.RVD has moved"
    assert versions.obstacle("0.2.998") is None  # not tried again
    monkeypatch.setattr(spark_frames, "to_spark", moved)
    failed = versions.obstacle("0.2.999", spark_frames.there_and_back)
    assert failed == "a small job failed: is.hail.rvd.RVD has moved"


@pytest.mark.parametrize("unknown", [OURS, HAILS], indirect=True)
@pytest.mark.filterwarnings("ignore:numpy_map does not know")
def test_tasks_at_the_same_time_do_not_mix_up_their_rows(hl, numpy_map, unknown):
    """Hail reads a DataFrame back with tasks that share what makes its rows."""
    ht = hl.utils.range_table(400, 8)
    ht = ht.annotate(a=hl.range(50 + ht.idx % 7).map(lambda i: hl.range(100).map(lambda j: hl.float64(ht.idx))))
    table = numpy_map(
        lambda idx, a: bool((a == idx).all()), ht.idx, "struct{same: bool}", args=dict(idx=ht.idx, a=ht.a)
    )
    for _ in range(5):
        assert table.aggregate(hl.agg.count_where(table.same)) == 400
