"""The result is a Hail table like any other, and regions live as long as they must."""

import re

import numpy as np
import pytest

from beringia.errors import GroupTimeoutError, WorkerDiedError


def summary(x):
    return float(np.sum(x)), len(x), np.sort(x)[:3]


@pytest.fixture(scope="module")
def fields(hl):
    return hl.tstruct(total=hl.tfloat64, n=hl.tint32, low=hl.tarray(hl.tfloat64))


@pytest.fixture(scope="module")
def summed(numpy_map, fields, genes):
    return numpy_map(summary, genes.gene, fields, args=dict(x=genes.x))


@pytest.fixture(scope="module")
def expected(genes):
    groups = {}
    for row in genes.collect():
        groups.setdefault(row.gene, []).append(row.x)
    return {gene: summary(np.array(x)) for gene, x in groups.items()}


def check(rows, expected, n=None):
    assert len(rows) == (len(expected) if n is None else n)
    for row in rows:
        total, count, low = expected[row.gene]
        assert row.total == pytest.approx(total, rel=1e-12)
        assert row.n == count
        assert row.low == list(low)


def test_collect_count_and_checkpoint(summed, expected, tmp_path):
    check(summed.collect(), expected)
    assert summed.count() == len(expected)
    assert summed._force_count() == len(expected)
    written = summed.checkpoint(str(tmp_path / "t.ht"))
    assert list(written.key) == ["gene"]
    check(written.collect(), expected)


def test_filter_join_head_order_and_spark(hl, summed, expected, genes):
    check(summed.filter(summed.n > 0).collect(), expected)
    check(summed.head(3).collect(), expected, 3)
    check(summed.tail(3).collect(), expected, 3)
    check(summed.order_by(hl.desc(summed.total)).collect(), expected)
    names = hl.utils.range_table(40, 3)
    names = names.annotate(gene="G" + hl.format("%02d", names.idx)).key_by("gene")
    joined = summed.join(names)
    check(joined.collect(), expected)
    annotated = names.annotate(**summed[names.gene])
    check(annotated.collect(), expected)
    back = genes.annotate(mean=summed[genes.gene].total / summed[genes.gene].n)
    assert back.aggregate(hl.agg.count_where(hl.is_defined(back.mean))) == 2000
    frame = summed.to_spark()
    assert frame.count() == len(expected)
    assert summed.union(summed).count() == 2 * len(expected)
    assert summed.distinct().count() == len(expected)
    assert summed.semi_join(names.head(4)).count() == 4


def test_allocation_downstream(hl, summed, expected):
    """Each row makes the consumer allocate far more than the row itself, in several steps."""
    big = summed.annotate(a=hl.range(20_000).map(lambda i: summed.total + i))
    big = big.annotate(b=hl.sorted(big.a, reverse=True), s=hl.str(big.total))
    big = big.filter(hl.len(big.b) > 0)
    big = big.annotate(c=big.b[:5])
    for _ in range(3):
        check(big.select("total", "n", "low").collect(), expected)
    assert big.aggregate(hl.agg.sum(big.b[0] - big.a[-1])) == pytest.approx(0)


@pytest.mark.parametrize("batch", [1, 1 << 10, 1 << 24])
def test_batches_of_any_size(hl, numpy_map, fields, genes, expected, batch):
    ht = numpy_map(summary, genes.gene, fields, args=dict(x=genes.x), batch_bytes=batch)
    check(ht.annotate(a=hl.range(1000)).drop("a").collect(), expected)
    check(ht._force_count() and ht.collect(), expected)


def test_nested(hl, numpy_map, summed, genes):
    again = numpy_map(
        lambda total, low: (float(total.sum()), float(low.sum())),
        hl.int32(summed.gene[1:2]),
        hl.tstruct(total=hl.tfloat64, low=hl.tfloat64),
        args=dict(total=summed.total, low=summed.low),
    )
    assert again.count() == 4
    assert sum(again.total.collect()) == pytest.approx(sum(genes.x.collect()))
    # In one stage: the second node works on the rows of the first, group by group.
    inner = numpy_map(lambda x: x * 2, genes.gene, "array<struct{y: float64}>", args=dict(x=genes.x))
    outer = numpy_map(lambda y: float(y.sum()), inner.gene, "struct{s: float64}", args=dict(y=inner.y), batch_bytes=64)
    assert sum(outer.s.collect()) == pytest.approx(2 * sum(genes.x.collect()))


