"""Scalar functions over portions of a batch come to what PySpark's own loop comes to over each portion on its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark import cloudpickle
from pyspark.sql.pandas.types import from_arrow_type
from test_udf_groups import TYPES, batch, by_both, every, options, plain, rows, same, seen

from beringia.spark.udf import batch as batches
from beringia.spark.udf.scalars import Scalars

TEXT = pa.large_string()


def scalars(functions, columns):
    """Arguments of functions or chains of them, each with the columns that it is given and the type of its results."""
    programs, given = [], []
    for chain, offsets, kind in functions:
        chain = chain if isinstance(chain, tuple) else (chain,)
        of_spark = from_arrow_type(plain(kind), prefer_timestamp_ntz=True)
        pickles = [cloudpickle.dumps((function, of_spark)) for function in chain]
        programs += pickles
        given.append({"bytes": [len(pickled) for pickled in pickles], "offsets": offsets})
    return b"".join(programs), options(200, given, columns)


def both(functions, sizes, columns, *, patterns=None):
    """What functions come to by ours, and by PySpark's own loop; with `patterns` of nulls beyond which it is that."""
    fields = [pa.field(f"f{i}", kind) for i, (*_, kind) in enumerate(functions)]
    return by_both(Scalars, scalars(functions, columns), sizes, columns, fields, patterns)


def described(*series):
    return pd.Series([seen(*series)] * len(series[0]))


@every
@given(rows(), st.data(), st.sampled_from([None, 0]))
def test_series_are_the_same(given, data, patterns):
    sizes, columns = given
    every_column = list(range(len(columns)))
    kinds = [data.draw(st.sampled_from(list(TYPES))) for _ in range(2)]
    functions = [(described, every_column, TEXT)]
    functions += [(lambda series: series, [i % len(columns)], kind) for i, kind in enumerate(kinds)]
    functions += [(lambda series: series.isna(), [0], pa.bool_())]
    ours, theirs = both(functions, sizes, columns, patterns=patterns)
    assert same(ours, theirs)


RESULTS = {
    "shorter": lambda x: x[1:],
    "longer": lambda x: pd.concat([x, x]),
    "an array": lambda x: x.to_numpy(),
    "a list": lambda x: x.tolist(),
    "a frame": lambda x: pd.DataFrame({"x": x}),
    "a number": lambda x: 1.0,
    "nothing": lambda x: None,
    "of another index": lambda x: x.iloc[::-1],
    "of a class of its own": lambda x: type("Own", (pd.Series,), {})(x),
    "nullable": lambda x: x.astype("Float64"),
    "categories": lambda x: x.astype("category"),
    "texts": lambda x: x.astype(str),
    "numbers among texts": lambda x: x.astype(object).where(x > 1, "a"),
    "infinite": lambda x: x / 0,
    "raised": lambda x: x.nothing,
}


@pytest.mark.parametrize("kind", [pa.float64(), pa.int32(), TEXT], ids=str)
@pytest.mark.parametrize("name", RESULTS)
def test_results_are_taken_as_by_pyspark(name, kind):
    columns = [pa.array([0.0, 1.0, 2.0, None, 4.0])]
    first = (lambda x: x + 1, [0], pa.float64())
    for functions in (
        [(RESULTS[name], [0], kind)],
        [first, (RESULTS[name], [0], kind)],
        [(RESULTS[name], [0], kind), (lambda x: 1 / 0, [0], kind)],
    ):
        ours, theirs = both(functions, [3, 2], columns)
        assert same(ours, theirs)


def test_the_error_of_an_earlier_portion_comes_first():
    def f(x):
        if x[0] == 3:
            raise RuntimeError("later")
        return x.astype(object).where(x != 2, "a").rename("mine")

    ours, theirs = both([(f, [0], pa.int64())], [3, 2], [pa.array([0, 1, 2, 3, 4])])
    assert ours == theirs
    assert "later" not in ours[1]


def test_functions_are_called_one_with_the_others_result():
    ours, theirs = both([((lambda x: x + 1, lambda x: x * 2), [0], pa.int64())], [2, 1], [pa.array([1, 2, 3])])
    assert same(ours, theirs)
    assert ours["f0"].to_pylist() == [4, 6, 8]


def test_a_series_that_is_used_again_is_taken_before_the_next_call():
    kept = pd.Series(np.zeros(2))

    def f(x):
        kept[:] = x.to_numpy()
        return kept

    ours, _ = both([(f, [0], pa.float64())], [2, 2], [pa.array([1.0, 2.0, 3.0, 4.0])])
    assert ours["f0"].to_pylist() == [1.0, 2.0, 3.0, 4.0]


def test_portions_are_cut_from_the_batch():
    columns = [pa.array([0, 0, 1, None, 2])]
    caller = Scalars(*scalars([(described, [0], TEXT)], columns), pa.table([]))
    command = caller._command
    groups = batches.Groups(command, command.given(batch([2, 3], columns).to_batches()[0]), caller.cut, {})
    assert None not in groups.parts(0, 2)
