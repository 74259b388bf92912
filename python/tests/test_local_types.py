"""Types of Arrow that stand for others, or have others within: they come back as what they were."""

from __future__ import annotations

import pyarrow as pa
import pytest

import beringia
from beringia._arrow import cast, plain
from beringia.errors import ArgumentError, ResultError


@pytest.fixture(scope="module")
def pool():
    with beringia.Pool(workers=1) as pool:
        yield pool


@pytest.fixture
def numpy_map(pool):
    return lambda *args, **options: beringia.numpy_map(*args, **{"pool": pool, **options})


LAYERED = {
    "nulls": (pa.list_(pa.null()), [[], [None], None]),
    "struct of nulls": (pa.struct({"a": pa.null()}), [{"a": None}, None, {"a": None}]),
    "pairs of nulls": (pa.list_(pa.null(), 2), [[None, None], None, [None, None]]),
    "views": (pa.list_(pa.list_view(pa.int32())), [[[1], None], [[2, 3]], None]),
    "struct of views": (pa.struct({"a": pa.list_view(pa.int32())}), [{"a": [1]}, {"a": [2, 3]}, {"a": None}]),
    "words": (pa.struct({"a": pa.dictionary(pa.int8(), pa.string_view())}), [{"a": "x"}, None, {"a": "x"}]),
    "bytes": (pa.list_(pa.struct({"a": pa.binary(2)})), [[{"a": b"ab"}, None], [], None]),
    "runs": (pa.struct({"a": pa.run_end_encoded(pa.int32(), pa.int64())}), [{"a": 1}, {"a": 1}, {"a": 2}]),
    "runs of views": (pa.run_end_encoded(pa.int16(), pa.string_view()), ["x", "x", None]),
    "runs of words": (pa.run_end_encoded(pa.int16(), pa.dictionary(pa.int8(), pa.string())), ["x", "x", None]),
    "structs once": (pa.dictionary(pa.int8(), pa.struct({"a": pa.int64()})), [{"a": 1}, None, {"a": 1}]),
    "lists once": (pa.dictionary(pa.int8(), pa.list_(pa.int64())), [[1, 2], None, [1, 2]]),
}


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "returned"])
@pytest.mark.parametrize("name", LAYERED)
def test_types_within_types_come_back_as_what_they_were(numpy_map, name, kept):
    kind, values = LAYERED[name]
    column = cast(pa.chunked_array([pa.array(values, plain(kind))]), kind)
    data = pa.table({"k": [0, 1, 2], "v": column})
    if kept:
        result = numpy_map(lambda k: k, data, pa.schema({"k": pa.int64()}), per="row", keep="v")
    else:
        result = numpy_map(lambda v: {"v": v}, data, pa.list_(pa.struct({"v": kind})), missing="mask")
    result.validate(full=True)
    assert result.schema.field("v").type == kind
    assert result["v"].to_pylist() == values


def test_a_value_in_a_list_of_nothing_is_the_groups_misfit(numpy_map):
    with pytest.raises(ResultError, match=r"field 'r'"):
        numpy_map(lambda x: ([1],), {"x": [1.0]}, pa.schema({"r": pa.list_(pa.null())}))


def test_a_column_whose_values_are_none_of_its_type_is_named(numpy_map):
    days = pa.array([1]).view(pa.date64())  # a millisecond after midnight
    message = r"parameter 'x': a value of column 'x', of type date64\[ms\], is no date32.*Cast the column"
    with pytest.raises(ArgumentError, match=message):
        numpy_map(lambda x: 0.0, pa.table({"x": days}), pa.schema({"r": pa.float64()}))