def test_the_key_of_the_table_keeps_its_partitions(hl, numpy_map):
    ht = hl.utils.range_table(60, 6)
    ht = ht.annotate(g=ht.idx // 5).key_by("g", "idx").checkpoint(hl.utils.new_temp_file())
    partitions = ht.n_partitions()
    result = numpy_map(lambda idx: int(idx.sum()), ht.g, hl.tstruct(s=hl.tint64), args=dict(idx=ht.idx))
    assert result.n_partitions() == partitions
    assert result.s.collect() == [sum(range(5 * g, 5 * g + 5)) for g in range(12)]
    whole = numpy_map(lambda g: int(g[0]), [ht.g, ht.idx], hl.tstruct(s=hl.tint64), args=dict(g=ht.g + 0))
    assert list(whole.key) == ["g", "idx"]
    assert whole.count() == 60
    assert whole.s.collect() == [i // 5 for i in range(60)]


def test_empty_tables_and_partitions(hl, numpy_map, genes, fields):
    nothing = genes.filter(genes.x > 1e9)
    empty = numpy_map(summary, nothing.gene, fields, args=dict(x=nothing.x))
    assert empty.count() == 0
    assert empty.collect() == []
    few = genes.filter(genes.gene == "G07")
    assert numpy_map(summary, few.gene, fields, args=dict(x=few.x)).n.collect() == [50]
    mt = hl.utils.range_matrix_table(5, 0)
    shapes = numpy_map(
        lambda e: list(e.shape), mt.row_idx // 5, "struct{shape: array<int32>}", args=dict(e=mt.row_idx + mt.col_idx)
    )
    assert shapes.shape.collect() == [[5, 0]]


def test_large_groups_and_their_limit(hl, numpy_map):
    mt = hl.utils.range_matrix_table(600, 4000, n_partitions=3)
    ht = numpy_map(
        lambda e: float(e.sum()),
        mt.row_idx // 300,
        "struct{s: float64}",
        args=dict(e=hl.float64(mt.row_idx + mt.col_idx)),
    )
    rows = np.arange(600)[:, None] + np.arange(4000)[None]
    assert ht.s.collect() == [float(rows[:300].sum()), float(rows[300:].sum())]
    small = hl.utils.range_table(10)
    copies = small.annotate(x=hl.range(2_000_000).map(lambda i: hl.float64(i)))
    # 160 MB within the default cap of 1 GB.
    total = numpy_map(lambda x: x.shape[0] * x.shape[1], copies.idx * 0, "struct{n: int64}", args=dict(x=copies.x))
    assert total.n.collect() == [20_000_000]


def test_randomness_downstream(hl, summed):
    sampled = summed.annotate(r=hl.rand_unif(0, 1), k=hl.rand_int32(1000))
    values = sampled.r.collect()
    assert len(set(values)) == len(values)
    half = summed.filter(hl.rand_bool(0.5)).count()
    assert 0 < half < summed.count()


def test_randomness_upstream(hl, numpy_map):
    ht = hl.utils.range_table(200, 4)
    table = numpy_map(
        lambda x: {"x": x},
        ht.idx % 3,
        hl.tarray(hl.tstruct(x=hl.tfloat64)),
        args=dict(x=hl.rand_unif(0, 1) + 0 * ht.idx),
    )
    values = table.x.collect()
    assert len(set(values)) == 200
    assert all(0 <= x < 1 for x in values)


def test_dead_workers_and_timeouts(hl, numpy_map, genes):
    def dies(x):
        import os
        import signal

        os.kill(os.getpid(), signal.SIGSEGV)

    with pytest.raises(WorkerDiedError, match="gene=G") as caught:
        numpy_map(dies, genes.gene, "struct{s: float64}", args=dict(x=genes.x)).collect()
    assert caught.value.group.startswith("gene=G")

    def sleeps(x):
        import time

        time.sleep(60)

    with pytest.raises(GroupTimeoutError, match="gene=G"):
        numpy_map(sleeps, genes.gene, "struct{s: float64}", args=dict(x=genes.x), timeout=0.5).collect()
    assert numpy_map(lambda x: 1.0, genes.gene, "struct{s: float64}", args=dict(x=genes.x)).count() == 40


CLUSTER = """
import os
import hail as hl, numpy as np
import beringia.hail
from beringia.errors import GroupError

conf = beringia.hail.conf(**{"spark.executor.memory": "900m", "spark.driver.memory": "900m", **EXTRA})
hl.init(spark_conf=conf, master="local-cluster[2,1,1024]", quiet=True, log="hail.log", tmp_dir="tmp")
ht = hl.utils.range_table(4000, 8)
ht = ht.annotate(g=ht.idx % 100, x=hl.float64(ht.idx))

def work(x, w):
    import os
    return float((x * w[:1]).sum()), os.getppid(), x[:4]

f = hl.tstruct(s=hl.tfloat64, parent=hl.tint64, low=hl.tarray(hl.tfloat64))
t = hl.experimental.numpy_map(work, ht.g, f, args=dict(x=ht.x), consts=dict(w=np.ones(5)))
t = t.annotate(a=hl.range(2000).map(lambda i: t.s + i))
t = t.filter(hl.is_defined(t.s))
rows = t.collect()
assert len(rows) == 100
for row in rows:
    assert row.s == sum(range(row.g, 4000, 100)), row
assert len({row.parent for row in rows}) == 2, "both executors"
t = t.drop("a").checkpoint(os.path.abspath("t.ht"))
again = hl.experimental.numpy_map(lambda s: s * 2, t.g // 2, "array<struct{y: float64}>", args=dict(s=t.s))
assert again.count() == 100
assert again.filter(again.y > 0).join(t.key_by(id=t.g)).count() == 100

def fails(x):
    raise ValueError("on a cluster")
try:
    hl.experimental.numpy_map(fails, ht.g, "struct{s: float64}", args=dict(x=ht.x)).collect()
except GroupError as e:
    assert e.group.startswith("g="), e.group
    print("typed")
hl.stop()
print("done")
"""


def test_two_executor_jvms(run):
    printed = run(CLUSTER.replace("EXTRA", "{}"), timeout=400)
    assert "typed" in printed
    assert "done" in printed


LIMIT = """
import hail as hl
import beringia.hail
from beringia.errors import GroupTooLargeError
# Less shared memory than the matrix takes: it must be refused before any is asked for.
conf = beringia.hail.conf(maxGroupBytes="100k", **{"segment.maxBytes": "8m"})
hl.init(spark_conf=conf, master="local[2]", quiet=True, log="hail.log", tmp_dir="tmp")
column = hl.utils.range_table(50_000, 2)
matrix = hl.utils.range_table(200, 2)
for ht, x in [(column, hl.float64(column.idx)), (matrix, hl.range(20_000).map(lambda i: hl.float64(i + matrix.idx)))]:
    try:
        args = dict(x=x, idx=ht.idx)
        hl.experimental.numpy_map(lambda x, idx: 1.0, ht.idx % 2, "struct{s: float64}", args=args).collect()
    except GroupTooLargeError as e:
        print(e.group, "spark.beringia.maxGroupBytes" in str(e))
"""


def test_a_group_past_the_limit(run):
    """Of numbers, and of a matrix, which is written at once."""
    assert len(re.findall("id=[01] True", run(LIMIT))) == 2  # whichever group fails first


PROGRESS = """
import hail as hl, time
import beringia.hail
hl.init(spark_conf=beringia.hail.conf(), master="local[2]", show_progress=True, log="hail.log", tmp_dir="tmp")
ht = hl.utils.range_table(8, 4)
def slow(idx):
    time.sleep(1)
    return 1.0
hl.experimental.numpy_map(slow, ht.idx % 4, "struct{s: float64}", args=dict(idx=ht.idx)).collect()
"""


def test_hails_progress_bar_shows_the_groups_work(run):
    assert re.search(r"\[Stage \d+:.*\(\d \+ \d\) / 4\]", run(PROGRESS, check=False).stderr)


PLAIN = """
import hail as hl
import beringia.hail
hl.init(master="local[1]", quiet=True, log="hail.log", tmp_dir="tmp")
ht = hl.utils.range_table(4)
try:
    hl.experimental.numpy_map(lambda idx: 1.0, ht.idx // 2, "struct{s: float64}")
except beringia.errors.ConfigError as e:
    print(e)
"""


def test_hail_without_the_plugin_says_how_to_start(run):
    assert "hl.init(spark_conf=beringia.hail.conf())" in run(PLAIN)


AGAIN = """
import gc
import hail as hl
import pandas as pd
import beringia.hail
def started():
    hl.init(spark_conf=beringia.hail.conf(), master="local[2]", quiet=True, log="hail.log", tmp_dir="tmp")
    data = pd.DataFrame(dict(x=range(4)))
    ht = beringia.hail.from_pandas(data)
    sums = hl.experimental.numpy_map(lambda x: float(x.sum()), ht.x % 2, "struct{s: float64}", args=dict(x=ht.x))
    return sums.s, beringia.hail.from_spark(hl.utils.java.Env.spark_session().createDataFrame(data)).x
tables = started()
hl.stop()
of_another = tables
tables = started()
del of_another
gc.collect()
print([values.collect() for values in tables])
"""


def test_tables_of_a_hail_that_was_stopped_are_not_those_of_the_next(run):
    """Each Hail numbers them from one on."""
    assert "[[2.0, 4.0], [0, 1, 2, 3]]" in run(AGAIN)
