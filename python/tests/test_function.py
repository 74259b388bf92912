"""The function's way to a worker: what is pickled, what is refused, what loads."""

from __future__ import annotations

import functools
import importlib.util
import linecache
import subprocess
import sys
import threading
import traceback
from types import CodeType

import cloudpickle
import numpy as np
import pyarrow as pa
import pytest

from beringia import _function, _shared, numpy_map
from beringia.errors import ArgumentError, GroupError


def test_a_closure_travels_by_content():
    scale = np.arange(3.0)

    def f(x):
        return x * scale

    code = (
        "import sys; from beringia._function import load; "
        "f = load('pickle', sys.stdin.buffer.read()); print(f(2.0).tolist())"
    )
    # A process that has never seen this module: nothing but the bytes can bring the function there.
    done = subprocess.run([sys.executable, "-c", code], input=_function.dump(f), capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[0.0, 2.0, 4.0]"


def test_the_same_function_has_the_same_bytes():
    def f(x):
        return np.median(x)

    assert _function.dump(f) == _function.dump(f)


FAILS = """
def f(x):
    def deeper():
        return x.nowhere  # first
    return deeper()

g = lambda x: x.nowhere  # second

if __name__ == "__main__":
    import sys
    from beringia._function import dump
    sys.stdout.buffer.write(dump({name}))
"""

RAISES = """
import linecache, sys, traceback
from beringia._function import load
f = load("pickle", sys.stdin.buffer.read())
linecache.checkcache()  # as traceback does
try:
    f(1)
except AttributeError:
    traceback.print_exc(file=sys.stdout)
"""


def shown(pickled):
    """The traceback that a process shows which has nothing but the bytes."""
    done = subprocess.run([sys.executable, "-c", RAISES], input=pickled, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.fixture(params=["with the name of the file", "without it"])
def version(request, monkeypatch):
    """Code as cloudpickle pickles it up to 3.1.2, and after that."""
    reduce = cloudpickle.Pickler.dispatch_table[CodeType]
    without = request.param == "without it"
    monkeypatch.setitem(
        cloudpickle.Pickler.dispatch_table,
        CodeType,
        lambda code: reduce(code.replace(co_filename="<dynamic-code>") if without else code),
    )


@pytest.mark.parametrize(("name", "line"), [("f", 4), ("g", 7)])
@pytest.mark.usefixtures("version")
def test_tracebacks_show_the_lines_of_what_is_in_no_file(name, line):
    file = f"<ipython-input-{name}>"
    linecache.cache[file] = (len(FAILS), None, FAILS.splitlines(keepends=True), file)
    names = {"__name__": "cell"}
    exec(compile(FAILS, file, "exec"), names)
    text = shown(_function.dump(names[name]))
    assert f'File "{file}", line {line}, in ' in text
    assert "return x.nowhere  # first" in text if name == "f" else "x.nowhere  # second" in text


def test_tracebacks_show_the_lines_of_a_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(FAILS.format(name="f"))
    pickled = subprocess.run([sys.executable, script], capture_output=True, check=True).stdout
    script.unlink()
    text = shown(pickled)
    assert f'File "{script}", line 5, in f' in text
    assert "return x.nowhere  # first" in text


def test_tracebacks_show_the_line_number_of_a_command():
    command = [sys.executable, "-c", FAILS.format(name="g")]
    text = shown(subprocess.run(command, capture_output=True, check=True).stdout)
    assert 'File "<string>", line 7, in <lambda>' in text


def test_functions_of_one_file_keep_their_lines(tmp_path):
    file = str(tmp_path / "gone.py")
    linecache.cache[file] = (len(FAILS), None, FAILS.splitlines(keepends=True), file)
    names = {"__name__": "gone"}
    exec(compile(FAILS, file, "exec"), names)
    first, second = _function.dump(names["f"]), _function.dump(names["g"])
    del linecache.cache[file]
    for pickled in (second, first):
        _function.load("pickle", pickled)
    assert linecache.getline(file, 4) == "        return x.nowhere  # first\n"
    assert linecache.getline(file, 7) == "g = lambda x: x.nowhere  # second\n"


def test_what_cannot_be_pickled_is_refused_by_name():
    lock = threading.Lock()

    def holds_a_lock(x):
        return lock

    with pytest.raises(ArgumentError, match=r"holds_a_lock cannot be sent to the workers: TypeError.*lock"):
        _function.dump(holds_a_lock)


def _of_engines():
    """Objects that only the driver has, made without a JVM."""
    import pyspark
    from pyspark.accumulators import AddingAccumulatorParam

    yield "Accumulator", pyspark.Accumulator(0, 0, AddingAccumulatorParam(0)), "as a field of the result"
    for cls, words in (
        (pyspark.Broadcast, "consts"),
        (pyspark.SparkContext, "no session"),
        (pyspark.sql.SparkSession, "no session"),
        (pyspark.RDD, "join it"),
        (pyspark.sql.DataFrame, "join it"),
        (pyspark.sql.Column, "pass it in args"),
    ):
        yield cls.__name__, object.__new__(cls), words
    yield "SparkFiles", pyspark.SparkFiles, "pass its content in consts"
    if importlib.util.find_spec("hail") is not None:
        import hail as hl

        yield "Table", object.__new__(hl.Table), "join it"
        yield "Float64Expression", object.__new__(hl.Float64Expression), "pass it in args"


@pytest.mark.parametrize(
    ("kind", "thing", "words"), [*_of_engines()], ids=lambda each: each if type(each) is str else ""
)
def test_what_belongs_to_a_driver_is_refused_by_name(kind, thing, words):
    def direct(x):
        return thing

    def bound(x, it):
        return it

    for function, name in ((direct, "thing"), (functools.partial(bound, it=thing), "it")):
        with pytest.raises(
            ArgumentError, match=rf"refers to '{name}', an? {kind}, which stays on the driver: .*{words}"
        ):
            _function.dump(function)
    with pytest.raises(ArgumentError, match=rf"refers to {kind}, which stays"):
        _function.dump(lambda x: direct(x))


def test_what_a_function_imports_itself_is_refused_by_name_when_it_runs():
    def opens(x):
        from pyspark import SparkFiles

        return SparkFiles.get("table.csv")

    def asserts(x):
        assert x.size > 9, "too few"

    for function, words in (
        (opens, r"raised AssertionError \(SparkFiles: a worker finds no files by it: .*pass its content in consts"),
        (asserts, r"raised AssertionError: too few\n"),
    ):
        with pytest.raises(GroupError, match=words):
            numpy_map(function, {"x": np.zeros(1)}, pa.schema({"y": pa.string()}))


def test_classes_and_values_of_engines_travel():
    import pyspark
    from pyspark.ml.linalg import Vectors

    kept = pyspark.sql.Row(a=1), Vectors.dense(1.0), pyspark.sql.DataFrame
    assert _function.load("pickle", _function.dump(lambda: kept))() == kept


def test_a_named_function_is_imported():
    import json.decoder

    assert _function.load("json.decoder:JSONDecoder.decode", b"") is json.decoder.JSONDecoder.decode


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("nonsense", ValueError),
        ("json:absent", AttributeError),
        ("absent_module:f", ImportError),
        ("sys:path", TypeError),
    ],
)
def test_a_name_that_leads_nowhere_raises(kind, error):
    with pytest.raises(error):
        _function.load(kind, b"")


