"""What a function may return, and what does not fit."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import math

import numpy as np
import pytest
from pyspark.sql import Row

from beringia.errors import ResultError
from beringia.spark import numpy_map

Point = collections.namedtuple("Point", "b a extra")


@dataclasses.dataclass
class Record:
    b: str
    a: float


@pytest.fixture(scope="module")
def one(spark):
    """One group, of one row."""
    return spark.createDataFrame([(5, 2.0)], "id int, x double").cache()


def result(one, f, returns):
    df = numpy_map(f, one.groupBy("id"), returns)
    return [tuple(row)[1:] for row in df.collect()]


STRUCTURED = np.array((1.5, "one"), dtype=[("a", "f8"), ("b", "U3")])

ONE_ROW = {
    "tuple": lambda x: (1.5, "one"),
    "dict": lambda x: {"b": "one", "a": 1.5},
    "namedtuple with all fields": lambda x: Point("one", 1.5, 0),
    "dataclass": lambda x: Record("one", 1.5),
    "structured scalar": lambda x: STRUCTURED[()],
    "list": lambda x: [1.5, "one"],
    "numpy scalars": lambda x: (np.float32(1.5), np.str_("one")),
    "0-d array": lambda x: (np.array(1.5), "one"),
}


@pytest.mark.parametrize("form", ONE_ROW)
def test_one_row_forms(one, form):
    assert result(one, ONE_ROW[form], "a double, b string") == [(1.5, "one")]


def test_a_namedtuple_without_all_fields_is_read_by_position(one):
    pair = collections.namedtuple("Pair", "first second")
    assert result(one, lambda x: pair(1.5, "one"), "a double, b string") == [(1.5, "one")]


def test_an_array_as_long_as_the_fields(one):
    assert result(one, lambda x: np.array([1.0, 2.0]), "a double, b double") == [(1.0, 2.0)]


def test_none_is_a_row_of_nulls(one):
    assert result(one, lambda x: None, "a double, b string") == [(None, None)]


SINGLE = [
    ("double", lambda x: x.sum(), 2.0),
    ("double", lambda x: 3, 3.0),
    ("double", lambda x: math.nan, math.nan),
    ("double", lambda x: (2.5,), 2.5),
    ("double", lambda x: {"y": 2.5}, 2.5),
    ("double", lambda x: None, None),
    ("double", lambda x: np.ma.masked, None),
    ("float", lambda x: np.float32(0.1), float(np.float32(0.1))),
    ("int", lambda x: np.int64(7), 7),
    ("int", lambda x: True, 1),
    ("byte", lambda x: -128, -128),
    ("boolean", lambda x: x[0] > 1, True),
    ("string", lambda x: "läng", "läng"),
    ("binary", lambda x: b"\x00\xff", bytearray(b"\x00\xff")),
    ("date", lambda x: np.datetime64("1969-12-31"), datetime.date(1969, 12, 31)),
    ("date", lambda x: datetime.date(2024, 2, 29), datetime.date(2024, 2, 29)),
    ("date", lambda x: np.datetime64("NaT"), None),
    ("timestamp_ntz", lambda x: np.datetime64("2024-02-29T01:02:03"), datetime.datetime(2024, 2, 29, 1, 2, 3)),
    ("array<double>", lambda x: np.arange(3.0), [0.0, 1.0, 2.0]),
    ("array<double>", lambda x: np.arange(6.0)[::-2], [5.0, 3.0, 1.0]),
    ("array<double>", lambda x: np.arange(3.0).astype(">f8"), [0.0, 1.0, 2.0]),
    ("array<double>", lambda x: [1, None, 3], [1.0, None, 3.0]),
    ("array<double>", lambda x: np.array([]), []),
    ("array<string>", lambda x: np.array(["a", "bé"]), ["a", "bé"]),
    ("array<long>", lambda x: np.array([1, 2], dtype=object), [1, 2]),
    ("array<boolean>", lambda x: np.array([True, False]), [True, False]),
    ("array<array<int>>", lambda x: np.arange(4).reshape(2, 2).T, [[0, 2], [1, 3]]),
    ("array<array<int>>", lambda x: [[1], [], [2, 3]], [[1], [], [2, 3]]),
]


@pytest.mark.parametrize(("type_", "f", "expected"), SINGLE, ids=[f"{i}-{s[0]}" for i, s in enumerate(SINGLE)])
def test_a_single_field_takes_its_bare_value(one, type_, f, expected):
    ((value,),) = result(one, f, f"y {type_}")
    assert repr(value) == repr(expected)  # by repr: NaN is NaN, and True is not 1


MANY = {
    "dict of arrays": lambda x: {"a": np.arange(2), "b": np.array(["p", "q"])},
    "tuple of arrays": lambda x: (np.arange(2), ["p", "q"]),
    "structured array": lambda x: np.array([(0, "p"), (1, "q")], dtype=[("a", "i4"), ("b", "U1")]),
    "list of tuples": lambda x: [(0, "p"), (1, "q")],
    "list of dicts": lambda x: [{"a": 0, "b": "p"}, {"b": "q", "a": 1}],
    "object matrix": lambda x: np.array([[0, "p"], [1, "q"]], dtype=object),
}


@pytest.mark.parametrize("form", MANY)
def test_many_row_forms(one, form):
    assert result(one, MANY[form], "array<struct<a: int, b: string>>") == [(0, "p"), (1, "q")]


def test_a_scalar_among_arrays_is_repeated(one):
    assert result(one, lambda x: {"a": np.arange(3), "b": "p"}, "array<struct<a: int, b: string>>") == [
        (0, "p"),
        (1, "p"),
        (2, "p"),
    ]


def test_the_first_axis_of_a_single_field_is_rows(one):
    assert result(one, lambda x: np.arange(3), "array<struct<a: int>>") == [(0,), (1,), (2,)]
    matrix = np.arange(4.0).reshape(2, 2)
    assert result(one, lambda x: matrix, "array<struct<v: array<double>>>") == [([0.0, 1.0],), ([2.0, 3.0],)]


@pytest.mark.parametrize("nothing", [None, [], {"a": [], "b": []}, np.empty((0, 2))], ids=repr)
def test_nothing_is_no_row(one, nothing):
    assert result(one, lambda x: nothing, "array<struct<a: double, b: double>>") == []


def test_a_structtype_says_the_same_as_ddl(spark, one):
    from pyspark.sql.types import ArrayType, DoubleType, StringType, StructType

    fields = StructType().add("a", DoubleType()).add("b", StringType())
    assert result(one, lambda x: (1.5, "one"), fields) == [(1.5, "one")]
    assert result(one, lambda x: [(1.5, "one")], ArrayType(fields)) == [(1.5, "one")]


def test_instants_of_a_timestamp_field(spark, one):
    df = numpy_map(lambda x: np.datetime64("2024-07-01T00:00:00"), one.groupBy("id"), "t timestamp")
    assert df.selectExpr("unix_micros(t)").collect() == [Row(1_719_792_000_000_000)]


MISFITS = [
    # f, returns, field named, what was expected, what was got
    (lambda x: (1.0,), "a double, b double", None, "2", "1"),
    (lambda x: (1.0, 2.0, 3.0), "a double, b double", None, "2", "3"),
    (lambda x: np.arange(3), "a double, b double", None, "2", "3"),
    (lambda x: {"a": 1.0}, "a double, b double", "b", "", ""),
    (lambda x: {"a": 1.0, "b": 2.0, "c": 3.0}, "a double, b double", "c", "", ""),
    (lambda x: 1.5, "y int", "y", "int", "1.5"),
    (lambda x: "text", "y double", "y", "double", "str"),
    (lambda x: 1.0, "y string", "y", "string", "float"),
    (lambda x: 300, "y byte", "y", "", "300"),
    (lambda x: 1 + 2j, "y double", "y", "double", "complex"),
    (lambda x: 3, "y timestamp", "y", "timestamp", "int"),
    (lambda x: np.datetime64("2024-01-01T01:00"), "y date", "y", "date", "2024-01-01"),
    (lambda x: 1e300, "y float", "y", "float", "1e+300"),
    (lambda x: np.arange(2.0), "y double", "y", "double", ""),
    (lambda x: 1.0, "y array<double>", "y", "", "float"),
    (lambda x: [1.0, "b"], "y array<double>", "y", "double", "str"),
    (lambda x: np.arange(2.0), "y array<array<double>>", "y", "", ""),
    (lambda x: {"a": [1, 2], "b": [1, 2, 3]}, "array<struct<a: int, b: int>>", "b", "2", "3"),
    (lambda x: np.zeros((2, 3)), "array<struct<a: double, b: double>>", None, "2", "3"),
]


@pytest.mark.parametrize(
    ("f", "returns", "field", "expected", "got"), MISFITS, ids=[f"{i}-{m[1]}" for i, m in enumerate(MISFITS)]
)
def test_what_does_not_fit_names_field_expected_got_and_key(one, f, returns, field, expected, got):
    with pytest.raises(ResultError) as caught:
        result(one, f, returns)
    message = str(caught.value)
    assert "id" in caught.value.group
    assert "5" in caught.value.group
    for part in (field, expected, got, caught.value.group):
        assert part is None or part in message, f"no {part!r} in: {message}"
