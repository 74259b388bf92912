"""What holds for any table on Spark: the identity changes no value; results depend on the rows alone."""

from __future__ import annotations

import cloudpickle
import numpy as np
import pyarrow as pa
import pytest
import tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.case import Case, check
from contract.front_pyspark import PySpark

# Few, as each is a job of Spark; the same in every run.
few = settings(derandomize=True, deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def front(small_jobs):
    return PySpark(small_jobs)


@st.composite
def some_tables(draw):
    """Four columns of any types that Spark has, and the number of each row."""
    size = draw(st.integers(1, 8))
    kinds = draw(st.lists(tables.spark_types, min_size=4, max_size=4))
    columns = {name: draw(tables.arrays(kind, size, calendar=True)) for name, kind in zip("abcd", kinds, strict=True)}
    return pa.table({"t": pa.array(range(size), pa.int32()), **columns})


def rows_of(table):
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@few
@given(data=some_tables())
def test_rows_come_back(front, data):
    fields = pa.schema([field.with_name(f"{field.name}2") for field in data.schema])
    rows = [(*row, *row) for row in rows_of(data)]
    options = {"per": "row", "missing": "mask", "keep": data.column_names}
    check(front, Case("", lambda t, a, b, c, d: (t, a, b, c, d), data, fields, rows, by=None, options=options))


@few
@given(data=some_tables())
def test_groups_come_back(front, data):
    returns = pa.list_(pa.struct(list(data.schema)))
    options = {"missing": "mask", "order_by": ["t"]}
    check(front, Case("", lambda t, a, b, c, d: (t, a, b, c, d), data, returns, rows_of(data), by=(), options=options))


def summary(x, t):
    return x.size, np.nansum(x * t), float(x[0])


@few
@given(seed=st.integers(0, 2**32 - 1), batch_bytes=st.sampled_from([1, 300, 10**6]), partitions=st.integers(1, 4))
def test_results_do_not_depend_on_batches_partitions_or_the_order_of_rows(front, seed, batch_bytes, partitions):
    rng = np.random.default_rng(seed)
    data = pa.table(
        {
            "k": pa.array(rng.integers(0, 5, 30), mask=rng.random(30) < 0.1),
            "x": pa.array(rng.normal(size=30), mask=rng.random(30) < 0.1),
            "t": rng.permutation(30),
        }
    )
    returns = pa.schema({"n": pa.int64(), "y": pa.float64(), "first": pa.float64()})
    options = {"order_by": ["t"]}
    expected = front.run(Case("", summary, data, returns, options=options))
    shuffled = data.take(rng.permutation(30))
    front.session.conf.set("spark.sql.shuffle.partitions", partitions)
    check(front, Case("", summary, shuffled, returns, expected, options={**options, "batch_bytes": batch_bytes}))


cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["_"]))