def test_what_was_pickled_must_be_callable():
    with pytest.raises(TypeError, match="not callable: int"):
        _function.load("pickle", _function.dump(3))


class Model:
    def __call__(self, x): ...

    def fit(self, x): ...


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (np.polyfit, "polyfit"),
        (np.add, "add"),
        (max, "max"),
        (functools.partial(functools.partial(np.polyfit, deg=1), rcond=None), "polyfit"),
        (Model(), "Model"),
        (Model().fit, "Model.fit"),
    ],
)
def test_names_for_messages(function, name):
    assert _function.name_of(function) == name


SOURCE = b"""
def half(x):
    return x / 2

def halves(x):
    return [half(each) for each in x]  # in no file
"""


def test_a_source_gives_the_function_it_names_or_its_last():
    assert _function.load("source:half", SOURCE)(4) == 2
    assert _function.load("source:", SOURCE)([4]) == [2]
    assert _function.name_of(_function.load("source:", SOURCE)) == "halves"


def test_tracebacks_show_the_lines_of_a_source():
    with pytest.raises(TypeError) as caught:
        _function.load("source:halves", SOURCE)(1)
    assert "# in no file" in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("kind", "source", "error"),
    [
        ("source:third", SOURCE, NameError),
        ("source:", b"x = 1", NameError),
        ("source:", b"", NameError),
        ("source:", b"def f(:", SyntaxError),
        ("source:x", b"x = 1", TypeError),
    ],
)
def test_a_source_without_the_function_is_refused(kind, source, error):
    with pytest.raises(error):
        _function.load(kind, source)


def test_constants_that_travel_with_the_function_are_read_only_where_they_arrive():
    arrays = {"plain": np.zeros(2), "list": [np.zeros(2)], "tuple": (np.zeros(2), {"deep": np.zeros(2)})}
    loaded = _function.load("pickle", _function.dump(_shared.Bound(lambda **given: given, **arrays)))
    given = loaded()
    found = [given["plain"], given["list"][0], given["tuple"][0], given["tuple"][1]["deep"]]
    assert not any(array.flags.writeable for array in found)
