"""What the local front takes as data: each value by its own protocol, or refused by the name of its column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from beringia import numpy_map
from beringia.errors import ArgumentError
from beringia.local.data import data_of

SEEN = pa.schema([("seen", pa.string())])


def seen(data, **options):
    """What a function sees of column ``x``, masked where it is missing."""

    def show(x):
        return f"{x.dtype} {x.tolist()}"

    return numpy_map(show, data, SEEN, missing="mask", **options).column("seen").to_pylist()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.ma.array([1.0, -999.0, 4.0], mask=[0, 1, 0]), "float64 [1.0, None, 4.0]"),
        (np.ma.array([1, -999, 4], mask=[0, 1, 0]), "int64 [1, None, 4]"),
        (np.ma.array(["a", "b"], mask=[1, 0]), "object [None, 'b']"),
        (np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 1], [0, 0]]), "float64 [[1.0, None], [3.0, 4.0]]"),
        (np.arange(3).astype(">i4"), "int32 [0, 1, 2]"),
        (np.arange(6)[::-2], "int64 [5, 3, 1]"),
        (np.arange(8.0).reshape(2, 2, 2).T, f"float64 {np.arange(8.0).reshape(2, 2, 2).T.tolist()}"),
        (np.array(["1970-01-01T01", "NaT"], "M8[h]"), "datetime64[s] [datetime.datetime(1970, 1, 1, 1, 0), None]"),
        (np.array([2], "m8[D]"), "timedelta64[s] [datetime.timedelta(days=2)]"),
        (pd.Series([1, None, 2**53 + 1], dtype="Int64"), "int64 [1, None, 9007199254740993]"),
        (pd.Series([1.5, None]), "float64 [1.5, None]"),
        (pd.Series(["a", None], dtype="category"), "object ['a', None]"),
        (pl.Series([1, None]), "int64 [1, None]"),
        (pl.Series(["a", None], dtype=pl.Categorical), "object ['a', None]"),
        (pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"])), "object ['a', 'b']"),
        (pa.array([1, None]), "int64 [1, None]"),
        (pa.chunked_array([[1], [None]]), "int64 [1, None]"),
        ([1, None, 2**53 + 1], "int64 [1, None, 9007199254740993]"),
        (range(3), "int64 [0, 1, 2]"),
        ([[1.0, 2.0], [3.0, 4.0]], "float64 [[1.0, 2.0], [3.0, 4.0]]"),
    ],
    ids=str,
)
def test_a_column_goes_by_its_own_protocol(column, expected):
    assert seen({"x": column}) == [expected]


def test_what_is_masked_is_no_key():
    data = {"k": np.ma.array([1, -999, 1], mask=[0, 1, 0]), "x": np.arange(3.0)}
    table = numpy_map(lambda x: x.sum(), data, pa.schema([("y", pa.float64())]), by="k")
    assert table.to_pydict() == {"k": [None, 1], "y": [1.0, 2.0]}


def test_a_structured_array_is_a_column_of_structs():
    column = np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", ">f8")])
    table = numpy_map(lambda x: str({name: part.tolist() for name, part in x.items()}), {"x": column}, SEEN)
    assert table.column("seen").to_pylist() == ["{'a': [1, 3], 'b': [2.5, 4.5]}"]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (np.ones(2, complex), "(ndarray of complex128)"),
        (np.ones(2, np.longdouble), "(ndarray of"),
        ([2**53 + 1, 0.5], "(list) cannot be kept as it is: Integer value 9007199254740993"),
        ([2**70], "(list) cannot be kept as it is"),
        (pd.Series([object()]), "(Series of object)"),
        (pl.Series([1], dtype=pl.Int128), "(Series of Int128)"),
        (np.array([1], "M8[ps]"), "(ndarray of datetime64[ps])"),
        (3, "has no rows: 3"),
        (np.array(3), "has no rows: array(3)"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_by_name(column, words):
    with pytest.raises(ArgumentError) as caught:
        seen({"x": column})
    assert "column 'x' of data" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"x": [1, 2], "odd": [object(), 1]}),
        pl.DataFrame({"x": [1, 2], "odd": pl.Series([1, 2], dtype=pl.Int128)}),
        pd.DataFrame({"x": [1, 2], "odd": [1 + 2j, 0]}),
        pd.DataFrame({"x": [1, 2], "odd": pd.arrays.SparseArray([0, 1])}),
    ],
    ids=["objects of pandas", "polars", "complex numbers", "sparse"],
)
def test_a_column_without_a_form_minds_only_where_it_is_used(frame):
    assert seen(frame) == ["int64 [1, 2]"]
    with pytest.raises(ArgumentError, match=r"parameter 'x': column 'odd' of data .* cannot be kept as it is"):
        seen(frame, args={"x": "odd"})


@pytest.mark.parametrize("data", [pl.Series("x", [1]), pd.Series([1], name="x"), None, 3, np.arange(3)], ids=repr)
def test_what_is_no_table_is_refused(data):
    hint = r", got \w+: give it a name" if hasattr(data, "__array__") else ""
    with pytest.raises(ArgumentError, match=r"data must be a dict of columns by name.*" + hint):
        data_of(data)


def test_objects_of_polars_are_refused_and_not_read_as_their_addresses():
    frame = pl.DataFrame({"x": [1], "o": pl.Series([object()], dtype=pl.Object)})
    assert seen(frame) == ["int64 [1]"]
    with pytest.raises(ArgumentError, match=r"parameter 'x': column 'o' of data \(Series of Object\) is of objects"):
        seen(frame, args={"x": "o"})


def test_two_columns_of_one_name_are_refused_where_they_are_used():
    frame = pd.DataFrame([[1, 2, 3]], columns=["x", "a", "a"])
    assert seen(frame) == ["int64 [1]"]
    with pytest.raises(ArgumentError, match=r"parameter 'x': data has two columns named 'a'"):
        seen(frame, args={"x": "a"})


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["p", "q"])], ids=["categories", "enum"])
def test_categories_of_polars_are_strings_and_keys(dtype):
    frame = pl.DataFrame({"k": ["q", None, "q"], "x": ["p", "q", None]}, schema={"k": dtype, "x": dtype})
    assert numpy_map(lambda k, x: f"{k} {x.tolist()}", frame, SEEN, by="k").to_pydict() == {
        "k": [None, "q"],
        "seen": ["None ['q']", "q ['p', None]"],
    }


@pytest.mark.parametrize("option", ["by", "keep", "order_by"])
def test_names_of_columns_are_names(option):
    with pytest.raises(ArgumentError, match=f"{option} must name columns, got int"):
        seen({"x": [1]}, **{option: 0})


def test_no_rows_are_no_calls_whatever_the_shape():
    assert seen({"x": np.empty((0, 2, 2))}) == []
