"""The list of error codes: one class each, the same in the documentation, Rust and Java; all survive pickling."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from beringia import errors

ROOT = Path(__file__).parents[2]


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()


def documented() -> dict[int, tuple[str, str]]:
    """Code to (name of the code, name of the Python class), from the table of the boundary's page."""
    text = (ROOT / "docs/jvm-boundary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (\w+) \| `(\w+)", text, flags=re.MULTILINE)
    return {int(code): (name, cls) for code, name, cls in rows}


def test_every_documented_code_has_its_class():
    assert {code: cls for code, (_, cls) in documented().items()} == {
        code: cls.__name__ for code, cls in errors.BY_CODE.items()
    }


def test_the_rust_codes_are_the_same():
    text = (ROOT / "native/core/src/error.rs").read_text(encoding="utf-8")
    body = re.search(r"pub enum ErrorCode \{(.*?)\n\}", text, flags=re.DOTALL)
    assert body, "no `pub enum ErrorCode` in error.rs"
    found = {int(code): snake(name) for name, code in re.findall(r"^\s*(\w+) = (\d+),", body[1], flags=re.MULTILINE)}
    assert found == {code: name for code, (name, _) in documented().items()}


@pytest.mark.parametrize("cls", errors.BY_CODE.values())
def test_every_class_survives_pickling(cls):
    error = cls("what happened", group="id=3", traceback="Traceback …", function="fit")
    error.__notes__ = ["said later"]
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert (str(copy), copy.code, copy.group, copy.traceback, copy.function) == (
        "what happened",
        cls.code,
        "id=3",
        "Traceback …",
        "fit",
    )
    assert copy.__notes__ == ["said later"]


def test_errors_are_made_by_code():
    error = errors.from_code(2, "does not fit", group="id=3", traceback="T")
    assert type(error) is errors.ResultError
    assert (str(error), error.group, error.traceback, error.function) == ("does not fit", "id=3", "T", None)


def test_an_unknown_code_says_so():
    error = errors.from_code(99, "new")
    assert type(error) is errors.InternalError
    assert str(error) == "unknown error code 99: new"


def test_what_python_would_catch_as_a_value_error_is_one():
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.ArgumentError, ValueError)
    assert issubclass(errors.WorkerDiedError, errors.GroupError)


def test_the_java_codes_are_the_same():
    path = ROOT / "jvm-plugin/bridge/src/main/java/org/beringia/ErrorCode.java"
    found = {
        int(code): name.lower() for name, code in re.findall(r"^\s*([A-Z_]+)\((\d+)\)", path.read_text("utf-8"), re.M)
    }
    assert found == {code: name for code, (name, _) in documented().items()}
