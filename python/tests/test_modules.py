"""Modules beside the user's program: they are found, and edits of them reach workers that live."""

from __future__ import annotations

import importlib
import numbers
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pytest

from beringia import Pool, _function, numpy_map

ONE = {"x": np.zeros(1)}


@pytest.fixture
def pool():
    with Pool(workers=1) as pool:
        yield pool


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory whose modules are found as those beside a console."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("edited")]:
        del sys.modules[name]


def says(f, pool):
    return numpy_map(f, ONE, pa.schema({"y": pa.string()}), pool=pool)["y"][0].as_py()


def edit(file, text, *modules):
    """Write `file`, and load the modules anew here."""
    file.write_text(text)
    importlib.invalidate_caches()
    for module in modules:
        importlib.reload(module)


def test_modules_beside_a_console_are_found(place, pool):
    edit(place / "edited_a.py", "def f(x):\n    return 'found'\n")
    import edited_a

    assert says(lambda x: edited_a.f(x), pool) == "found"
    assert says(edited_a.f, pool) == "found"


def test_an_edited_module_is_loaded_anew(place, pool):
    edit(place / "edited_b.py", "def f(x):\n    return 'old'\n")
    import edited_b

    def imports(x):
        import edited_b

        return edited_b.f(x)

    def refers(x):
        return edited_b.f(x)

    assert {says(refers, pool), says(imports, pool), says(edited_b.f, pool)} == {"old"}
    edit(place / "edited_b.py", "def f(x):\n    return 'a new one'\n", edited_b)
    assert {says(refers, pool), says(imports, pool), says(edited_b.f, pool)} == {"a new one"}


def test_so_is_what_imports_it(place, pool):
    edit(place / "edited_c.py", "def name():\n    return 'old'\n")
    edit(place / "edited_d.py", "from edited_c import name\ndef f(x):\n    return name()\n")
    import edited_c
    import edited_d

    assert says(lambda x: edited_d.f(x), pool) == "old"
    edit(place / "edited_c.py", "def name():\n    return 'a new one'\n", edited_c, edited_d)
    assert says(lambda x: edited_d.f(x), pool) == "a new one"


def test_a_function_keeps_its_bytes_while_its_modules_stay(place):
    edit(place / "edited_e.py", "def f(x):\n    return 'old'\n")
    import edited_e

    first = _function.dump(edited_e.f)
    assert _function.dump(edited_e.f) == first
    edit(place / "edited_e.py", "def f(x):\n    return 'a new one'\n", edited_e)
    assert _function.dump(edited_e.f) != first


def archive(path, **modules):
    with zipfile.ZipFile(path, "w") as file:
        for name, text in modules.items():
            file.writestr(f"{name}.py", text)
    return str(path)


def test_a_module_is_found_where_the_path_of_the_job_has_it_first(place, pool, monkeypatch):
    def imports(x):
        import edited_f
        import edited_g

        return edited_f.f() + edited_g.f()

    says_so = "def f():\n    return '{} '\n".format
    old = archive(place / "old.zip", edited_f=says_so("old"), edited_g=says_so("only"), numbers=says_so("shadow"))
    monkeypatch.syspath_prepend(old)
    assert says(imports, pool) == "old only "
    monkeypatch.syspath_prepend(archive(place / "new.zip", edited_f=says_so("new")))
    assert says(imports, pool) == "new only "
    assert says(lambda x: __import__("numbers").__file__, pool) == numbers.__file__
