"""The table of types against the local front: what crosses, what is seen, what comes back, what messages say."""

from __future__ import annotations

import ctypes

import pyarrow as pa
import pytest
import type_table
from type_table import DOCS, Type, first, page, seen

import beringia
from beringia._arrow import plain
from beringia.errors import GroupError, ResultError

TYPES = [pytest.param(row, id=row.arrow) for row in type_table.rows()]
KEYS = [pytest.param(row, id=row.arrow) for row in type_table.rows() if row.key]
TEXT = pa.schema({"text": pa.string()})


@pytest.fixture(scope="module")
def pool():
    with beringia.Pool(workers=1) as pool:
        yield pool


@pytest.fixture
def numpy_map(pool):
    return lambda *args, **options: beringia.numpy_map(*args, **{"pool": pool, **options})


def column(row: Type) -> pa.Table:
    return pa.table({"k": row.array()})


def test_the_page_says_what_the_table_says():
    assert (DOCS / "types.md").read_text(encoding="utf-8") == page(), "run `make docs`"


def test_no_type_is_there_twice():
    names = [row.arrow for row in type_table.rows()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("row", TYPES)
def test_a_type_crosses_in_its_format(row):
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    schema = plain(row.kind).__arrow_c_schema__()
    assert ctypes.c_char_p.from_address(get(schema, b"arrow_schema")).value.decode() == row.format


@pytest.mark.parametrize("row", TYPES)
def test_an_argument_is_seen_as_the_table_says(numpy_map, row):
    assert numpy_map(lambda k: seen(k), column(row), TEXT)["text"].to_pylist() == [row.argument]


@pytest.mark.parametrize("row", KEYS)
def test_a_key_is_seen_as_the_table_says(numpy_map, row):
    result = numpy_map(lambda k: seen(k), column(row), TEXT, by="k")
    assert result["text"].to_pylist() == [row.key]
    assert result["k"].combine_chunks().equals(column(row)["k"].combine_chunks())


@pytest.mark.parametrize("row", TYPES)
def test_what_was_seen_comes_back_as_it_was(numpy_map, row):
    result = numpy_map(lambda k: (first(k),), column(row), pa.schema({"y": row.kind}))
    assert result["y"].combine_chunks().equals(column(row)["k"].combine_chunks())


@pytest.mark.parametrize("row", TYPES)
def test_a_misfit_calls_the_type_as_arrow_does(numpy_map, row):
    assert str(row.kind) == row.arrow
    with pytest.raises(ResultError) as caught:
        numpy_map(lambda k: (object(),), column(row), pa.schema({"y": row.kind}))
    assert f"field 'y': expected {row.arrow}, got <object object" in str(caught.value)


@pytest.mark.parametrize("row", KEYS)
def test_an_error_writes_a_key_as_the_table_says(numpy_map, row):
    with pytest.raises(GroupError) as caught:
        numpy_map(lambda k: 1 / 0, column(row), TEXT, by="k")
    assert caught.value.group == f"k={row.text}"
