"""Text that is not UTF-8: it goes through as it came, and who looks at it has an error that names column and group."""

from __future__ import annotations

import pyarrow as pa
import pytest

from beringia import numpy_map
from beringia.errors import GroupError

SEEN = pa.schema([("seen", pa.string())])
COUNT = pa.schema([("n", pa.int64())])


def text(*values, kind=None):
    """Bytes that Arrow believes are text, as a reader without checks makes them."""
    kind = kind or pa.string()
    return pa.array(values, pa.large_binary() if kind == pa.large_string() else pa.binary()).view(kind)


def see(x):
    return str(x.tolist())


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()], ids=str)
def test_an_argument_names_column_and_group(kind):
    data = pa.table({"k": [1, 2], "x": text(b"fine", b"\xffA", kind=kind)})
    with pytest.raises(GroupError) as caught:
        numpy_map(see, data, SEEN, by="k")
    assert type(caught.value) is GroupError
    assert caught.value.group == "k=2"
    assert f"argument 'x' ({kind}) has text that is not UTF-8: b'\\xffA'" in str(caught.value)
    assert "Cast the column to binary" in str(caught.value)


def test_a_failed_group_leaves_the_others_alone():
    data = pa.table({"k": [1, 2, 3], "x": text(b"a", b"\xff", "ä".encode())})
    table = numpy_map(see, data, SEEN, by="k", on_error="column")
    assert table.column("seen").to_pylist() == ["['a']", None, "['ä']"]
    assert [error is not None and "argument 'x'" in error for error in table.column("error").to_pylist()] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "column",
    [
        pa.ListArray.from_arrays([0, 1, 2], text(b"a", b"\xff")),
        pa.StructArray.from_arrays([text(b"a", b"\xff")], ["f"]),
        pa.StructArray.from_arrays([text(b"a", b"\xff")], ["f"], mask=pa.array([True, False])),
        pa.DictionaryArray.from_arrays([0, 1], text(b"a", b"\xff")),
        text(b"a", b"\xff").cast(pa.string_view(), safe=False),
    ],
    ids=["list", "struct", "missing struct", "dictionary", "view"],
)
def test_nested_and_encoded_text_too(column):
    data = pa.table({"k": [1, 2], "x": column})
    with pytest.raises(GroupError, match=r"argument 'x' .* is not UTF-8") as caught:
        numpy_map(lambda x: "", data, SEEN, by="k")
    assert caught.value.group == "k=2"


def test_a_long_value_is_cut_and_says_so():
    data = pa.table({"x": text(b"\xff" * 1000)})
    with pytest.raises(GroupError, match=r"\\xff…' \(1000 bytes\)"):
        numpy_map(see, data, SEEN)


def test_keys_and_kept_columns_pass_as_they_came():
    data = pa.table({"k": text(b"\xfe", b"\xff", b"\xff"), "x": [1.0, 2.0, 3.0], "t": text(b"a", b"\xff", b"c")})
    table = numpy_map(lambda x: len(x), data, COUNT, by="k")
    assert table.column("k").cast(pa.binary()).to_pylist() == [b"\xfe", b"\xff"]
    assert table.column("n").to_pylist() == [1, 2]
    rows = pa.list_(pa.struct({"y": pa.float64()}))
    kept = numpy_map(lambda x: x, data, rows, by="k", keep="t")
    assert kept.column("t").cast(pa.binary()).to_pylist() == [b"a", b"\xff", b"c"]


def test_a_key_that_is_looked_at_is_an_argument():
    data = pa.table({"k": text(b"a", b"\xff"), "x": [1.0, 2.0]})
    with pytest.raises(GroupError, match="argument 'k'") as caught:
        numpy_map(lambda k, x: str(k), data, SEEN, by="k")
    assert caught.value.group == "k='\ufffd'"
