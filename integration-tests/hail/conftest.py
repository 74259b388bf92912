"""Hail with Beringia. It needs a process of its own: one Spark session lives in a process at a time."""

import gc

import numpy as np
import pytest
from argument_text import seen
from exchange_files import open_files, shared_memory


@pytest.fixture(scope="session")
def hl(nothing_stays, tmp_path_factory):
    """Hail, running with the plugin, ``local[2]``."""
    from pyspark import SparkContext

    if SparkContext._active_spark_context is not None:
        pytest.skip("a Spark session is running: run these tests by themselves, pytest integration-tests/hail")
    import beringia.hail
    import hail

    directory = tmp_path_factory.mktemp("hail")
    conf = beringia.hail.conf(**{"spark.driver.memory": "2g", "spark.ui.showConsoleProgress": "false"})
    hail.init(
        spark_conf=conf,
        master="local[2]",
        quiet=True,
        log=str(directory / "hail.log"),
        tmp_dir=str(directory),
        idempotent=True,
    )
    yield hail
    hail.stop()


@pytest.fixture(scope="session")
def bh(hl):
    import beringia.hail

    return beringia.hail


@pytest.fixture
def no_file_stays():
    """None of our files that a test makes is open, or in memory, behind it: tables of other tests may have theirs."""
    before = open_files()
    yield
    gc.collect()
    assert shared_memory() == 0
    assert open_files() <= before


@pytest.fixture(scope="session")
def numpy_map(hl):
    return hl.experimental.numpy_map


@pytest.fixture(scope="session")
def show(hl, numpy_map):
    """What a function sees of an expression, as text for each group."""

    def show(key, expression, **options):
        def function(x):
            return seen(x)

        result = numpy_map(function, key, hl.tstruct(text=hl.tstr), args=dict(x=expression), **options)
        return [row.text for row in result.collect()]

    return show


@pytest.fixture(scope="session")
def genes(hl, tmp_path_factory):
    """A table of 2,000 rows in 40 genes over 5 partitions."""
    rng = np.random.default_rng(1)
    rows = [
        {
            "gene": f"G{i % 40:02d}",
            "t": int(rng.integers(1000)),
            "x": float(rng.normal()),
            "covs": [1.0, float(rng.normal())],
        }
        for i in range(2000)
    ]
    schema = hl.tstruct(gene=hl.tstr, t=hl.tint32, x=hl.tfloat64, covs=hl.tarray(hl.tfloat64))
    path = str(tmp_path_factory.mktemp("genes") / "genes.ht")
    return hl.Table.parallelize(rows, schema, n_partitions=5).checkpoint(path)


@pytest.fixture(scope="session")
def cohort(hl, tmp_path_factory):
    """300 variants of 120 samples, with missing calls, a phenotype and a covariate."""
    hl.set_global_seed(7)
    mt = hl.balding_nichols_model(3, 120, 300, n_partitions=4)
    mt = mt.annotate_entries(GT=hl.or_missing(hl.rand_unif(0, 1) > 0.05, mt.GT))
    mt = mt.annotate_cols(
        pheno=hl.rand_norm(0, 1) + 0.1 * mt.pop, age=hl.rand_unif(20, 80), case=hl.rand_unif(0, 1) > 0.5
    )
    mt = mt.annotate_rows(block=mt.locus.position // 60, gene=hl.str(mt.locus.position % 11), weight=hl.rand_unif(0, 1))
    mt = mt.annotate_globals(shrinkage=2.5, names=["a", "b"])
    return mt.checkpoint(str(tmp_path_factory.mktemp("cohort") / "cohort.mt"))
