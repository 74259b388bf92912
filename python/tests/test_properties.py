"""What holds for any table: the identity changes no bit; results depend on the rows alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tables import any_types, arrays, bits

import beringia

# The same examples in every run; how long one takes is the machine's affair.
every = settings(derandomize=True, deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def pools():
    with beringia.Pool(1) as one, beringia.Pool(3) as three:
        yield one, three


@st.composite
def columns(draw, types):
    return draw(arrays(draw(types), draw(st.integers(1, 6))))


def one_field(kind):
    return pa.list_(pa.struct({"x": kind}))


@every
@given(column=columns(any_types))
def test_a_group_comes_back_bit_by_bit(pools, column):
    data = pa.table({"x": column})
    result = beringia.numpy_map(lambda x: {"x": x}, data, one_field(column.type), missing="mask", pool=pools[0])
    assert result.schema.types == [column.type]
    assert bits(result["x"]) == bits(column)


@every
@given(column=columns(any_types))
def test_a_group_comes_back_as_one_list(pools, column):
    data, returns = pa.table({"x": column}), pa.schema({"y": pa.list_(column.type)})
    result = beringia.numpy_map(lambda x: {"y": x}, data, returns, missing="mask", pool=pools[0])
    assert bits(result["y"]) == [bits(column)]


@every
@given(column=columns(any_types))
def test_what_arrow_has_of_a_group_comes_back(pools, column):
    result = beringia.numpy_map(lambda i: {"x": column}, {"i": [0]}, one_field(column.type), pool=pools[0])
    assert bits(result["x"]) == bits(column)


@every
@given(column=columns(any_types))
def test_rows_come_back_bit_by_bit(pools, column):
    data, returns = pa.table({"x": column}), pa.schema({"y": column.type})
    result = beringia.numpy_map(lambda x: (x,), data, returns, per="row", missing="mask", pool=pools[0], keep="x")
    assert bits(result["x"]) == bits(column)
    assert bits(result["y"]) == bits(column)


@every
@given(column=columns(any_types), keys=st.lists(st.sampled_from(["a", "b", None]), min_size=6, max_size=6))
def test_what_is_kept_comes_back_bit_by_bit_in_the_order_of_the_keys(pools, column, keys):
    keys = keys[: len(column)]
    data = pa.table({"k": pa.array(keys, pa.string()), "x": column, "t": range(len(keys))})
    result = beringia.numpy_map(
        lambda t: t, data, pa.list_(pa.struct({"n": pa.int64()})), by="k", keep="x", order_by="t", pool=pools[1]
    )
    order = [row for key in (None, "a", "b") for row in range(len(keys)) if keys[row] == key]
    assert result["n"].to_pylist() == order
    assert bits(result["x"]) == [bits(column)[row] for row in order]


@st.composite
def grouped(draw):
    size = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return pa.table(
        {
            "k": pa.array(rng.integers(0, draw(st.integers(1, 12)), size), mask=rng.random(size) < 0.1),
            "x": pa.array(rng.normal(size=size), mask=rng.random(size) < 0.1),
            "t": rng.permutation(size),
        }
    )


def summary(x, t):
    return x.size, np.nansum(x * t), float(x[0])


RETURNS = pa.schema({"n": pa.int64(), "y": pa.float64(), "first": pa.float64()})


@every
@given(data=grouped(), batch_bytes=st.sampled_from([1, 64, 300, 10**6]), seed=st.integers(0, 99))
def test_results_do_not_depend_on_batches_workers_or_the_order_of_rows(pools, data, batch_bytes, seed):
    one, three = pools
    expected = beringia.numpy_map(summary, data, RETURNS, by="k", order_by="t", pool=one)
    shuffled = data.take(np.random.default_rng(seed).permutation(data.num_rows))
    pieces = pa.concat_tables([shuffled.slice(start, 7) for start in range(0, data.num_rows, 7)])
    result = beringia.numpy_map(summary, pieces, RETURNS, by="k", order_by="t", pool=three, batch_bytes=batch_bytes)
    assert [bits(column) for column in result.columns] == [bits(column) for column in expected.columns]
