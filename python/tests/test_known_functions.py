"""Functions by value: pickled once while nothing of them can have changed, and anew whenever something may have."""

from __future__ import annotations

import importlib
import pickle
import sys

import pytest

from beringia import _call_pickle


@pytest.fixture
def dumped(monkeypatch):
    """The functions that were pickled."""
    dump, functions = _call_pickle._dump_function, []
    monkeypatch.setattr(_call_pickle, "_dump_function", lambda f: functions.append(f) or dump(f))
    return functions


def defined(source):
    namespace = {"__name__": "a_notebook"}
    exec(source, namespace)
    return namespace


def called(function):
    body, buffers = _call_pickle.dump_call(function, (), {})
    loaded, args, kwargs = _call_pickle.load_call(body, buffers, pickle.loads)
    return loaded(*args, **kwargs)


CONSTANT = {
    "nothing": "def f(): return 1",
    "globals": "n, m = 1, (2, 'x')\ndef f(): return n if m else 0",
    "modules and builtins": "import math\nfrom operator import index\ndef f(): return index(math.floor(float(1.5)))",
    "itself": "def f(n=3): return f(n - 1) if n > 1 else n",
    "other functions": "n = 1\ndef g(): return n\ndef f(): return g()",
    "a closure": "def make():\n    n = 1\n    return lambda: n\nf = make()",
    "annotations": "def f(x: int = 1) -> list[int]: return x",
}


@pytest.mark.parametrize("source", CONSTANT.values(), ids=CONSTANT)
def test_a_function_of_constants_is_pickled_once(source, dumped):
    namespace = defined(source)
    assert [called(namespace["f"]) for _ in range(3)] == [1, 1, 1]
    assert len(dumped) == 1


def test_functions_of_one_code_are_pickled_once(dumped):
    namespace = defined("def make(): return lambda: 1")
    assert [called(namespace["make"]()) for _ in range(3)] == [1, 1, 1]
    assert len(dumped) == 1


CHANGES = {
    "a global": ("n = 1\ndef f(): return n", "n = 2"),
    "a global that is no constant": ("n = [1]\ndef f(): return n[0]", "n[0] = 2"),
    "what is in a tuple": ("n = ([1],)\ndef f(): return n[0][0]", "n[0][0] = 2"),
    "a global of another function": ("n = 1\ndef g(): return n\ndef f(): return g()", "n = 2"),
    "a global of an inner function": ("n = 1\ndef f(): return (lambda: n)()", "n = 2"),
    "another function": ("def g(): return 1\ndef f(): return g()", "def g(): return 2"),
    "a class": ("class C: n = 1\ndef f(): return C.n", "class C: n = 2"),
    "an attribute of a class": ("class C: n = 1\ndef f(): return C.n", "C.n = 2"),
    "a default": ("def f(x=1): return x", "f.__defaults__ = (2,)"),
    "a default by name": ("def f(*, x=1): return x", "f.__kwdefaults__['x'] = 2"),
    "an attribute": ("def f(): return f.x\nf.x = 1", "f.x = 2"),
    "the code": ("def f(): return 1", "f.__code__ = (lambda: 2).__code__"),
    "what shadows a builtin": ("def f(): return abs(-1)", "def abs(x): return 2"),
    "a variable of a closure": (
        "def make():\n    n = 1\n    def put(x):\n        nonlocal n\n        n = x\n    return lambda: n, put\n"
        "f, put = make()",
        "put(2)",
    ),
}


@pytest.mark.parametrize(("source", "change"), CHANGES.values(), ids=CHANGES)
def test_what_changed_is_seen_by_the_next_call(source, change):
    namespace = defined(source)
    assert [called(namespace["f"]) for _ in range(2)] == [1, 1]
    exec(change, namespace)
    assert [called(namespace["f"]) for _ in range(2)] == [2, 2]


@pytest.mark.parametrize("changes", ["mine", "helper"])
def test_a_named_function_is_pickled_anew_when_a_module_of_it_changes(changes, dumped, tmp_path, monkeypatch):
    (tmp_path / "helper.py").write_text("def g(): return 1\n", encoding="utf-8")
    (tmp_path / "mine.py").write_text("import helper\ndef f(): return helper.g()\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("mine", "helper"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    mine = importlib.import_module("mine")
    first = _call_pickle._function(mine.f)
    assert _call_pickle._function(mine.f) == first and len(dumped) == 1
    with (tmp_path / f"{changes}.py").open("a", encoding="utf-8") as file:
        file.write("# it is another now\n")
    assert _call_pickle._function(mine.f) != first
    mine.f.__code__ = (lambda: 2).__code__  # as tools that reload modules do it
    _call_pickle._function(mine.f)
    assert len(dumped) == 3
    for name in ("mine", "helper"):
        del sys.modules[name]


def test_a_module_that_is_imported_meanwhile_goes_with_the_function(dumped, monkeypatch):
    namespace = defined("import xml\ndef f(): return 1")
    called(namespace["f"])
    monkeypatch.setitem(sys.modules, "a_module_of_a_test", sys)
    called(namespace["f"])
    assert len(dumped) == 2
