"""Importing the package is light, and its parts load when asked for."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib

import beringia


def test_importing_the_package_loads_neither_numpy_nor_pyspark():
    code = "import sys, beringia, beringia.errors; print({'numpy', 'pyspark', 'cloudpickle'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "set()"


def test_submodules_load_when_asked_for():
    code = "import beringia; print(beringia.errors.GroupError.code, beringia.spark.numpy_map.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["1", "numpy_map"]


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        beringia.nothing  # noqa: B018 (the access is the test)


def test_the_version_is_that_of_the_build():
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    workspace = tomllib.loads((root / "Cargo.toml").read_text(encoding="utf-8"))
    assert beringia.__version__ == project["project"]["version"] == workspace["workspace"]["package"]["version"]


def test_the_extension_is_what_its_stub_says():
    from beringia import _native

    stub = ast.parse((Path(beringia.__file__).parent / "_native.pyi").read_text(encoding="utf-8"))
    declared = {node.name: node for node in stub.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    assert declared.keys() == {name for name in dir(_native) if not name.startswith("_")}
    for name, node in declared.items():
        members = [part for part in getattr(node, "body", []) if isinstance(part, ast.FunctionDef)]
        real = {part for part in vars(getattr(_native, name)) if not part.startswith("_")} if members else set()
        assert {part.name for part in members if not part.name.startswith("_")} == real, name


def test_the_stub_names_the_parameters_of_the_extension():
    from beringia import _native

    stub = ast.parse((Path(beringia.__file__).parent / "_native.pyi").read_text(encoding="utf-8"))
    (pool,) = (node for node in stub.body if getattr(node, "name", None) == "Pool")
    for part in pool.body:
        if not isinstance(part, ast.FunctionDef) or part.name.startswith("_") or part.decorator_list:
            continue
        declared = [each.arg for each in [*part.args.args, *part.args.kwonlyargs]]
        assert declared == list(inspect.signature(getattr(_native.Pool, part.name)).parameters), part.name


def test_every_error_is_of_one_base_with_its_fields():
    for error in beringia.errors.BY_CODE.values():
        made = error("what happened", group="k=1", traceback="Traceback …", function="fit")
        assert isinstance(made, beringia.errors.BeringiaError)
        assert (made.group, made.traceback, made.function, made.code) == ("k=1", "Traceback …", "fit", error.code)


def test_types_are_published():
    assert (Path(beringia.__file__).parent / "py.typed").is_file()
