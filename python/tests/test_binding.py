"""Functions bound for a driver that is not Python."""

from __future__ import annotations

import json
import subprocess
import sys

import cloudpickle
import pytest

from beringia import binding, errors

LINE = b"def line(x, y, weight=None):\n    return x\n"


def request(function="source:line", args=(), **others):
    defaults = {
        "paths": [],
        "byPosition": False,
        "consts": [],
        "missing": "nan",
        "nanAsNull": False,
        "onError": "raise",
        "writable": False,
        "timeout": None,
        "batchBytes": None,
        "window": None,
        "kept": False,
        "ordered": False,
    }
    return {"function": function, "args": list(args), **defaults, **others}


def test_required_parameters_are_columns_and_args_are_told_by_their_place():
    answer = binding.bind(request(args=["weight", "x"]), LINE)
    assert answer["columns"] == [1, "y", 0]
    assert answer["spec"]["program"]["name"] == "line"
    assert answer["spec"]["program"]["function"] == "source:line"
    assert answer["spec"]["program"]["pythonVersion"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert [(a["name"], a["keyword"]) for a in answer["spec"]["options"]["arguments"]] == [
        ("x", False),
        ("y", False),
        ("weight", False),
    ]


def test_columns_by_position_are_for_functions_that_name_no_parameter():
    answer = binding.bind(request("builtins:max", ["a", "a"], byPosition=True), b"")
    assert answer["columns"] == [0, 1]
    with pytest.raises(errors.ArgumentError, match="give them by name"):
        binding.bind(request(args=["a"], byPosition=True), LINE)


def test_constants_take_no_column_and_policies_go_by_parameter():
    answer = binding.bind(request(consts=["x"], missing={"y": "mask"}), LINE)
    assert answer["columns"] == ["y"]
    assert answer["spec"]["options"]["arguments"] == [{"name": "y", "keyword": True, "missing": "mask"}]


def test_options_that_are_not_defaults_are_in_the_spec():
    spec = binding.bind(request(nanAsNull=True, onError="column", writable=True, timeout=2), LINE)["spec"]
    assert spec["policy"] == {"onError": "column", "timeout": 2.0}
    assert (spec["options"]["nanAsNull"], spec["shape"]["mapping"]) == (True, "private")
    assert binding.bind(request(batchBytes="16m"), LINE)["batchBytes"] == 16 << 20
    for wrong, words in [({"onError": "skip"}, "on_error is one of"), ({"batchBytes": "0"}, "batch_bytes is a number")]:
        with pytest.raises(errors.ArgumentError, match=words):
            binding.bind(request(**wrong), LINE)


def test_windows_are_refused_as_in_python():
    overlapping = {"size": 10, "step": 5, "unit": "microseconds"}
    assert binding.bind(request(window=overlapping), LINE)["columns"] == ["x", "y"]
    for wrong, words in [
        ({"window": {**overlapping, "step": 0}}, "step is a number, or a duration, above zero"),
        ({"window": {**overlapping, "unit": "rows", "step": 0.5}}, "step is a number of rows, got 0.5"),
        ({"window": overlapping, "writable": True}, "windows that overlap have rows in common"),
        ({"window": overlapping, "kept": True}, "keep carries each row through once"),
        ({"window": overlapping, "ordered": True}, "come in the order of its column"),
    ]:
        with pytest.raises(errors.ArgumentError, match=words):
            binding.bind(request(**wrong), LINE)


def test_a_function_that_cannot_be_loaded_shows_why():
    with pytest.raises(errors.ArgumentError, match=r"'no\.module:f' cannot be loaded: ModuleNotFoundError") as caught:
        binding.bind(request("no.module:f"), b"")
    assert "ModuleNotFoundError" in caught.value.traceback


def test_modules_are_found_on_the_paths(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "on_the_path.py").write_text("def f(x):\n    return x\n")
    assert binding.bind(request("on_the_path:f", paths=[str(tmp_path)]), b"")["columns"] == ["x"]


def ask(question, payload):
    program = [sys.executable, "-m", "beringia.binding"]
    done = subprocess.run(
        program, input=json.dumps(question).encode() + b"\n" + payload, capture_output=True, check=True
    )
    return json.loads(done.stdout), done.stderr


def test_the_answer_is_all_that_is_on_standard_output():
    answer, output = ask(request("source:"), b"print('loading')\n\n" + LINE)
    assert answer["columns"] == ["x", "y"]
    assert output == b"loading\n"


def test_a_pickle_is_bound_too_and_refusals_are_answers():
    pickled = cloudpickle.dumps(lambda dose: dose)
    assert ask(request("pickle"), pickled)[0]["columns"] == ["dose"]
    answer, _ = ask(request("pickle", ["x"]), pickled)
    assert answer["error"]["code"] == errors.ArgumentError.code
    assert "args names 'x'" in answer["error"]["message"]
